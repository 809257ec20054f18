"""How records are written and read: in batches, compressed, within bounds."""

from collections.abc import Iterator

from policies.rule import Rule
from policies.rules.wanted import at_least, exactly, one_of, said_first, there, within
from policies.said import Settings
from policies.view import View
from policies.violation import Violation

FAMILY = "clients"
#: Rule 1 of the practices, held here by itself: bytes, and milliseconds.
LEAST_BATCH_BYTES, LINGER_MS = 65_536, (5, 20)
#: Rule 2 of the practices.
CODECS = ("zstd", "lz4")
#: librdkafka's own, where nothing is said.
_BATCH_BYTES, _LINGER_MS, _RECORDS, _READ_AHEAD_KIB = 1_000_000, 5, 100_000, 65_536
_DELIVERY_MS = 300_000
#: Half an hour: who waits longer for an answer has no bound that anybody would notice.
_LONGEST_DELIVERY_MS = 1_800_000
#: What librdkafka takes, in KiB; without a bound it is nobody's intention.
_MOST_READ_AHEAD_KIB = 1 << 20
_MOST_RECORDS = 10_000_000


def _batching(view: View) -> Iterator[Violation]:
    for settings in _producers(view):
        yield from at_least(settings.said("batch.size"), LEAST_BATCH_BYTES, _BATCH_BYTES)
        linger = said_first(settings, "linger.ms", "queue.buffering.max.ms")
        yield from within(linger, *LINGER_MS, default=_LINGER_MS)


def _compression(view: View) -> Iterator[Violation]:
    for settings in _producers(view):
        codec = said_first(settings, "compression.type", "compression.codec")
        yield from one_of(codec, CODECS, default="none")


def _bounded(view: View) -> Iterator[Violation]:
    for client in view.clients:
        said = client.settings.said
        if client.produces:
            # Nought is no bound at all to librdkafka, of records and of time.
            records = said("queue.buffering.max.messages")
            yield from within(records, 1, _MOST_RECORDS, default=_RECORDS)
            delivery = said_first(client.settings, "delivery.timeout.ms", "message.timeout.ms")
            yield from within(delivery, 1, _LONGEST_DELIVERY_MS, default=_DELIVERY_MS)
        else:
            ahead = said("queued.max.messages.kbytes")
            yield from within(ahead, 1, _MOST_READ_AHEAD_KIB, default=_READ_AHEAD_KIB)
    for fleet in view.fleets:
        yield from there(fleet.memory, "a limit: what is buffered ends before the machine does")


def _by_hand(view: View) -> Iterator[Violation]:
    for client in view.clients:
        if not client.produces:
            # librdkafka commits every five seconds what it handed over, handled or not.
            said = client.settings.said("enable.auto.commit")
            yield from exactly(said, "false", default="true")


def _producers(view: View) -> Iterator[Settings]:
    yield from (client.settings for client in view.clients if client.produces)


RULES = (
    Rule(
        name="producers-batch",
        family=FAMILY,
        why="A request for each record keeps a cluster at a tenth of what it could take.",
        judge=_batching,
        no_experiment="nothing is lost without it: `make bench` measures what it is worth",
    ),
    Rule(
        name="producers-compress",
        family=FAMILY,
        why="Three copies of every byte cross the zones, and are paid for.",
        judge=_compression,
        no_experiment="nothing is lost without it: `make bench` measures what it is worth",
    ),
    Rule(
        name="buffers-bounded",
        family=FAMILY,
        why="A buffer without a bound takes all memory while brokers are slow, "
        "and what was in it is lost with the process.",
        judge=_bounded,
        no_experiment="the clients here are bounded by themselves; tests/fleet fill their buffers",
    ),
    Rule(
        name="commit-after-processing",
        family=FAMILY,
        why="What is committed before it is done is skipped by whoever takes over from a member "
        "that died.",
        judge=_by_hand,
        experiment="control-commit-before-process",
    ),
)
