"""Six machines over three zones, as objects: the scheduler and the controllers know no better."""

from tests.engine.control_plane.api import Api, Object, Reference, wait_for

ZONES = ("a", "b", "c")
NODES_PER_ZONE = 2
ZONE_LABEL = "topology.kubernetes.io/zone"
HOST_LABEL = "kubernetes.io/hostname"
#: More than any stack of a test asks for; what is to be judged is the spread, not the size.
_CAPACITY = {"cpu": "64", "memory": "512Gi", "pods": "250", "ephemeral-storage": "1Ti"}


class Nodes:
    """The nodes of a control plane; ``restore`` undoes whatever a test did to them."""

    def __init__(self, api: Api) -> None:
        """Make none yet."""
        self._api = api

    def restore(self) -> None:
        """Six nodes, all ready, none cordoned."""
        for zone in ZONES:
            for name in names(zone):
                self._restore(name, zone)

    def lose_zone(self, zone: str) -> None:
        """The machines of a zone are gone for good, and their pods with them.

        The pod garbage collector takes a minute to find that a pod's node is gone; this is what
        it does then, at once.
        """
        for name in names(zone):
            self._api.delete(Reference("v1", "Node", name))
            for pod in self._api.objects("v1", "Pod", fieldSelector=f"spec.nodeName={name}"):
                self._api.delete(Reference.of(pod), grace_s=0)

    def cordon_zone(self, zone: str) -> None:
        """Nothing new is placed in a zone; what is there stays."""
        for name in names(zone):
            self._api.patch(Reference("v1", "Node", name), {"spec": {"unschedulable": True}})

    def uncordon_zone(self, zone: str) -> None:
        """New pods may be placed in a zone again."""
        for name in names(zone):
            self._api.patch(Reference("v1", "Node", name), {"spec": {"unschedulable": None}})

    def zone_of(self, pod: Object) -> str | None:
        """The zone a pod was placed in, or None while it waits."""
        name: str | None = pod["spec"].get("nodeName")
        return name.split("-")[1] if name else None

    def _restore(self, name: str, zone: str) -> None:
        reference = Reference("v1", "Node", name)
        if self._api.get(reference) is None:
            labels = {ZONE_LABEL: zone, HOST_LABEL: name, "kubernetes.io/os": "linux"}
            node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}}
            node["metadata"] = {"name": name, "labels": labels}
            self._api.create(node)
        self._api.patch(reference, _status(name), "status")
        # The API server itself marks a new node as not ready; a cordon is a field and a taint.
        wait_for(f"node {name} to take pods", lambda: self._cleared(reference), timeout_s=30)

    def _cleared(self, reference: Reference) -> bool:
        node = self._api.get(reference)
        if node is None:
            return False
        spec = node["spec"]
        if not spec.get("taints") and not spec.get("unschedulable"):
            return True
        self._api.patch(reference, {"spec": {"taints": None, "unschedulable": None}})
        return False


def names(zone: str) -> tuple[str, ...]:
    """The nodes of a zone."""
    return tuple(f"node-{zone}-{number}" for number in range(NODES_PER_ZONE))


def _status(name: str) -> Object:
    ready = {"type": "Ready", "status": "True", "reason": "KubeletReady"}
    addresses = [{"type": "Hostname", "address": name}]
    return {
        "status": {
            "capacity": _CAPACITY,
            "allocatable": _CAPACITY,
            "conditions": [ready],
            "addresses": addresses,
        }
    }
