"""What a handler is given, and how a record and its partition are named."""

from collections.abc import Awaitable, Callable, Hashable
from typing import NamedTuple, Protocol

Headers = list[tuple[str, str | bytes | None]]


class Partition(NamedTuple):
    """One partition of one topic."""

    topic: str
    number: int

    def __str__(self) -> str:
        return f"{self.topic}/{self.number}"


class Record(Protocol):
    """One record: confluent-kafka's own Message, since wrapping it would cost more than handling.

    The value and key are bytes as they are in the log; either may be None.
    """

    def topic(self) -> str:
        """The topic it was read from."""
        ...

    def partition(self) -> int:
        """The partition it was read from."""
        ...

    def offset(self) -> int:
        """Where in the partition it is."""
        ...

    def key(self) -> bytes | None:
        """What its order is kept by."""
        ...

    def value(self) -> bytes | None:
        """What it says; None is a tombstone."""
        ...

    def headers(self) -> Headers | None:
        """What travels beside it."""
        ...

    def timestamp(self) -> tuple[int, int]:
        """The kind of its time stamp, and milliseconds since 1970."""
        ...

    def __len__(self) -> int:
        """Bytes of the value."""
        ...


#: What an order is kept by; None: this record needs none.
KeyOf = Callable[[Record], Hashable | None]
#: Does the work of one record; returns None and nothing else, raises what went wrong. What it
#: really returns is looked at, hence ``object``.
SyncHandler = Callable[[Record], object]
AsyncHandler = Callable[[Record], Awaitable[object]]
Handler = SyncHandler | AsyncHandler


def partition_of(record: Record) -> Partition:
    """The partition a record was read from."""
    return Partition(record.topic(), record.partition())


def own_key(record: Record) -> bytes | None:
    """The key that the producer gave."""
    return record.key()


def named(key: Hashable | None, most: int = 80) -> str:
    """A key for people to read, cut to ``most`` characters."""
    if key is None:
        return "no key"
    text = key.decode("utf-8", "backslashreplace") if isinstance(key, bytes) else str(key)
    return text if len(text) <= most else f"{text[: most - 1]}…"
