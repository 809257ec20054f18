"""What is acknowledged outlives the loss of a zone."""

from collections.abc import Iterator

from policies.rule import Rule, Violation
from policies.rules.wanted import exactly, within
from policies.view import View

FAMILY = "durability"
#: One replica in each of three zones, and an acknowledgement by two of them. Held here by
#: themselves: were they the blueprint's, a blueprint that promised less would be found sound.
REPLICAS, IN_SYNC = 3, 2


def _replicas(view: View) -> Iterator[Violation]:
    for topic in view.topics:
        yield from within(topic.replicas, REPLICAS, REPLICAS)


def _in_sync(view: View) -> Iterator[Violation]:
    for topic in view.topics:
        # Of a new cluster's topics only what stands on the topic itself counts.
        yield from within(topic.settings.said("min.insync.replicas"), IN_SYNC, IN_SYNC)
    for kafka in view.kafka:
        yield from within(kafka.settings.said("min.insync.replicas"), IN_SYNC, IN_SYNC, default=1)


def _unclean(view: View) -> Iterator[Violation]:
    name = "unclean.leader.election.enable"
    held = [one.settings for one in view.topics] + [one.settings for one in view.kafka]
    for settings in held:
        yield from exactly(settings.said(name), "false", default="false")


RULES = (
    Rule(
        name="three-replicas",
        family=FAMILY,
        why="With fewer replicas than zones a lost zone takes the only copy of records with it.",
        judge=_replicas,
        experiment="control-replication-1",
    ),
    Rule(
        name="two-in-sync",
        family=FAMILY,
        why="Acknowledged by one replica, a record is gone with that replica's disk; "
        "acknowledged by three, none can be written once a zone is lost.",
        judge=_in_sync,
        experiment="control-min-isr-1",
    ),
    Rule(
        name="unclean-election-off",
        family=FAMILY,
        why="A replica that missed records and leads all the same takes them from the others too.",
        judge=_unclean,
        experiment="control-unclean-election",
    ),
)
