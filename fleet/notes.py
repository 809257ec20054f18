"""What a member writes of what it puts off, and how far that is known to be written."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from fleet.leases import Commit, Lease
from fleet.ledger import Begun, Entry, PutOff
from fleet.range_set import RangeSet
from fleet.record import Partition
from fleet.watermark import Mark

#: Offsets that one entry may span: a few hundred kilobytes at the very worst.
ENTRY_SPAN = 200_000
PUT_OFF = (Mark.DEFERRED, Mark.SKIPPED)


@dataclass(slots=True)
class _Page:
    """How far one lease is written down: all below ``to``, and some above it.

    Attributes:
        begun: Whether its beginning is known to be written.
    """

    lease: str
    to: int
    above: RangeSet = field(default_factory=RangeSet)
    begun: bool = False
    news: Mapping[Mark, RangeSet] = field(default_factory=dict)


class Notes:
    """One member's; pure. Nothing is written twice that a replay may have crossed off between."""

    def __init__(self, member: str) -> None:
        """Begin with nothing.

        Args:
            member: A name that no other member has, nor this one after a restart.
        """
        self._member = member
        self._pages: dict[Partition, _Page] = {}

    def entries(self, lease: Lease, commit: Commit) -> list[Entry]:
        """What has to be written before a commit: below it, or in ranges that it names above it."""
        page, found = self._page(lease), list[Entry]()
        watermark = lease.watermark
        if not page.begun:
            found.append(Begun(lease.partition, page.lease, watermark.begun or 0, watermark.kept))
        end = watermark.delivered_end if commit.metadata else commit.offset
        page.news = {
            mark: RangeSet(watermark.marked(mark, end)).within(page.to, end).without(page.above)
            for mark in PUT_OFF
        }
        for first in range(page.to, end, ENTRY_SPAN):
            deferred, skipped = (
                tuple(page.news[mark].within(first, first + ENTRY_SPAN)) for mark in PUT_OFF
            )
            if deferred or skipped:
                found.append(PutOff(lease.partition, page.lease, deferred, skipped))
        return found

    def written(self, lease: Lease, commit: Commit) -> dict[Mark, int]:
        """The entries of a commit are written: it may be made. Returns how many records they add.

        Whether it is made is another matter: what was written of what is then handled anew is
        void by the next beginning.
        """
        page = self._page(lease)
        page.begun = True
        for ranges in page.news.values():
            for part in ranges:
                page.above.add(*part)
        counts = {mark: ranges.count() for mark, ranges in page.news.items()}
        page.to, page.news = commit.offset, {}
        page.above.remove(0, commit.offset)
        lease.watermark.forget(commit.offset)
        return counts

    def _page(self, lease: Lease) -> _Page:
        name = f"{self._member}-{lease.epoch}"
        found = self._pages.get(lease.partition)
        if found is None or found.lease != name:
            found = _Page(name, lease.watermark.begun or 0)
            self._pages[lease.partition] = found
        return found
