"""Lanes that hand their handler whole runs, for effects that share a transaction."""

from collections.abc import Callable, Sequence

from fleet.lane import LaneRules, Run
from fleet.once import Once
from fleet.record import Record, SyncHandler
from fleet.threads import ThreadCrew, ThreadLane
from fleet.watermark import Span

#: In one transaction: more saves nothing to speak of, and holds its locks for longer.
MOST_TOGETHER = 64
#: A record and the run it came with.
Pair = tuple[Record, Run]


class RunLane(ThreadLane):
    """A lane of threads whose records count as done once their common transaction is committed."""

    def __init__(
        self, number: int, rules: LaneRules, handler: Once, offer: Callable[[ThreadLane], None]
    ) -> None:
        """Begin with an empty inbox."""
        super().__init__(number, rules, handler, offer)
        self._once = handler

    def _run(self, run: Run) -> None:
        pairs = self._with_what_follows(run)
        for first in range(0, len(pairs), MOST_TOGETHER):
            part = pairs[first : first + MOST_TOGETHER]
            if self._together(part):
                self.finished_bytes += sum(len(record) for record, _ in part)
                self.finished_records += len(part)
                continue
            for record, of in part:
                super()._run(Run([record], of.spans, len(record)))

    def _with_what_follows(self, run: Run) -> list[Pair]:
        """The run's records, and those of further runs that are there already, up to a batch."""
        pairs, inbox = [(record, run) for record in run.records], self.inbox
        # Whoever serves a lane is the only one to take from its inbox.
        while len(pairs) < MOST_TOGETHER and inbox and isinstance(following := inbox[0], Run):
            inbox.popleft()
            pairs += [(record, following) for record in following.records]
        return pairs

    def _together(self, part: Sequence[Pair]) -> bool:
        """Handle them at once; False when none of them was handled, and each is to be alone."""
        chosen: list[tuple[Record, Span]] = []
        waiting = self._room.waiting
        for record, of in part:
            # Said before it is asked, as in every lane.
            self.current = record
            span = of.spans[self._rules.where(record)]
            if waiting and self._room.find(self._key(record)) is not None:
                return False
            if span.watermark.open:
                chosen.append((record, span))
        try:
            if chosen:
                self._once.together([record for record, _ in chosen], self._at)
        except BaseException:
            # Rolled back. Alone, each shows whether it was the reason.
            return False
        finally:
            self.current = None
        for record, span in chosen:
            span.marks[record.offset() - span.first] = 1
        return True

    def _at(self, record: Record) -> None:
        self.current = record


def run_crew(threads: int, rules: LaneRules, handler: Once) -> ThreadCrew:
    """Lanes of threads that hand over whole runs."""

    def make(
        number: int, rules: LaneRules, _: SyncHandler, offer: Callable[[ThreadLane], None]
    ) -> RunLane:
        return RunLane(number, rules, handler, offer)

    return ThreadCrew(threads, rules, handler, make)
