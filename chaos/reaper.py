"""The reaper: a process of its own that outlives the runner and undoes what it leaves behind.

``python -m chaos.reaper RUN_DIR PID``: ends by itself once the run has no lease and no owner.
"""

import signal
import subprocess
import sys
import time
from pathlib import Path

from chaos.leases import Lease, Owner
from chaos.restore import due, lease_book, restore
from chaos.targets.target import TargetError

POLL_S = 0.5
#: A restore that fails is tried again: what it needs may be starting still.
TRY_AGAIN_FOR_S = 120.0


def spawn(run_dir: Path, owner: Owner) -> None:
    """Start the reaper of a run, in a session that no signal to the run reaches."""
    log = (run_dir / "reaper.log").open("ab")
    started = subprocess.Popen(
        [sys.executable, "-m", "chaos.reaper", str(run_dir), str(owner.pid), str(owner.started_s)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
        cwd=Path(__file__).parents[1],
    )
    log.close()
    # It outlives this process by design.
    started.returncode = 0


def watch(run_dir: str, owner: Owner) -> None:
    """Undo overdue leases of the run until its owner is gone and nothing is left."""
    book = lease_book()
    give_up_s: float | None = None

    def mine(lease: Lease) -> bool:
        return lease.run_dir == run_dir and due(lease)

    while True:
        gone = not owner.alive()
        if gone and give_up_s is None:
            give_up_s = time.monotonic() + TRY_AGAIN_FOR_S
        try:
            for line in restore(book, mine):
                print(line, flush=True)
            if gone:
                return
        except TargetError as error:
            print(f"not undone: {error}", flush=True)
            if give_up_s is not None and time.monotonic() > give_up_s:
                return
        time.sleep(POLL_S)


def main() -> int:
    """Watch one run."""
    run_dir, pid, started_s = sys.argv[1:4]
    for ignored in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(ignored, signal.SIG_IGN)
    watch(run_dir, Owner(pid=int(pid), started_s=float(started_s)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
