"""zone-replaced: the machines of a zone die with their disks, and new ones take their place."""

from collections.abc import Sequence

from chaos.faults.az_kill import AzKill
from chaos.faults.fault import Effect
from chaos.faults.zone_view import Emptied
from chaos.targets.target import Ability


class ZoneReplaced(AzKill):
    """SIGKILL of every node of one zone; its brokers come back with nothing on their disks."""

    name = "zone-replaced"
    says = "A zone's machines die and their disks with them; its brokers come back empty."
    needs = frozenset({Ability.NODES, Ability.DISKS})

    def inject(self) -> None:
        """Kill them and empty the brokers' disks."""
        super().inject()
        self._emptied = Emptied.make(self._scene)

    def effects(self) -> Sequence[Effect]:
        """Refused connections and fencing, and replicas that are gone."""
        return (*super().effects(), self._emptied.effect(self._scene))
