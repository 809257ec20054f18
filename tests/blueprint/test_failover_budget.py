"""The failover budget."""

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from blueprint.failover_budget import TYPICAL, Loss, predict
from blueprint.failover_profile import BALANCED, KAFKA_DEFAULTS, PROFILES

TIMEOUTS = [field.name for field in dataclasses.fields(BALANCED) if field.name.endswith("_ms")]


@given(
    st.sampled_from(TIMEOUTS),
    st.integers(1, 100_000),
    st.sampled_from(Loss),
    st.booleans(),
)
def test_a_longer_time_out_never_shortens_a_prediction(
    name: str, more_ms: int, loss: Loss, inside: bool
) -> None:
    """The budget is monotone in every setting it is made of."""
    slower = dataclasses.replace(BALANCED, **{name: getattr(BALANCED, name) + more_ms})
    before = predict(BALANCED, loss, controller_inside=inside).as_dict()
    after = predict(slower, loss, controller_inside=inside).as_dict()
    assert all(after[figure] >= before[figure] for figure in before)


def test_the_worst_case_holds_the_active_controller() -> None:
    """Losing the active controller's zone is never predicted to be cheaper."""
    for profile in PROFILES.values():
        for loss in Loss:
            outside = predict(profile, loss, controller_inside=False)
            inside = predict(profile, loss, controller_inside=True)
            assert inside.produce_s >= outside.produce_s


def test_the_prediction_covers_what_was_measured() -> None:
    """Longest gaps between acknowledgements on three zones, Kafka 4.3.1, two cores."""
    measured = [
        (KAFKA_DEFAULTS, Loss.KILL, False, 8.3),
        (KAFKA_DEFAULTS, Loss.BLACKHOLE, False, 61.0),
        (BALANCED, Loss.KILL, False, 1.7),
        (BALANCED, Loss.KILL, True, 2.9),
        (BALANCED, Loss.BLACKHOLE, False, 1.9),
        (BALANCED, Loss.BLACKHOLE, True, 3.4),
    ]
    for profile, loss, inside, seconds in measured:
        assert predict(profile, loss, controller_inside=inside).produce_s >= seconds


def test_the_default_profile_tolerates_what_it_promises() -> None:
    """A 500 ms stall of a zone's links fits inside the default profile's tolerance."""
    assert BALANCED.tolerated_stall_ms >= 500


def test_a_fleet_that_was_away_needs_longer_the_longer_it_was() -> None:
    """It commits nothing meanwhile, and drains what arrived; the cluster is not touched."""
    short, long = (
        predict(BALANCED, Loss.FLEET, controller_inside=False, fault_s=s) for s in (5, 10)
    )
    assert long.commit_s >= short.commit_s + 5
    assert long.lag_s >= short.lag_s + 5
    assert (long.produce_s, long.isr_s) == (short.produce_s, short.isr_s)


def test_a_connector_that_was_away_holds_back_everything_that_was_committed() -> None:
    """Whoever commits waits for nothing; whoever reads waits for its start, and then drains."""
    calm = predict(BALANCED, Loss.NONE, controller_inside=False)
    away = predict(BALANCED, Loss.CONNECTOR, controller_inside=False, fault_s=10)
    assert (away.produce_s, away.isr_s) == (calm.produce_s, calm.isr_s)
    assert away.commit_s >= calm.commit_s + 10 + TYPICAL.connector_start_s
    assert away.lag_s >= away.commit_s
