"""How a stack is run: bounds for every client, a failover within its target, game days."""

from collections.abc import Iterator

from blueprint.access import ADMIN, LAG, SUITE
from blueprint.game_days import GAME_DAYS
from policies.rule import Rule, Scope
from policies.rules.failover import judge_failover
from policies.rules.wanted import exactly, not_as_wanted
from policies.said import Said
from policies.view import View
from policies.violation import Violation

FAMILY = "operations"
#: Our own: no load comes from them but the one that is measured.
_UNBOUNDED = frozenset({ADMIN.name, LAG.name, SUITE.name})
_RATES = ("producer_byte_rate", "consumer_byte_rate", "request_percentage")
_BOUNDED = "a quota of what it writes, reads and asks of every broker"


def _quotas(view: View) -> Iterator[Violation]:
    bounded = {quota.user.text for quota in view.quotas}
    if any(quota.user.unknown for quota in view.quotas):
        return
    named = [one.name for one in view.principals] + [work.group for work in view.works]
    for name in named:
        if not name.unknown and name.text not in bounded | _UNBOUNDED:
            yield Violation(name.urn, name.setting, f"{name.shown} without a quota", _BOUNDED)


def _rates(view: View) -> Iterator[Violation]:
    for quota in view.quotas:
        for rate in _RATES:
            said = quota.settings.said(rate)
            # To Kafka a quota that is not said is none.
            if not said.unknown and not (said.number or 0) > 0:
                yield not_as_wanted(said, "more than 0", default="no bound")


def _bounded(view: View) -> Iterator[Violation]:
    yield from _quotas(view)
    yield from _rates(view)


def _auto_topics(view: View) -> Iterator[Violation]:
    for kafka in view.kafka:
        if kafka.serves_as("broker"):
            said = kafka.settings.said("auto.create.topics.enable")
            yield from exactly(said, "false", default="true")
    for client in view.clients:
        said = client.settings.said("allow.auto.create.topics")
        yield from exactly(said, "false", default="false")


def _scheduled(view: View) -> Iterator[Violation]:
    for kafka in view.kafka[:1]:
        # On this machine whoever sits at it runs one.
        if kafka.here:
            continue
        on = [one for one in view.game_days if one.suspended.unknown or not one.suspended.flag]
        if not on:
            at = view.game_days[0].suspended if view.game_days else _nothing(kafka.urn)
            yield not_as_wanted(at, "a game day on a schedule: quorate:game_day")


def _nothing(urn: str) -> Said:
    return Said(urn, "CronJob: python -m chaos run", None)


def _one_zone(view: View) -> Iterator[Violation]:
    shipped = {name for names in GAME_DAYS.values() for name in names} | {"gameday"}
    for day in view.game_days:
        if not day.experiment.unknown and day.experiment.text not in shipped:
            required = f"one that takes a zone at most: {', '.join(sorted(shipped))}"
            yield not_as_wanted(day.experiment, required)


RULES = (
    Rule(
        name="quotas-on-every-client",
        family=FAMILY,
        why="One client without a bound takes the brokers from all others.",
        judge=_bounded,
        experiment="greedy-consumer",
        scope=Scope.STACK,
    ),
    Rule(
        name="no-topics-by-accident",
        family=FAMILY,
        why="A misspelt name becomes a topic of its own, and what is written there is missed.",
        judge=_auto_topics,
        no_experiment="it is about names that people misspell, not about what Kafka loses",
    ),
    Rule(
        name="failover-within-target",
        family=FAMILY,
        why="The time for which nobody can write is the sum of these time-outs, the client's among "
        "them.",
        judge=judge_failover,
        experiment="control-kafka-defaults",
        scope=Scope.STACK,
    ),
    Rule(
        name="game-day-scheduled",
        family=FAMILY,
        why="What was proved once holds until the first change that nobody tried.",
        judge=_scheduled,
        no_experiment="it is the experiments themselves that would not be run",
        scope=Scope.STACK,
    ),
    Rule(
        name="game-day-one-zone",
        family=FAMILY,
        why="A game day that takes more than a zone takes what no setting here survives.",
        judge=_one_zone,
        no_experiment="the one that takes more zones is refused on any cluster that is there",
    ),
)
