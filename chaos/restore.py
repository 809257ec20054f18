"""Undoes what runs left behind: every lease whose owner is gone or whose deadline has passed."""

import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from blueprint.problem import BadInput
from chaos.leases import Lease, LeaseBook, Undo
from chaos.targets.lab import LabTarget, state_root, take_down
from chaos.targets.target import TargetError

END_TIMEOUT_S = 10.0


def lease_book() -> LeaseBook:
    """This user's leases."""
    return LeaseBook(state_root() / "leases")


def due(lease: Lease) -> bool:
    """Whether a lease may be undone by someone else than its owner."""
    return not lease.owner.alive() or time.time() > lease.deadline_s


def restore(book: LeaseBook, only: Callable[[Lease], bool] = due) -> list[str]:
    """Undo every lease for which ``only`` holds; says in a line each what was done.

    Raises:
        TargetError: Something could not be undone; its lease is still there.
    """
    done: list[str] = []
    for path, lease in book.all():
        if only(lease):
            for undo in lease.undo:
                done += _undo(lease, undo)
            book.release(path)
            done.append(f"{Path(lease.run_dir).name}: {lease.what} is undone")
    return done


def end_workers(run_dir: str) -> int:
    """SIGKILL the producers, members and readers of a run; returns how many there were."""
    found = [process for process in psutil.process_iter() if _works_for(process, run_dir)]
    for process in found:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(found, timeout=END_TIMEOUT_S)
    return len(found)


def _works_for(process: psutil.Process, run_dir: str) -> bool:
    with suppress(psutil.NoSuchProcess, psutil.AccessDenied):
        line = process.cmdline()
        return f"--run={run_dir}" in line and any(w.startswith("chaos.workload.") for w in line)
    return False


def _undo(lease: Lease, undo: Undo) -> Iterable[str]:
    if undo.action == "end-workers":
        ended = end_workers(lease.run_dir)
        return [f"{ended} worker processes ended"] if ended else []
    if undo.action == "lab-down":
        return [f"lab {lease.lab} is down"] if take_down(lease.lab) else []
    try:
        target = LabTarget.attach(lease.lab)
    except (BadInput, TargetError):
        # The lab went down in the meantime: nothing of it is left to heal.
        return []
    if undo.action == "heal-links":
        target.heal_links(undo.names)
        return [f"{len(undo.names)} links of lab {lease.lab} are healed"]
    target.start([int(name) for name in undo.names])
    return [f"nodes {', '.join(undo.names)} of lab {lease.lab} run"]
