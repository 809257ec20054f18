"""A handler that is given a transaction, made into one that the lanes can call.

The lanes hand it whole runs where they can: one transaction for all of a run. If anything of it
fails it is rolled back, and each record is tried alone.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from fleet.dedup import Claim, ClaimOf, Memory, Standing, Tx
from fleet.record import KeyOf, Record
from fleet.retries import WrongReturn

#: Applies one record's effects inside a transaction; returns None and nothing else.
TxHandler = Callable[[Record, Tx], object]
#: Is told which record a handler is at.
At = Callable[[Record], None]


@dataclass(frozen=True, slots=True)
class OnceFigures:
    """What became of records that were handed over and committed.

    Attributes:
        applied: For the first time.
        repeated: Known as applied: the handler was not called.
        beneath: Below what is remembered, hence done: the handler was not called.
    """

    applied: int
    repeated: int
    beneath: int


class Once:
    """Applies each event once, as far as its effects are in the database that remembers it."""

    def __init__(self, handler: TxHandler, memory: Memory, claim_of: ClaimOf) -> None:
        """Bind to a handler and where its effects go."""
        self._handler, self._memory, self._claim_of = handler, memory, claim_of
        self._counts: Counter[Standing] = Counter()
        self._lock = threading.Lock()

    def __call__(self, record: Record) -> None:
        """Apply one record in a transaction of its own."""
        self.together([record], _unwatched)

    def together(self, records: Sequence[Record], at: At) -> None:
        """Apply records of one lane, in their order, in one transaction: all of them or none.

        Raises:
            Exception: Whatever the handler or the database raised; nothing was applied.
        """
        if not records:
            return
        claims = list(map(self._claim_of, records))
        with self._memory.transaction() as tx:
            standings = self._memory.claim(tx, claims)
            for record, standing in zip(records, standings, strict=True):
                if standing is not Standing.NEW:
                    continue
                at(record)
                returned = self._handler(record, tx)
                if returned is not None:
                    kind = type(returned).__name__
                    raise WrongReturn(f"the handler returned {kind}; it returns None, or raises")
        with self._lock:
            self._counts.update(standings)

    def with_keys(self, key_of: KeyOf) -> "Once":
        """Let a record whose key cannot be had fail before anything of it is claimed."""
        claim_of = self._claim_of

        def claim(record: Record) -> Claim:
            hash(key_of(record))
            return claim_of(record)

        self._claim_of = claim
        return self

    def figures(self) -> OnceFigures:
        """What has been applied, and what was not applied again."""
        with self._lock:
            of = self._counts
            return OnceFigures(of[Standing.NEW], of[Standing.APPLIED], of[Standing.BENEATH])


def _unwatched(_: Record) -> None:
    """Nobody looks."""
