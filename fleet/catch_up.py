"""When a fleet catches up, doing the essential alone, and when it does everything again."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

#: The lag of the group in records; None while nobody knows it.
LagOf = Callable[[], int | None]


class Mode(StrEnum):
    """What is done of a record."""

    NORMAL = "normal"
    CATCHING_UP = "catching-up"


class Wish(StrEnum):
    """What a person asked for."""

    NOTHING = "nothing"
    ENTER = "enter"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class CatchUpRules:
    """When to change.

    Attributes:
        enter_records: At this lag of the group catching up begins.
        leave_records: Below it, for ``hold_s``, it ends.
    """

    enter_records: int
    leave_records: int
    hold_s: float


class ModeMachine:
    """The mode of one member. Wishes may come from any thread; looks are the polling thread's.

        NORMAL --lag reaches enter_records, or a wish--> CATCHING_UP
        CATCHING_UP --lag below leave_records for hold_s, or a wish--> NORMAL

    Whoever was told to leave stays so until the lag was below ``leave_records`` once.
    """

    def __init__(self, rules: CatchUpRules) -> None:
        """Begin as normal."""
        self.mode = Mode.NORMAL
        self._rules = rules
        self._wish = Wish.NOTHING
        self._low_since_s: float | None = None
        self._barred = False

    def wish(self, wish: Wish) -> None:
        """Enter or leave at the next look, whatever the lag."""
        self._wish = wish

    def look(self, lag_records: int | None, now_s: float) -> Mode:
        """The mode from now on; a lag that nobody knows changes nothing."""
        wish, self._wish = self._wish, Wish.NOTHING
        if wish is not Wish.NOTHING:
            self._change(Mode.CATCHING_UP if wish is Wish.ENTER else Mode.NORMAL)
            self._barred = wish is Wish.LEAVE
        elif self.mode is Mode.NORMAL:
            self._look_up(lag_records)
        else:
            self._look_down(lag_records, now_s)
        return self.mode

    def _look_up(self, lag_records: int | None) -> None:
        if lag_records is None:
            return
        if lag_records < self._rules.leave_records:
            self._barred = False
        if lag_records >= self._rules.enter_records and not self._barred:
            self._change(Mode.CATCHING_UP)

    def _look_down(self, lag_records: int | None, now_s: float) -> None:
        if lag_records is None or lag_records >= self._rules.leave_records:
            self._low_since_s = None
            return
        if self._low_since_s is None:
            self._low_since_s = now_s
        if now_s - self._low_since_s >= self._rules.hold_s:
            self._change(Mode.NORMAL)

    def _change(self, mode: Mode) -> None:
        self.mode, self._low_since_s = mode, None
