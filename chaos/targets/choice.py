"""Which target outputs describe."""

from collections.abc import Callable, Mapping

from blueprint.outputs import StackOutputs
from blueprint.problem import BadInput, Problem
from chaos.targets.aws import AwsTarget
from chaos.targets.lab import LabTarget
from chaos.targets.target import Target

_TARGETS: Mapping[str, Callable[[StackOutputs], Target]] = {
    "lab": LabTarget.of,
    "aws": AwsTarget.of,
}


def target_of(outputs: StackOutputs) -> Target:
    """The target that outputs describe; nothing is changed.

    Raises:
        BadInput: There is none for outputs of that kind, or none where they say.
        TargetError: It was never ready, or cannot be asked.
    """
    make = _TARGETS.get(outputs.target)
    if make is None:
        legal = ", ".join(_TARGETS)
        remedy = "the suite does not disturb other targets yet"
        raise BadInput([Problem("outputs.target", repr(outputs.target), legal, remedy)])
    return make(outputs)
