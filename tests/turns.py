"""Whose turn it is: a test that judges recovery times has the machine to itself.

Workers run beside each other. Each holds a lock of its own while one of its tests runs, and takes
it by passing a gate; a quiet test holds the gate, and waits until every lock is free.
"""

import os
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from filelock import FileLock

QUIET = "quiet"
#: Longer than any test may take with all that it has to set up.
_WAIT_S = 1800.0


@contextmanager
def turn(item: pytest.Item) -> Iterator[None]:
    """Hold what a test needs while it runs; nothing where there is one worker.

    Raises:
        filelock.Timeout: Another worker's test did not end.
    """
    own = os.environ.get("PYTEST_XDIST_WORKER")
    if own is None:
        yield
        return
    room = Path(tempfile.gettempdir()) / f"turns-{os.environ['PYTEST_XDIST_TESTRUNUID']}"
    room.mkdir(exist_ok=True)
    with ExitStack() as held:
        with FileLock(room / "gate", timeout=_WAIT_S) as gate:
            if item.get_closest_marker(QUIET):
                gate.acquire()
                held.callback(gate.release)
                workers = [f"gw{n}" for n in range(int(os.environ["PYTEST_XDIST_WORKER_COUNT"]))]
            else:
                workers = [own]
            for worker in workers:
                held.enter_context(FileLock(room / worker, timeout=_WAIT_S))
        yield
