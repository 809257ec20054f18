"""Consumers keep up, are watched while they do, and apply each event once."""

import re
from collections.abc import Iterator

from blueprint.alerts import DEFICIT_PART
from blueprint.fleet_contract import Variable
from blueprint.fleet_options import CatchUpSettings, DedupRules
from blueprint.fleets import GRACE_MARGIN_S
from policies.resource import Unknown
from policies.rule import Rule, Scope
from policies.rules.wanted import at_least, at_most, not_as_wanted, within, written
from policies.said import Said, Settings
from policies.view import FleetWork, View
from policies.violation import Violation

FAMILY = "consumers"
#: Rule 5 of the practices, in records, held here by themselves.
WARNING, CRITICAL, EMERGENCY = 10_000, 100_000, 1_000_000
#: Each level as PromQL says it: what its expression compares the lag with.
LEVELS = {
    "warning": frozenset({(">=", WARNING), ("<", CRITICAL)}),
    "critical": frozenset({(">=", CRITICAL), ("<=", EMERGENCY)}),
    "emergency": frozenset({(">", EMERGENCY)}),
}
_LAG, _DEFICIT = "quorate_fleet_lag_records", "quorate_fleet_lag_deficit_ratio"
_COMPARED = re.compile(r"(>=|<=|>|<|==|!=)\s*([0-9][0-9_]*(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?)")
#: Rewound by as much as counts as normal lag, a fleet is to know again what it has done.
LEAST_MARGIN = WARNING
#: What a fleet does where its settings say nothing.
_CATCH_UP, _DEDUP = CatchUpSettings(), DedupRules()
#: Emergency is above its number.
_MOST_ENTER = EMERGENCY + 1
#: Kubernetes' own where nothing is said.
_KUBERNETES_GRACE_S = 30
#: One lane is no parallelism.
_LEAST_LANES = 2
#: Rule 13 of the practices: 0.1 to 1 %.
TRACED = (0.001, 0.01)
#: The names by which programs are told of their database.
_DATABASE = re.compile(
    r"(^|_)(DATABASE_URL|DATASOURCE_URL|JDBC_URL|DB_(HOST|URL)|PGHOST|(POSTGRES|MYSQL)\w*_HOST)$"
)
_DEBEZIUM = "io.debezium."


def _lanes(view: View) -> Iterator[Violation]:
    for fleet in view.fleets:
        yield from at_least(fleet.environment.said(Variable.THREADS.value), _LEAST_LANES)


def _drains(view: View) -> Iterator[Violation]:
    for fleet in view.fleets:
        deadline = fleet.environment.said(Variable.DRAIN_DEADLINE_S.value)
        if deadline.unknown:
            continue
        if deadline.number is None:
            yield not_as_wanted(deadline, "seconds")
            continue
        least = deadline.number + GRACE_MARGIN_S
        yield from at_least(fleet.grace_s, least, default=_KUBERNETES_GRACE_S)


def _levels(view: View) -> Iterator[Violation]:
    found = [_compared(one.expression, _LAG) for one in view.alerts]
    hazy = any(one.expression.unknown for one in view.alerts)
    for level, wanted in LEVELS.items():
        if view.fleets and not hazy and wanted not in found:
            required = " and ".join(f"{sign} {written(lag)}" for sign, lag in sorted(wanted))
            yield _unwatched(view, f"alert on lag, level {level}", required)


def _deficit(view: View) -> Iterator[Violation]:
    found = [_compared(one.expression, _DEFICIT) for one in view.alerts]
    hazy = any(one.expression.unknown for one in view.alerts)
    if view.fleets and not hazy and not any((">=", DEFICIT_PART) in one for one in found):
        yield _unwatched(view, "alert on a deficit", f">= {DEFICIT_PART:g} of what arrives")


def _compared(expression: Said, metric: str) -> frozenset[tuple[str, float]]:
    """What an expression about a metric is compared with."""
    text = expression.text or ""
    if metric not in text:
        return frozenset()
    return frozenset((sign, float(number)) for sign, number in _COMPARED.findall(text))


def _unwatched(view: View, what: str, required: str) -> Violation:
    where = view.alerts[0].urn if view.alerts else view.fleets[0].urn
    return Violation(where, what, "none", f"a PrometheusRule with one: {required}")


def _scaled(view: View) -> Iterator[Violation]:
    for scaling in view.scalings:
        for lag in () if isinstance(scaling.lags, Unknown) else scaling.lags:
            # KEDA's own where nothing is said.
            yield from at_most(lag, WARNING, default=10)


