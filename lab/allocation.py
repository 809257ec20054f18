"""Chooses the addresses of a lab so that two labs, of whichever user, never meet."""

import socket
import zlib
from contextlib import suppress

from blueprint.listeners import Ports
from blueprint.topology import Topology
from lab.addresses import FIRST_SLOT, LAST_SLOT, LabAddresses
from lab.problem import LabError
from lab.state import State, all_states


def allocate(topology: Topology, state: State, wanted: int | None) -> LabAddresses:
    """Find a slot in which every address and port is free.

    Raises:
        LabError: The wanted slot is in use, or no slot is free.
    """
    ports = Ports()
    if wanted is not None:
        addresses = LabAddresses(topology, wanted, ports)
        taken = _taken(addresses)
        if taken:
            raise LabError(
                f"{taken} is in use, so slot {wanted} cannot be had; "
                "leave `slot` out to have a free one chosen, or end what listens there"
            )
        return addresses
    reserved = {_slot_of(other) for other in all_states() if other.folder != state.folder}
    slots = LAST_SLOT - FIRST_SLOT + 1
    # Users of one machine share its loopback and not their caches: begin at different slots.
    first = zlib.crc32(str(state.folder).encode()) % slots
    for step in range(slots):
        slot = FIRST_SLOT + (first + step) % slots
        addresses = LabAddresses(topology, slot, ports)
        if slot not in reserved and not _taken(addresses):
            return addresses
    raise LabError("no free loopback addresses are left; `python -m lab status` lists the labs")


def _slot_of(state: State) -> int | None:
    with suppress(LabError):
        return state.read()[1]
    return None


def _taken(addresses: LabAddresses) -> str:
    """The first endpoint of a slot that cannot be bound, or nothing."""
    links = addresses.topology.links()
    endpoints = [addresses.listen(link) for link in links]
    endpoints += [addresses.upstream(link) for link in links]
    endpoints += [addresses.api(zone) for zone in addresses.topology.zones]
    for endpoint in dict.fromkeys(endpoints):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((endpoint.host, endpoint.port))
            except OSError:
                return str(endpoint)
    return ""
