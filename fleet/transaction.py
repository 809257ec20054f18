"""What a handler may do with the transaction it is given: everything but end it."""

from typing import Protocol

from fleet.dedup import Row
from fleet.retries import Poison

#: Whoever says one of these would commit what is not applied yet, or undo what others rely on.
_ENDING = ("commit", "rollback", "begin", "start", "end", "abort", "prepare transaction")


class Cursor(Protocol):
    """What psycopg's cursors and sqlite3's have in common."""

    @property
    def rowcount(self) -> int:
        """Rows of the last statement."""
        ...

    def execute(self, sql: str, values: object = ..., /) -> object:
        """Run a statement."""
        ...

    def executemany(self, sql: str, values: object, /) -> object:
        """Run a statement for each of many values."""
        ...

    def fetchone(self) -> Row | None:
        """The next row."""
        ...

    def fetchall(self) -> list[Row]:
        """All rows that are left."""
        ...


class HeldTx:
    """A cursor whose transaction ends with the run and not before."""

    __slots__ = ("cursor",)

    def __init__(self, cursor: Cursor) -> None:
        """Hold it."""
        self.cursor = cursor

    @property
    def rowcount(self) -> int:
        """Rows of the last statement."""
        return self.cursor.rowcount

    def execute(self, sql: str, values: object = None) -> "HeldTx":
        """Run a statement.

        Raises:
            Poison: It would end the transaction.
        """
        refuse_ending(sql)
        # Without values a per cent sign is itself.
        if values is None:
            self.cursor.execute(sql)
        else:
            self.cursor.execute(sql, values)
        return self

    def executemany(self, sql: str, values: object) -> "HeldTx":
        """Run a statement for each of many values.

        Raises:
            Poison: It would end the transaction.
        """
        refuse_ending(sql)
        self.cursor.executemany(sql, values)
        return self

    def fetchone(self) -> Row | None:
        """The next row of the last statement, or None."""
        return self.cursor.fetchone()

    def fetchall(self) -> list[Row]:
        """All rows that are left of the last statement."""
        return self.cursor.fetchall()


def refuse_ending(sql: str) -> None:
    """Let pass everything but the end of a transaction; savepoints are the handler's own affair.

    Raises:
        Poison: It would end it, or begin another.
    """
    said = sql.lstrip()[:24].lower()
    if said.startswith(_ENDING) and not said.startswith("rollback to"):
        raise Poison(f"the transaction is not the handler's to end: {sql.strip()[:40]!r}")