def _catch_up(view: View) -> Iterator[Violation]:
    for work in view.works:
        if not _catches_up(work):
            # A handler that is given a transaction has one path: such a fleet cannot.
            if work.dedup is None:
                yield _missing(work, "catch_up", "when the essential alone is done, or dedup")
            continue
        assert work.catch_up is not None
        enter, leave = work.catch_up.said("enter_records"), work.catch_up.said("leave_records")
        yield from at_most(enter, _MOST_ENTER, default=_CATCH_UP.enter_records)
        if not enter.unknown:
            most = _CATCH_UP.enter_records if enter.number is None else enter.number
            yield from at_most(leave, most, _CATCH_UP.leave_records, what="enter_records")


def _catches_up(work: FleetWork) -> bool:
    """Whether a fleet ever does the essential alone; what is not known yet may be so."""
    if work.catch_up is None:
        return False
    when = work.catch_up.said("when")
    return when.unknown or when.absent or when.text in ("auto", "now")


def _dedup(view: View) -> Iterator[Violation]:
    for work in view.works:
        if work.dedup is not None:
            margin = work.dedup.said("margin_records")
            yield from at_least(margin, LEAST_MARGIN, default=_DEDUP.margin_records)
        elif not _catches_up(work):
            yield _missing(work, "dedup", "how it remembers what it has applied, or catch_up")


def _traces(view: View) -> Iterator[Violation]:
    for work in view.works:
        if work.traces is None:
            yield _missing(work, "traces", f"a ratio from {TRACED[0]:g} to {TRACED[1]:g}")
        else:
            yield from within(work.traces.said("ratio"), *TRACED, default=TRACED[0])


def _missing(work: FleetWork, block: str, required: str) -> Violation:
    return Violation(work.urn, f"settings.json: {block}", "nothing", required)


def _outbox(view: View) -> Iterator[Violation]:
    published = any((one.kind.text or "").startswith(_DEBEZIUM) for one in view.connectors)
    if published or any(one.kind.unknown for one in view.connectors):
        return
    for fleet in view.fleets:
        database = next(_databases(fleet.environment), None)
        works = [one for one in view.works if one.file.text == fleet.file.text]
        if database and _publishes(view, works) and not any(one.outbox for one in works):
            found = "a database, and records of its own beside it"
            yield Violation(fleet.urn, database, found, "an outbox: a connector of Debezium's")


def _databases(environment: Settings) -> Iterator[str]:
    for name in environment.names():
        if _DATABASE.search(name):
            yield environment.said(name).setting


def _publishes(view: View, works: list[FleetWork]) -> bool:
    """Whether a fleet writes records besides its dead letters."""
    urns = {one.urn for one in works}
    return any(
        one.urn in urns and one.settings.within.endswith(".producer") for one in view.clients
    )


RULES = (
    Rule(
        name="key-ordered-lanes",
        family=FAMILY,
        why="One lane for a whole partition leaves all processors but one idle.",
        judge=_lanes,
        no_experiment="nothing is lost without it: `make bench` measures what it is worth",
    ),
    Rule(
        name="ends-after-draining",
        family=FAMILY,
        why="An instance that is killed in the middle leaves what it was at to be done again.",
        judge=_drains,
        experiment="fleet-rolling-deploy",
    ),
    Rule(
        name="lag-alerts",
        family=FAMILY,
        why="At other levels than 10K, 100K and 1M people prepare, scale and catch up too late, "
        "or are woken for nothing.",
        judge=_levels,
        experiment="control-deficit",
        scope=Scope.STACK,
    ),
    Rule(
        name="deficit-alert",
        family=FAMILY,
        why="A fleet that is 4 % too slow looks well for hours, and is then beyond saving.",
        judge=_deficit,
        experiment="control-deficit",
        scope=Scope.STACK,
    ),
    Rule(
        name="scaled-before-warning",
        family=FAMILY,
        why="An instance that is started when the lag is a warning already comes too late.",
        judge=_scaled,
        no_experiment="it is KEDA that starts instances, and the lab has none",
    ),
    Rule(
        name="catch-up-configured",
        family=FAMILY,
        why="Far behind, a fleet that goes on doing everything never returns.",
        judge=_catch_up,
        experiment="fleet-catch-up",
    ),
    Rule(
        name="dedup-with-margin",
        family=FAMILY,
        why="Every restart and every rewind hands events over again, to be applied again.",
        judge=_dedup,
        experiment="control-no-dedup",
    ),
    Rule(
        name="outbox-beside-database",
        family=FAMILY,
        why="Of two systems that are written one after the other the second is sometimes not.",
        judge=_outbox,
        experiment="cdc-kill",
        scope=Scope.STACK,
    ),
    Rule(
        name="traces-sampled",
        family=FAMILY,
        why="Traces of every record cost as much as the records; of none they explain nothing.",
        judge=_traces,
        no_experiment="nothing is lost without it: docs/fleet.md has what tracing costs",
    ),
)
