"""From a poll's records to the lanes' runs: which are whose, and which are not ours any more."""

from collections.abc import Callable, Hashable, Sequence

from fleet.lane import Run, Where
from fleet.leases import Leases
from fleet.record import KeyOf, Partition, Record
from fleet.watermark import Span, Watermark

#: What a run's spans are found by, turned into the partition it stands for.
PartitionAt = Callable[[Hashable], Partition]


def runs_of(
    records: Sequence[Record], spans: dict[Hashable, Span], lanes: int, key_of: KeyOf
) -> dict[int, Run]:
    """Deal records out to lanes: the same key always to the same lane, in the order given.

    Records without a key have no order to keep and are spread by their offset.
    """
    hands: dict[int, list[Record]] = {}
    find = hands.get
    for record in records:
        key = key_of(record)
        lane = (record.offset() if key is None else hash(key)) % lanes
        hand = find(lane)
        if hand is None:
            hands[lane] = [record]
        else:
            hand.append(record)
    return {lane: Run(hand, spans, sum(map(len, hand))) for lane, hand in hands.items()}


class Dealer:
    """Turns what a poll returned into spans of the leases that it belongs to."""

    def __init__(self, leases: Leases, where: Where, partition_at: PartitionAt) -> None:
        """Bind to one member's leases."""
        self._leases, self._where, self._partition_at = leases, where, partition_at
        self._anew: dict[Partition, int] = {}

    def anew(self) -> dict[Partition, int]:
        """Partitions to be read anew, and from where: what came of them was not what was due."""
        found, self._anew = self._anew, {}
        return found

    def admit(self, records: Sequence[Record]) -> tuple[Sequence[Record], dict[Hashable, Span]]:
        """Which of them may be handled, and the span of each partition they are of.

        Dropped are records of partitions that are not ours, that were handed out before, and that
        an earlier member has done; and of partitions that are to be read anew: those given during
        this very poll (what it returns may have been fetched for an earlier lease), and those that
        begin elsewhere than where they were to begin. The client may go on at the position of an
        earlier lease; a hole in the log looks the same, and comes a second time.
        """
        places = list(map(self._where, records))
        spans: dict[Hashable, Span] = {}
        dropped: dict[int, None] = {}
        for place, indices in _stretches(places).items():
            watermark = self._watermark(place, records[indices[0]].offset())
            if watermark is None:
                dropped |= dict.fromkeys(indices)
                continue
            span, repeated = _span(watermark, records, indices)
            dropped |= dict.fromkeys(repeated)
            if span is not None:
                spans[place] = span
        if dropped:
            return [r for n, r in enumerate(records) if n not in dropped], spans
        return records, spans

    def _watermark(self, place: Hashable, first: int) -> Watermark | None:
        lease = self._leases.find(self._partition_at(place))
        if lease is None or not lease.watermark.open:
            return None
        if not lease.proven:
            due = lease.watermark.delivered_end
            if lease.fresh or (first > due and (lease.insists or lease.doubted != first)):
                lease.doubted = None if lease.fresh else first
                self._anew[lease.partition] = due
                return None
            lease.proven = True
        return lease.watermark


def _stretches(places: Sequence[Hashable]) -> dict[Hashable, Sequence[int]]:
    """The indices of each place; a poll mostly returns long stretches of one."""
    count = len(places)
    found: dict[Hashable, Sequence[int]] = {}
    start = 0
    while start < count:
        place, end = places[start], start + 1
        while end < count and places[end] == place:
            end += 1
        stretch = range(start, end)
        before = found.get(place)
        found[place] = stretch if before is None else [*before, *stretch]
        start = end
    return found


def _span(
    watermark: Watermark, records: Sequence[Record], indices: Sequence[int]
) -> tuple[Span | None, list[int]]:
    """A span over some records, and the indices of those that are none of it."""
    first, last = records[indices[0]].offset(), records[indices[-1]].offset()
    plain = first >= watermark.delivered_end and not watermark.remembers(first)
    if plain and last - first + 1 == len(indices):
        # No holes: nobody needs to ask each record where it is.
        return watermark.deliver(range(first, last + 1)), []
    offsets = [records[index].offset() for index in indices]
    new = watermark.unseen(offsets)
    span = watermark.deliver(new) if new else None
    watermark.skip_to(offsets[-1] + 1)
    wanted = set(new)
    return span, [i for i, offset in zip(indices, offsets, strict=True) if offset not in wanted]
