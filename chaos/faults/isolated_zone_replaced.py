"""isolated-zone-replaced: a zone loses its followers first, then its machines with their disks.

What leaders acknowledged alone was on one disk only, and that disk is gone.
"""

from collections.abc import Sequence

from chaos.faults.fault import Effect
from chaos.faults.isolated_zone_kill import IsolatedZoneKill
from chaos.faults.zone_view import Emptied
from chaos.targets.target import Ability


class IsolatedZoneReplaced(IsolatedZoneKill):
    """As isolated-zone-kill; the zone's brokers come back with nothing on their disks."""

    name = "isolated-zone-replaced"
    says = "A zone's leaders lose their followers, go on alone, and die with their disks."
    needs = IsolatedZoneKill.needs | {Ability.DISKS}

    def inject(self) -> None:
        """Leave the leaders alone, kill them, empty their disks."""
        super().inject()
        self._emptied = Emptied.make(self._scene)

    def effects(self) -> Sequence[Effect]:
        """What the kill did, and replicas that are gone."""
        return (*super().effects(), self._emptied.effect(self._scene))
