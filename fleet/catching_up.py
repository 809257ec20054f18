"""Catching up as a member does it: who knows the lag, what is written down, what is said."""

import threading
import time
from collections.abc import Callable
from dataclasses import replace

from blueprint.fleet_options import CatchUp
from fleet.catch_up import CatchUpRules, LagOf, Mode, ModeMachine, Wish
from fleet.group import FleetError
from fleet.pressure import Bounds
from fleet.put_off import Journal
from fleet.settings import FleetSettings
from fleet.signals import Signal, SignalKind, Tell

#: A lag that is older than so many looks is not known.
_STALE_LOOKS = 6


class LagFollower:
    """Asks for the group's lag again and again, in a thread of its own."""

    def __init__(self, read: Callable[[], int], every_s: float, tell: Tell) -> None:
        """Bind to what asks; it raises FleetError where nobody answers."""
        self._read, self._every_s, self._tell = read, every_s, tell
        self._lag: tuple[int, float] | None = None
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="lag", daemon=True)

    def lag(self) -> int | None:
        """Of the last look, if that is news."""
        if self._lag is None:
            return None
        lag, at_s = self._lag
        return lag if time.monotonic() - at_s <= _STALE_LOOKS * self._every_s else None

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def end(self) -> None:
        """Look no more; a look that is under way ends by itself."""
        self._ended.set()

    def _follow(self) -> None:
        while not self._ended.is_set():
            try:
                self._lag = (self._read(), time.monotonic())
            except FleetError as error:
                self._tell(Signal(SignalKind.CLIENT_ERROR, detail=str(error)))
            self._ended.wait(self._every_s)


class CatchingUp:
    """One member's mode and what follows from it; the polling thread's, but for ``wish``."""

    def __init__(
        self, settings: FleetSettings, lag_of: LagOf, journal: Journal, tell: Tell
    ) -> None:
        """Begin as the settings say."""
        chosen = settings.catch_up
        self._never = chosen.when is CatchUp.NEVER
        rules = CatchUpRules(chosen.enter_records, chosen.leave_records, chosen.hold_s)
        self._machine = ModeMachine(rules)
        self._lag_of, self.journal, self._tell = lag_of, journal, tell
        self._bounds, self._factor = settings.bounds, chosen.in_flight_factor
        self.light = False
        if chosen.when is CatchUp.NOW:
            self._machine.wish(Wish.ENTER)

    @property
    def bounds(self) -> Bounds:
        """What may be in flight in this mode: more records, in no more bytes."""
        factor = self._factor if self.light else 1
        return replace(self._bounds, records=self._bounds.records * factor)

    @property
    def factor(self) -> int:
        """So many times as much is asked for at once."""
        return self._factor if self.light else 1

    def wish(self, wish: Wish) -> None:
        """Enter or leave by hand; from any thread, and from a signal's handler."""
        self._machine.wish(wish)

    def look(self, now_s: float) -> bool:
        """Whether the mode has changed."""
        if self._never:
            return False
        lag = self._lag_of()
        light = self._machine.look(lag, now_s) is Mode.CATCHING_UP
        if light == self.light:
            return False
        self.light = light
        kind = SignalKind.CATCHING_UP if light else SignalKind.CAUGHT_UP
        behind = "an unknown number of" if lag is None else f"{lag:,}"
        doing = "the essential alone is done" if light else "everything is done again"
        self._tell(Signal(kind, detail=f"{behind} records behind; {doing}"))
        return True
