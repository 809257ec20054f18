"""What a person sees during a run: the step, the fault, the rate, the lag, the time left."""

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live as Screen
from rich.table import Table

from chaos.live import Live

TICK_S = 0.5
#: Where nobody watches a moving line, one is written this often.
PLAIN_S = 5.0


class Terminal:
    """A moving status on a terminal, plain lines anywhere else."""

    def __init__(self, max_duration_s: float) -> None:
        """Nothing is shown yet."""
        self._console = Console(stderr=True, highlight=False)
        self._began_s = time.monotonic()
        self._max_s = max_duration_s
        self._stop = threading.Event()

    def say(self, text: str) -> None:
        """One line that stays."""
        self._console.print(f"[{self._elapsed_s():6.1f}s] {text}", markup=False, soft_wrap=True)

    @contextmanager
    def showing(self, live: Live) -> Iterator[None]:
        """Show what goes on until the end of the block."""
        thread = threading.Thread(target=self._show, args=(live,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stop.set()
            thread.join(2 * TICK_S)

    def _show(self, live: Live) -> None:
        if not self._console.is_terminal:
            while not self._stop.wait(PLAIN_S):
                self.say("  ".join(f"{name} {value}" for name, value in self._now(live)))
            return
        with Screen(console=self._console, transient=True, refresh_per_second=4) as screen:
            while not self._stop.wait(TICK_S):
                table = Table.grid(padding=(0, 2))
                for name, value in self._now(live):
                    table.add_row(f"[dim]{name}[/dim]", value)
                screen.update(table)

    def _now(self, live: Live) -> list[tuple[str, str]]:
        left_s = max(0.0, self._max_s - self._elapsed_s())
        return [
            ("step", live.step),
            ("fault", live.fault or "none"),
            ("acknowledged/s", f"{live.rate_per_s():,.0f}"),
            ("lag", f"{live.lag_records():,} records"),
            ("left at most", f"{left_s:.0f} s"),
        ]

    def _elapsed_s(self) -> float:
        return time.monotonic() - self._began_s


def out(text: str) -> None:
    """A line of the result, on standard output."""
    print(text, file=sys.stdout, flush=True)
