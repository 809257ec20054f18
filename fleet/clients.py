"""A fleet's settings as librdkafka wants them: the blueprint's, within what may be in flight."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from blueprint.client_settings import (
    Goal,
    GroupProtocol,
    Setting,
    consumer_settings,
    producer_settings,
)
from blueprint.failover_profile import PROFILES, FailoverProfile
from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from fleet.settings import MAX_POLL_INTERVAL_S, FleetSettings

#: Fetched ahead beside what is in flight: a quarter of it, so that memory stays within 1.5 times.
_AHEAD = 4
_LEAST_AHEAD_KIB, _MOST_AHEAD_KIB = 1024, 65_536
#: A fetch is bounded as it travels, compressed; JSON is a quarter to a fifth of itself then. One is
#: under way from each broker, so an eighth each keeps what was fetched near what may be ahead.
_FETCH_PART = 8
_LEAST_FETCH_BYTES = 256 * 1024
#: From one partition at once, so that one fetch brings something of several.
PARTITION_FETCH_BYTES = 256 * 1024
#: librdkafka postpones a partition's next fetch by 1 s once its queue is full; at 500,000 records
#: a second a queue of 16 MB is empty after 30 ms.
FETCH_QUEUE_BACKOFF_MS = 10
_DEAD_LETTER_LINGER_MS = 5
#: One record of a partition is looked at for its time stamp; a broker answers with a whole batch.
_STAMP_FETCH_BYTES = 16 * 1024
#: Of a consumer's settings what any client has.
_ANY_CLIENT = (
    "bootstrap.",
    "socket.",
    "reconnect.",
    "retry.",
    "topic.metadata.",
    "security.",
    "ssl.",
    "sasl.",
)


@dataclass(frozen=True, slots=True)
class Clients:
    """Settings of a process's clients, in librdkafka's names; secrets are among them.

    Attributes:
        consumer: Of its member.
        letters: Of who writes its dead letters.
    """

    consumer: Mapping[str, Setting] = field(repr=False)
    letters: Mapping[str, Setting] = field(repr=False)


def profile_of(outputs: StackOutputs) -> FailoverProfile:
    """The failover profile of a stack.

    Raises:
        BadInput: The outputs name one that this version does not know.
    """
    if outputs.profile not in PROFILES:
        raise BadInput([Problem("profile", repr(outputs.profile), ", ".join(PROFILES))])
    return PROFILES[outputs.profile]


def bootstrap_of(outputs: StackOutputs, zone: str | None) -> str:
    """The brokers to begin with, as reached from a zone; from the first where none is said.

    Raises:
        BadInput: The stack has no such zone.
    """
    known = outputs.bootstrap_servers
    if zone is not None and zone not in known:
        raise BadInput([Problem("zone", repr(zone), ", ".join(sorted(known)))])
    return known[zone if zone is not None else outputs.zones[0]]


def member_settings(
    settings: FleetSettings,
    profile: FailoverProfile,
    bootstrap: str,
    zone: str | None = None,
) -> dict[str, Setting]:
    """One member's consumer, from the blueprint."""
    known = consumer_settings(profile, bootstrap, settings.group, settings.protocol)
    return bounded(known, settings, zone)


def bounded(
    known: Mapping[str, Setting], settings: FleetSettings, zone: str | None = None
) -> dict[str, Setting]:
    """A consumer that fetches ahead what it has room for and resets nothing silently."""
    ahead_kib = settings.in_flight_bytes // _AHEAD // 1024
    ahead_kib = max(_LEAST_AHEAD_KIB, min(_MOST_AHEAD_KIB, ahead_kib))
    found = dict(known) | {
        "queued.max.messages.kbytes": ahead_kib,
        "queued.min.messages": max(1000, settings.in_flight_records),
        "fetch.max.bytes": max(_LEAST_FETCH_BYTES, ahead_kib * 1024 // _FETCH_PART),
        "max.partition.fetch.bytes": PARTITION_FETCH_BYTES,
        "fetch.queue.backoff.ms": FETCH_QUEUE_BACKOFF_MS,
        "max.poll.interval.ms": MAX_POLL_INTERVAL_S * 1000,
        # A position that is not in the log is said, then begun anew at what is left of it.
        "auto.offset.reset": "error",
    }
    if settings.instance is not None:
        found["group.instance.id"] = settings.instance
    return found | ({"client.rack": zone} if zone is not None else {})


def dead_letter_settings(profile: FailoverProfile, bootstrap: str) -> dict[str, Setting]:
    """The producer of dead letters: rare records that somebody waits for."""
    latency = producer_settings(profile, bootstrap, Goal.LATENCY)
    return latency | {"linger.ms": _DEAD_LETTER_LINGER_MS}


def lag_admin_settings(profile: FailoverProfile, bootstrap: str) -> dict[str, Setting]:
    """Who asks for offsets: a client that is no consumer."""
    return of_any_client(consumer_settings(profile, bootstrap, ""))


def of_any_client(known: Mapping[str, Setting]) -> dict[str, Setting]:
    """Of a consumer's settings what any client has: how it connects, and as whom."""
    return {name: value for name, value in known.items() if name.startswith(_ANY_CLIENT)}


def stamp_settings(profile: FailoverProfile, bootstrap: str, group: str) -> dict[str, Setting]:
    """A consumer that looks at single records: in no group, and fetching as little as can be."""
    return at_single_records(
        consumer_settings(profile, bootstrap, group, GroupProtocol.EAGER), group
    )


def at_single_records(known: Mapping[str, Setting], group: str) -> dict[str, Setting]:
    """A consumer that fetches as little as can be and commits nothing."""
    return dict(known) | {
        "group.id": group,
        "enable.auto.commit": False,
        "queued.min.messages": 1,
        "queued.max.messages.kbytes": 1024,
        "fetch.queue.backoff.ms": FETCH_QUEUE_BACKOFF_MS,
        "fetch.message.max.bytes": _STAMP_FETCH_BYTES,
        "enable.partition.eof": True,
        "auto.offset.reset": "error",
    }
