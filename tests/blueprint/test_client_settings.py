"""Client settings in librdkafka's names."""

import pytest
from confluent_kafka import Consumer, Producer

from blueprint.client_settings import Goal, GroupProtocol, consumer_settings, producer_settings
from blueprint.failover_profile import PROFILES, FailoverProfile

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
