"""What a fleet has put off: a journal of small entries, and what they come to.

An entry is written before the commit that passes it. A member begins its journal of a partition
with where it found the group: what an earlier one wrote of records that are handled anew from there
is void. What a member writes after another has begun is void too: its commits are refused.
"""

import base64
import json
import zlib
from collections.abc import Iterable
from dataclasses import dataclass, field

from fleet.done_ranges import pack, unpack
from fleet.range_set import RangeSet
from fleet.record import Partition
from fleet.watermark import Range

_VERSION = 1


@dataclass(frozen=True, slots=True)
class Begun:
    """A lease begins: everything from a position on is handled anew, but for what was done.

    Attributes:
        lease: A name that no other lease of any member has.
        kept: Ranges above the position that the group has committed as done.
    """

    partition: Partition
    lease: str
    position: int
    kept: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class PutOff:
    """Records of which something is left to be done.

    Attributes:
        deferred: Their essential part is done.
        skipped: Nothing of them is done.
    """

    partition: Partition
    lease: str
    deferred: tuple[Range, ...] = ()
    skipped: tuple[Range, ...] = ()


@dataclass(frozen=True, slots=True)
class Replayed:
    """Nothing of these is left to be done."""

    partition: Partition
    ranges: tuple[Range, ...]


Entry = Begun | PutOff | Replayed


@dataclass(slots=True)
class Owed:
    """What is left of one partition."""

    deferred: RangeSet = field(default_factory=RangeSet)
    skipped: RangeSet = field(default_factory=RangeSet)

    def every(self) -> RangeSet:
        """Both."""
        found = RangeSet(self.deferred)
        for part in self.skipped:
            found.add(*part)
        return found


class Ledger:
    """All entries of a group, taken in the order in which they were written."""

    def __init__(self) -> None:
        """Begin with nothing owed."""
        self._owed: dict[Partition, Owed] = {}
        self._leases: dict[Partition, str] = {}

    def take(self, entry: Entry) -> None:
        """The next entry."""
        owed = self._owed.setdefault(entry.partition, Owed())
        if isinstance(entry, Begun):
            self._leases[entry.partition] = entry.lease
            kept = [Range(0, entry.position), *entry.kept]
            owed.deferred, owed.skipped = owed.deferred.common(kept), owed.skipped.common(kept)
        elif isinstance(entry, Replayed):
            for part in entry.ranges:
                owed.deferred.remove(*part)
                owed.skipped.remove(*part)
        elif self._leases.get(entry.partition) == entry.lease:
            for part in entry.deferred:
                owed.deferred.add(*part)
            for part in entry.skipped:
                owed.skipped.add(*part)

    def owed(self, partition: Partition, below: int) -> Owed:
        """What is left of a partition below the group's committed offset."""
        found = self._owed.get(partition, Owed())
        return Owed(found.deferred.within(0, below), found.skipped.within(0, below))

    def partitions(self) -> list[Partition]:
        """Those of which anything was ever written."""
        return sorted(self._owed)


def to_text(entry: Entry) -> str:
    """An entry as it is written."""
    topic, number = entry.partition
    fields: dict[str, object] = {"v": _VERSION, "topic": topic, "partition": number}
    if isinstance(entry, Begun):
        fields |= {"begun": entry.position, "lease": entry.lease, "kept": _packed(entry.kept)}
    elif isinstance(entry, Replayed):
        fields["replayed"] = _packed(entry.ranges)
    else:
        fields |= {"lease": entry.lease, "deferred": _packed(entry.deferred)}
        fields["skipped"] = _packed(entry.skipped)
    return json.dumps(fields)


def entry_of(text: str | bytes) -> Entry:
    """The entry that a text says.

    Raises:
        ValueError: It says none, or one of a later version.
    """
    fields = json.loads(text)
    if not isinstance(fields, dict) or fields.get("v") != _VERSION:
        raise ValueError(f"no entry of version {_VERSION}")
    try:
        partition = Partition(str(fields["topic"]), int(fields["partition"]))
        if "begun" in fields:
            kept = _unpacked(fields["kept"])
            return Begun(partition, str(fields["lease"]), int(fields["begun"]), kept)
        if "replayed" in fields:
            return Replayed(partition, _unpacked(fields["replayed"]))
        deferred, skipped = _unpacked(fields["deferred"]), _unpacked(fields["skipped"])
        return PutOff(partition, str(fields["lease"]), deferred, skipped)
    except (KeyError, TypeError, zlib.error) as error:
        raise ValueError(f"a broken entry: {error!r}") from error


def _packed(ranges: Iterable[Range]) -> str:
    packed = pack(0, ranges)
    return base64.b64encode(zlib.compress(packed)).decode() if packed else ""


def _unpacked(text: str) -> tuple[Range, ...]:
    return tuple(unpack(0, zlib.decompress(base64.b64decode(text, validate=True)))) if text else ()
