"""What an instance answers, from its figures alone; and the server that answers it."""

import socket
import urllib.error
import urllib.request
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from blueprint.problem import BadInput
from fleet.buffer import BufferState
from fleet.crew import CrewFigures
from fleet.delivery import ProducerFigures
from fleet.deployed import Address
from fleet.health import SPARE_AFTER_S, Health, live, patience, ready
from fleet.keeping_up import WINDOW_S, KeepingUp
from fleet.member import MemberFigures
from fleet.metrics import MemberCollector, ProducerCollector, SignalCounts
from fleet.pressure import Flow, Load
from fleet.record import Partition
from fleet.signals import Signal, SignalKind, unheard

CREW = CrewFigures(Load(80, 8000), 2, 1, 3, 4)
FIGURES = MemberFigures(
    delivered=Load(100, 10_000),
    in_flight=Load(20, 2000),
    flow=Flow.OPEN,
    partitions=3,
    assigned=True,
    joined_s=0.0,
    leaving=False,
    hanging=1,
    standing=2,
    lags={Partition("t", 1): 42},
    keeps_up=True,
    turned_s=0.0,
    crew=CREW,
)
LIMITS = patience(30)


class Judged:
    """A judgement that is given."""

    def __init__(self, keeps_up: bool) -> None:
        """Say this."""
        self._keeps_up = keeps_up

    def keeps_up(self) -> bool:
        """What was given."""
        return self._keeps_up


@given(st.booleans(), st.booleans(), st.booleans(), st.floats(0, 1000), st.integers(0, 9))
def test_ready_is_assigned_and_keeping_up_and_not_leaving(
    assigned: bool, leaving: bool, keeps_up: bool, now_s: float, partitions: int
) -> None:
    """And alive; one that is spare is as ready as any, or no rolling update would ever end."""
    figures = replace(FIGURES, assigned=assigned, leaving=leaving, partitions=partitions)
    alive = live(figures, now_s, LIMITS).good
    assert alive == (now_s <= LIMITS.still)
    verdict = ready(figures, now_s, LIMITS, Judged(keeps_up))
    settled = assigned or now_s > 30 + SPARE_AFTER_S
    assert verdict.good == (alive and settled and keeps_up and not leaving)
    assert not ready(
        replace(figures, assigned=False, joined_s=None), now_s, LIMITS, Judged(True)
    ).good


@given(st.lists(st.integers(0, 40_000), min_size=1, max_size=50), st.integers(1, 10))
def test_who_keeps_up_is_normal_or_less_behind_than_before(lags: list[int], every_s: int) -> None:
    """Than at the beginning of the window; other partitions begin another window."""
    member = KeepingUp()
    for number, lag in enumerate(lags):
        member.look({Partition("t", 0): lag}, float(number * every_s))
    before = lags[max(0, len(lags) - 1 - int(WINDOW_S // every_s))]
    assert member.good == (lags[-1] < 10_000 or lags[-1] < before)
    member.look({Partition("t", 1): 10_000}, float(len(lags) * every_s))
    assert not member.good


def get(port: int, path: str) -> tuple[int, str]:
    """Status and content."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def test_it_answers_on_loopback_and_ends() -> None:
    """Ready and then not; a port that somebody has is refused by its number."""
    standing = [replace(FIGURES, turned_s=float("inf"))]
    health = Health(lambda: standing[0], CollectorRegistry(), 30)
    with health.served(Address()) as port:
        assert get(port, "/live") == (200, '{"live": true, "why": "its loop goes round"}')
        assert get(port, "/ready?now")[0] == 200
        standing[0] = replace(standing[0], keeps_up=False)
        assert get(port, "/ready")[0] == 503
        standing[0] = replace(standing[0], keeps_up=True, leaving=True)
        assert get(port, "/ready") == (503, '{"ready": false, "why": "it was told to end"}')
        standing[0] = replace(standing[0], turned_s=float("-inf"))
        assert get(port, "/live")[0] == 503
        assert get(port, "/other")[0] == 404
        with pytest.raises(BadInput, match=f"127.0.0.1:{port}"), health.served(Address(port=port)):
            pass
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port), 5)


def test_every_figure_is_a_metric() -> None:
    """Counters count, gauges stand, and signals are there from the beginning."""
    registry = CollectorRegistry()
    signals = SignalCounts("billing", unheard)
    registry.register(signals)
    registry.register(MemberCollector("billing", lambda: FIGURES))
    produced = ProducerFigures(BufferState.FULL, in_flight_records=7, delivered=9, shed=1)
    registry.register(ProducerCollector("orders", lambda: produced))
    signals.tell(Signal(SignalKind.STALLED))
    families = text_string_to_metric_families(generate_latest(registry).decode())
    samples = {
        (s.name, s.labels.get("kind", "")): s.value for family in families for s in family.samples
    }
    assert samples["quorate_fleet_delivered_records_total", ""] == 100
    assert samples["quorate_fleet_in_flight_bytes", ""] == 2000
    assert samples["quorate_fleet_paused", ""] == 0
    assert samples["quorate_fleet_hanging", ""] == 1
    assert samples["quorate_fleet_lag_records", ""] == 42
    assert samples["quorate_fleet_stalled_partitions", ""] == 2
    assert samples["quorate_fleet_poisoned_total", ""] == 4
    assert samples["quorate_fleet_signals_total", "stalled"] == 1
    assert samples["quorate_fleet_signals_total", "hung"] == 0
    assert samples["quorate_producer_full", ""] == 1
    assert samples["quorate_producer_delivered_records_total", ""] == 9
    assert samples["quorate_producer_shed_records_total", ""] == 1
