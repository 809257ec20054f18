"""The user's cache of tools: each is installed once, atomically, by one process at a time."""

import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from filelock import FileLock, Timeout

from lab.problem import LabError

#: The tools, one lab and its records together need about this much; checked before anything moves.
NEEDED_BYTES = 1_500_000_000
#: A cold build of the Pulumi CLI took 15 minutes on two busy cores.
INSTALL_TIMEOUT_S = 2400


def root() -> Path:
    """The folder of everything the lab keeps: ``$QUORATE_CACHE`` or ``~/.cache/quorate``."""
    named = os.environ.get("QUORATE_CACHE")
    return Path(named).expanduser().resolve() if named else Path.home() / ".cache" / "quorate"


def check_space(needed_bytes: int = NEEDED_BYTES) -> None:
    """Refuse to start on a disk that the run would fill.

    Raises:
        LabError: Fewer than ``needed_bytes`` are free, or the folder cannot be made.
    """
    folder = root()
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise LabError(
            f"cannot make {folder}: {error.strerror}; set QUORATE_CACHE to a folder you may write"
        ) from None
    free_bytes = shutil.disk_usage(folder).free
    if free_bytes < needed_bytes:
        raise LabError(
            f"{folder} has {free_bytes / 1e9:.1f} GB free and the lab needs "
            f"{needed_bytes / 1e9:.1f} GB; free some, or set QUORATE_CACHE to another disk"
        )


def install_once(name: str, build: Callable[[Path], None]) -> Path:
    """Return the folder of a tool, building it if this user has not got it yet.

    ``build`` fills an empty folder beside the final one; a crash leaves nothing half installed.

    Raises:
        LabError: Another process has been installing the same tool for 40 minutes.
    """
    final = root() / "tools" / name
    if final.is_dir():
        return final
    final.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(final.parent / f"{name}.lock", timeout=INSTALL_TIMEOUT_S)
    try:
        with lock:
            if not final.is_dir():
                _build(final, build)
    except Timeout:
        raise LabError(
            f"another process has been installing {name} for {INSTALL_TIMEOUT_S} s; "
            f"end it, remove {lock.lock_file}, and try again"
        ) from None
    return final


def _build(final: Path, build: Callable[[Path], None]) -> None:
    room = Path(tempfile.mkdtemp(prefix=f".{final.name}-", dir=final.parent))
    try:
        build(room)
        room.rename(final)
    finally:
        shutil.rmtree(room, ignore_errors=True)
