"""Undoes what runs left behind: every lease whose owner is gone or whose deadline has passed."""

import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil

from chaos.leases import Lease, LeaseBook, RestoreAcls, WayBack
from chaos.targets.aws_acls import restore_acls
from chaos.targets.lab import state_root, undo_on_lab
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

    What cannot be undone keeps nobody from undoing the rest.

    Raises:
        TargetError: Everything that could not be undone; those leases are still there.
    """
    done: list[str] = []
    failed: list[str] = []
    for path, lease in book.all():
        if not only(lease):
            continue
        run_id = Path(lease.run_dir).name
        try:
            for way in lease.undo:
                done += _go_back(lease, way)
        except TargetError as error:
            failed.append(f"{run_id}: {lease.what} on {lease.place} is not undone: {error}")
            continue
        book.release(path)
        done.append(f"{run_id}: {lease.what} is undone")
    if failed:
        raise TargetError("\n".join([*failed, *done]))
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
        told = {f"--run={run_dir}", f"--outputs={run_dir}/outputs.json"} & set(line)
        return bool(told) and any(word.startswith("chaos.workload.") for word in line)
    return False


def _go_back(lease: Lease, way: WayBack) -> list[str]:
    if isinstance(way, RestoreAcls):
        return restore_acls(way)
    if way.action == "end-workers":
        ended = end_workers(lease.run_dir)
        return [f"{ended} worker processes ended"] if ended else []
    return undo_on_lab(lease.place.name, way)
