"""The limits of each step: the failover budget's prediction, or what the experiment says."""

from blueprint.failover_budget import Recovery, predict
from blueprint.failover_profile import DEFAULT_PROFILE, PROFILES, FailoverProfile
from blueprint.outputs import StackOutputs
from blueprint.strimzi import in_force_on
from chaos.experiment.model import Experiment, Step
from chaos.faults import REGISTRY


def profile_of(outputs: StackOutputs) -> FailoverProfile:
    """The failover profile of a cluster; the default where its outputs name an unknown one.

    On Kubernetes it is what Strimzi lets through of it.
    """
    declared = PROFILES.get(outputs.profile, PROFILES[DEFAULT_PROFILE])
    return in_force_on(outputs.target, declared)


def prediction(outputs: StackOutputs, step: Step, *, controller_inside: bool) -> Recovery:
    """What the budget says of one step."""
    return predict(
        profile_of(outputs),
        REGISTRY[step.fault].loss,
        controller_inside=controller_inside,
        fault_s=step.hold_s,
        latency_s=(step.latency_ms or 0.0) / 1000,
    )


def limits(experiment: Experiment, predicted: Recovery) -> dict[str, float]:
    """The limits of the four recovery times, in seconds."""
    said = experiment.limits.recovery
    return predicted.as_dict() if said == "budget" else said.model_dump()
