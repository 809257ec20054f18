"""Which target outputs describe."""

from collections.abc import Callable, Mapping

from blueprint.outputs import StackOutputs
from chaos.targets.aws import AwsTarget
from chaos.targets.kubernetes import KubernetesTarget
from chaos.targets.lab import LabTarget
from chaos.targets.target import Target

_TARGETS: Mapping[str, Callable[[StackOutputs], Target]] = {
    "lab": LabTarget.of,
    "aws": AwsTarget.of,
    "kubernetes": KubernetesTarget,
}


def target_of(outputs: StackOutputs) -> Target:
    """The target that outputs describe; nothing is changed.

    Raises:
        BadInput: There is none where they say.
        TargetError: It was never ready, or cannot be asked.
    """
    return _TARGETS[outputs.target](outputs)
