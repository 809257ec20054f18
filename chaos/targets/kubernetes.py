"""A stack on Kubernetes as a target: it is loaded and watched, and nothing of it is disturbed."""

from blueprint.outputs import StackOutputs
from chaos.leases import Place
from chaos.targets.target import Untouchable


class KubernetesTarget(Untouchable):
    """One stack on Kubernetes. Experiments that only load it or change the group run on it."""

    def __init__(self, outputs: StackOutputs) -> None:
        """Bind to a stack; nobody is asked."""
        self.outputs = outputs
        self.place = Place(target="kubernetes", name=outputs.stack)
