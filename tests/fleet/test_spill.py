"""What is spilled comes back whole, in order, once or more, over crashes and torn writes."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from blueprint.problem import BadInput
from fleet.spill import Outgoing, Position, SpillJournal, unpack

maybe = st.none() | st.binary(max_size=40)
records = st.builds(
    Outgoing,
    st.text("abc.-", min_size=1, max_size=9),
    maybe,
    maybe,
    st.lists(st.tuples(st.text(max_size=5), maybe), max_size=3).map(tuple),
)


@given(records)
def test_a_record_is_read_back_as_it_was_written(record: Outgoing) -> None:
    """None and empty are kept apart."""
    assert unpack(record.pack()) == record


class Journal(RuleBasedStateMachine):
    """A journal beside a list that says what must come out of it."""

    def __init__(self) -> None:
        """Begin in an empty folder."""
        super().__init__()
        self.room = tempfile.TemporaryDirectory()
        self.folder = Path(self.room.name)
        self.journal = SpillJournal(self.folder, 1 << 20, segment_bytes=64)
        self.written: list[Outgoing] = []
        self.taken: list[tuple[Position, int]] = []
        self.done: set[int] = set()
        self.next = 0

    def teardown(self) -> None:
        """Leave nothing."""
        self.journal.close()
        self.room.cleanup()

    @rule(record=records)
    def append(self, record: Outgoing) -> None:
        """One more at the end."""
        assert self.journal.append(record)
        self.written.append(record)

    @rule()
    def take(self) -> None:
        """The next one comes out, in order."""
        record = self.journal.peek()
        expected = self.written[self.next] if self.next < len(self.written) else None
        assert record == expected
        if record is not None:
            self.taken.append((self.journal.take(), self.next))
            self.next += 1

    @precondition(lambda self: self.taken)
    @rule(data=st.data())
    def acknowledge(self, data: st.DataObject) -> None:
        """Any of those under way is acknowledged."""
        position, number = data.draw(st.sampled_from(self.taken))
        self.taken.remove((position, number))
        self.done.add(number)
        self.journal.acknowledged(position)
        assert self.journal.pending == len(self.written) - self.floor()

    @rule()
    def rewind(self) -> None:
        """What is not acknowledged comes again."""
        self.journal.rewind()
        self.again()

    @rule(torn=st.binary(max_size=7))
    def crash(self, torn: bytes) -> None:
        """Another process opens it, behind a frame that was not written to its end."""
        self.journal.close()
        last = max(self.folder.glob("*.spill"))
        with last.open("ab") as file:
            file.write(torn)
        self.journal = SpillJournal(self.folder, 1 << 20, segment_bytes=64)
        assert self.journal.pending == len(self.written) - self.floor()
        self.again()

    def floor(self) -> int:
        """The first that is not acknowledged."""
        return next((n for n in range(len(self.written)) if n not in self.done), len(self.written))

    def again(self) -> None:
        """Begin again at the floor: what was acknowledged above it is sent once more."""
        self.next = self.floor()
        self.done = set(range(self.next))
        self.taken = []


TestJournal = Journal.TestCase
TestJournal.settings = settings(
    max_examples=60,
    stateful_step_count=30,
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def test_it_takes_no_more_than_it_may(tmp_path: Path) -> None:
    """And takes again once what it had is acknowledged."""
    journal, record = SpillJournal(tmp_path, 300, segment_bytes=50), Outgoing("t", b"x" * 80)
    taken = 0
    while journal.append(record):
        taken += 1
    assert taken == 2
    for _ in range(taken):
        assert journal.peek() == record
        journal.acknowledged(journal.take())
    assert journal.pending == 0
    assert journal.append(record)
    journal.close()


def test_a_folder_that_cannot_be_written_is_refused(tmp_path: Path) -> None:
    """With what is legal."""
    (tmp_path / "file").write_text("")
    with pytest.raises(BadInput, match="a folder that can be written"):
        SpillJournal(tmp_path / "file", 1000)
