"""An end for the event loops of programs that ran in this process.

The automation API leaves a loop open when a resource of the program failed; it would be found,
and told of as a warning, in whatever test comes later.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

Program = Callable[[], None]
AsyncProgram = Callable[[], Awaitable[None]]

_TIMEOUT_S = 10


class Loops:
    """The loops that programs ran on."""

    def __init__(self) -> None:
        """None yet."""
        self._seen: list[asyncio.AbstractEventLoop] = []

    def watching(self, program: Program) -> AsyncProgram:
        """The program, with the loop that it runs on remembered."""

        async def watched() -> None:
            self._seen.append(asyncio.get_running_loop())
            program()
            await asyncio.sleep(0)  # as __main__.py does

        return watched

    def close(self) -> None:
        """Cancel what is left and close every loop; call it once no program runs."""
        deadline = time.monotonic() + _TIMEOUT_S
        for loop in self._seen:
            while not loop.is_closed():
                try:
                    _close(loop)
                except RuntimeError:
                    # The thread that runs the program has not left the loop yet.
                    if time.monotonic() > deadline:
                        raise
                    time.sleep(0.01)
        self._seen.clear()


def _close(loop: asyncio.AbstractEventLoop) -> None:
    if loop.is_running():
        raise RuntimeError("the program has not ended")
    left = asyncio.all_tasks(loop)
    for task in left:
        task.cancel()
    if left:
        loop.run_until_complete(asyncio.wait(left))
    loop.close()
