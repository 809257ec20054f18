"""Client settings in librdkafka's names."""

import pytest
from confluent_kafka import Consumer, Producer
from hypothesis import given
from hypothesis import strategies as st

from blueprint.client_settings import Goal, GroupProtocol, consumer_settings, producer_settings
from blueprint.demand import Demand
from blueprint.failover_profile import PROFILES, FailoverProfile
from blueprint.planner import plan
from blueprint.producer_batching import producer_batching

NOWHERE = "127.0.0.1:1"


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("goal", Goal)
def test_librdkafka_accepts_every_producer(profile: FailoverProfile, goal: Goal) -> None:
    """No profile and goal makes a combination that the client refuses."""
    settings = producer_settings(profile, NOWHERE, goal)
    assert settings["acks"] == "all"
    assert settings["enable.idempotence"] is True
    assert int(settings["batch.size"]) >= 64 * 1024
    assert 5 <= int(settings["linger.ms"]) <= 20
    Producer(settings | {"log_level": 0}).flush(0)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
@pytest.mark.parametrize("protocol", GroupProtocol)
def test_librdkafka_accepts_every_consumer(
    profile: FailoverProfile, protocol: GroupProtocol
) -> None:
    """Every protocol is accepted, and nothing is committed unasked."""
    settings = consumer_settings(profile, NOWHERE, "group", protocol)
    assert settings["enable.auto.commit"] is False
    Consumer(settings | {"log_level": 0}).close()


@given(st.integers(100, 200_000), st.integers(100, 2000), st.floats(15, 500))
def test_goals_are_in_their_order_whatever_the_plan(events: int, size: int, latency: float) -> None:
    """Latency gathers no more and waits no longer than balanced, and that than throughput."""
    asked = {"peak_events_per_s": events, "mean_event_bytes": size, "latency_ms": latency}
    made = plan(Demand.model_validate(asked))
    found = [
        producer_batching(made, goal) for goal in (Goal.LATENCY, Goal.BALANCED, Goal.THROUGHPUT)
    ]
    for name in ("batch.size", "linger.ms"):
        values = [int(one[name]) for one in found]
        assert values == sorted(values)
        assert values[1] == (made.batch_bytes if name == "batch.size" else made.linger_ms).value
    assert int(found[0]["batch.size"]) >= 65_536
    for one in found:
        Producer({**one, "log_level": 0}).flush(0)
