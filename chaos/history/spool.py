"""Rows as a worker appends them while it works; ``seal`` turns them into columns afterwards."""

import struct
from pathlib import Path
from types import TracebackType

from chaos.history.tables import Table

SPOOL = "spool"
#: Rows are handed to the kernel at least this often, so that a kill -9 loses few of them.
_BUFFERED_ROWS = 256
_CODES = {"<i2": "h", "<i4": "i", "<i8": "q", "|i1": "b"}


class Spool:
    """Rows of one table as one process appends them; no other process writes the file."""

    def __init__(self, folder: Path | str, table: Table, owner: str) -> None:
        """Open the spool of one owner, a word without slashes."""
        path = Path(folder) / SPOOL / f"{table.name}-{owner}.rows"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)
        kinds = [table.dtype[name].str for name in table.dtype.names or ()]
        row = struct.Struct("<" + "".join(_CODES[kind] for kind in kinds))
        self._pack = row.pack
        self._rows = bytearray()
        self._full_bytes = _BUFFERED_ROWS * row.size

    def __enter__(self) -> "Spool":
        """Use as a context manager: the last rows are written at its end."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Write what is left."""
        self.flush()
        self._file.close()

    def add(self, row: tuple[int, ...]) -> None:
        """Append one row, its fields in the order of the table."""
        self._rows += self._pack(*row)
        if len(self._rows) >= self._full_bytes:
            self.flush()

    def flush(self) -> None:
        """Hand every row to the kernel; a member does so before it commits."""
        if self._rows:
            self._file.write(self._rows)
            self._rows.clear()
