"""What is in force under Strimzi of what the blueprint renders."""

from pathlib import Path

import pytest

from blueprint.broker_settings import BrokerSettings
from blueprint.failover_budget import Loss, predict
from blueprint.failover_profile import BALANCED, PROFILES, FailoverProfile
from blueprint.security import Security
from blueprint.strimzi import (
    Deviation,
    Fate,
    config,
    deviations,
    effective_settings,
    forbidden,
    in_force,
)
from blueprint.topology import three_zones

DOCS = Path(__file__).parents[2] / "docs" / "kubernetes.md"
TOPOLOGY = three_zones(2)
SECURED = BrokerSettings(security=Security.SCRAM)


@pytest.mark.parametrize(
    ("name", "dropped"),
    [
        ("broker.session.timeout.ms", False),
        ("broker.heartbeat.interval.ms", False),
        ("controller.socket.timeout.ms", False),
        ("controller.quorum.fetch.timeout.ms", False),
        ("controller.quorum.request.timeout.ms", True),
        ("broker.rack", True),
        ("Log.Dirs", True),
        ("log.retention.ms", False),
        ("listeners", True),
        ("num.partitions", False),
    ],
)
def test_what_strimzi_drops_is_known(name: str, dropped: bool) -> None:
    """A name is dropped by its beginning, in whichever case, unless it is an exception."""
    assert forbidden(name) is dropped


def test_nothing_that_is_said_is_dropped() -> None:
    """Every setting of the resource is heard, and every one of the blueprint is said or listed."""
    said = config(TOPOLOGY, SECURED)
    assert not [name for name in said if forbidden(name)]
    assert effective_settings({"spec": {"kafka": {"config": said}}}) == said


@pytest.mark.parametrize("security", Security)
def test_what_is_not_in_force_as_rendered_is_listed(security: Security) -> None:
    """Two settings alone are not what the blueprint means; all else is said, or is Strimzi's."""
    listed = deviations(TOPOLOGY, BrokerSettings(security=security))
    assert [one for one in listed if one.fate is not Fate.OWNED] == [
        Deviation(
            "controller.quorum.fetch.timeout.ms",
            Fate.ONE_FOR_ALL,
            ("500", "650", "690", "730"),
            "650",
        ),
        Deviation("controller.quorum.request.timeout.ms", Fate.DROPPED, ("350", "800"), "2000"),
    ]


def test_a_cluster_of_any_size_says_the_same() -> None:
    """How many brokers there are changes no setting of the resource."""
    assert config(three_zones(1), SECURED) == config(three_zones(334), SECURED)


def test_a_change_of_the_blueprint_is_the_same_change_of_the_resource() -> None:
    """An override is one changed value."""
    changed = BrokerSettings(security=Security.SCRAM, overrides={"num.io.threads": "16"})
    old, new = config(TOPOLOGY, SECURED), config(TOPOLOGY, changed)
    assert new == old | {"num.io.threads": "16"}


def test_the_budget_is_made_of_what_is_in_force() -> None:
    """A stall of the active controller's zone is felt twice as long as on hosts of our own."""

    def produce_s(profile: FailoverProfile, loss: Loss, inside: bool) -> float:
        return predict(profile, loss, controller_inside=inside).produce_s

    strimzi = in_force(BALANCED)
    assert produce_s(BALANCED, Loss.BLACKHOLE, True) == 4.69
    assert produce_s(strimzi, Loss.BLACKHOLE, True) == 9.45
    for loss, inside in ((Loss.KILL, False), (Loss.BLACKHOLE, False), (Loss.NONE, False)):
        assert produce_s(strimzi, loss, inside) == produce_s(BALANCED, loss, inside)


@pytest.mark.parametrize("profile", PROFILES.values(), ids=PROFILES)
def test_what_clients_and_sessions_wait_is_as_declared(profile: FailoverProfile) -> None:
    """Only the quorum's own four time-outs differ."""
    declared, real = profile, in_force(profile)
    names = FailoverProfile.__slots__
    differing = {name for name in names if getattr(declared, name) != getattr(real, name)}
    assert differing <= {
        "controller_quorum_fetch_stagger_ms",
        "broker_quorum_fetch_timeout_ms",
        "controller_quorum_request_timeout_ms",
        "broker_quorum_request_timeout_ms",
    }


def test_the_page_says_what_is_computed() -> None:
    """Every deviation and every predicted time of docs/kubernetes.md is the blueprint's own."""
    page = DOCS.read_text()
    for one in deviations(TOPOLOGY, SECURED):
        if one.fate is not Fate.OWNED:
            row = next(line for line in page.splitlines() if f"| `{one.name}` |" in line)
            assert all(value in row for value in (*one.rendered, one.in_force or ""))
    for name in ("balanced", "relaxed", "tight"):
        for loss in (Loss.KILL, Loss.BLACKHOLE):
            for inside in (False, True):
                own, strimzi = (
                    predict(profile, loss, controller_inside=inside).produce_s
                    for profile in (PROFILES[name], in_force(PROFILES[name]))
                )
                where = "inside" if inside else "outside"
                assert f"| {name} | {loss} | {where} | {own:.2f} | {strimzi:.2f} |" in page
