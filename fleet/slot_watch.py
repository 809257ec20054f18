"""A replication slot that nobody reads holds back the database's log until the disk is full.

The policy, from the mildest on: a warning while there is time to repair the connector, an alarm
when there is little, and at last the slot is given up: by PostgreSQL itself at its
``max_slot_wal_keep_size``, or by us where it has no limit. Giving up a slot loses no event: the
outbox keeps its rows, a new connector publishes them again, and consumers know them by their ids.
"""

import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import psycopg
from prometheus_client import CollectorRegistry, Gauge

from blueprint.connector import SLOT

Connection = psycopg.Connection[tuple[object, ...]]
#: Growth is that of so long: shorter, and one large transaction looks like a flood.
WINDOW_S = 60.0


class SlotLevel(StrEnum):
    """How near a slot is to its end."""

    NORMAL = "normal"
    WARNING = "warning"
    CRITICAL = "critical"
    LOST = "lost"


class SlotAction(StrEnum):
    """What the policy wants done.

    DROP: By whoever watches: what the slot holds back is worth more as free space.
    RECREATE: A new slot and a new snapshot of the outbox; events come again, with the same ids.
    """

    NOTHING = "nothing"
    ALERT = "alert"
    PAGE = "page"
    DROP = "drop"
    RECREATE = "recreate"


@dataclass(frozen=True, slots=True)
class SlotReading:
    """One look at a slot.

    Attributes:
        at_s: When, in seconds of any clock that does not go back.
        exists: Whether there is such a slot.
        active: Whether somebody reads from it.
        lost: PostgreSQL has given it up.
        held_bytes: Of log that may not be removed because of it.
        unread_bytes: Of log that its reader has not confirmed.
        server_limit_bytes: At which PostgreSQL gives it up; None: never.
    """

    at_s: float
    exists: bool
    active: bool = False
    lost: bool = False
    held_bytes: int = 0
    unread_bytes: int = 0
    server_limit_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class SlotPolicy:
    """When to say what.

    Attributes:
        limit_bytes: Of log held back where PostgreSQL has no limit; we drop the slot there.
        warning_share: Of the limit.
        critical_share: Of the limit.
        warning_s: To the limit, at the present growth.
        critical_s: To the limit, at the present growth.
    """

    limit_bytes: int = 8 << 30
    warning_share: float = 0.25
    critical_share: float = 0.6
    warning_s: float = 4 * 3600.0
    critical_s: float = 1800.0


@dataclass(frozen=True, slots=True)
class SlotJudgement:
    """What is to be made of a slot.

    Attributes:
        limit_bytes: Which of both limits holds.
        growth_bytes_per_s: Of the log that is held back; below 0 it becomes less.
        to_limit_s: At that growth; None: never.
    """

    level: SlotLevel
    action: SlotAction
    reading: SlotReading
    limit_bytes: int
    growth_bytes_per_s: float
    to_limit_s: float | None
    why: str


def judge(readings: Sequence[SlotReading], policy: SlotPolicy) -> SlotJudgement:
    """Judge the last of some readings, in the order in which they were made; at least one."""
    last, growth = readings[-1], growth_bytes_per_s(readings)
    limit = policy.limit_bytes
    if last.server_limit_bytes is not None:
        limit = last.server_limit_bytes
    left = max(0, limit - last.held_bytes)
    to_limit_s = left / growth if growth > 0 else None

    def judged(level: SlotLevel, action: SlotAction, why: str) -> SlotJudgement:
        return SlotJudgement(level, action, last, limit, growth, to_limit_s, why)

    if not last.exists:
        return judged(SlotLevel.LOST, SlotAction.RECREATE, "there is no such slot")
    if last.lost:
        return judged(SlotLevel.LOST, SlotAction.RECREATE, "PostgreSQL gave it up at its limit")
    if last.server_limit_bytes is None and last.held_bytes >= limit:
        return judged(SlotLevel.CRITICAL, SlotAction.DROP, "at the limit, and the server has none")
    share, soon_s = last.held_bytes / max(1, limit), _or_never(to_limit_s)
    if share >= policy.critical_share or soon_s <= policy.critical_s:
        return judged(SlotLevel.CRITICAL, SlotAction.PAGE, _said(share, to_limit_s))
    if share >= policy.warning_share or soon_s <= policy.warning_s:
        return judged(SlotLevel.WARNING, SlotAction.ALERT, _said(share, to_limit_s))
    if not last.active:
        return judged(SlotLevel.WARNING, SlotAction.ALERT, "nobody reads from it")
    return judged(SlotLevel.NORMAL, SlotAction.NOTHING, "")


def growth_bytes_per_s(readings: Sequence[SlotReading]) -> float:
    """How fast the log that is held back grows, over the readings of ``WINDOW_S``."""
    last = readings[-1]
    window = [r for r in readings if r.exists and last.at_s - r.at_s <= WINDOW_S]
    if len(window) < 2 or last.at_s <= window[0].at_s:
        return 0.0
    return (last.held_bytes - window[0].held_bytes) / (last.at_s - window[0].at_s)


def read_slot(connection: Connection, slot: str = SLOT) -> SlotReading:
    """Look at a slot; the connection is in autocommit.

    Raises:
        psycopg.Error: The database cannot be asked.
    """
    at_s = time.monotonic()
    row = connection.execute(
        "select active, coalesce(wal_status, '') = 'lost',"
        " coalesce(pg_current_wal_lsn() - restart_lsn, 0)::bigint,"
        " coalesce(pg_current_wal_lsn() - confirmed_flush_lsn, 0)::bigint,"
        " (select setting::bigint from pg_settings where name = 'max_slot_wal_keep_size')"
        " from pg_replication_slots where slot_name = %s",
        (slot,),
    ).fetchone()
    if row is None:
        return SlotReading(at_s, exists=False)
    active, lost, held, unread, limit_mb = row
    numbers = [int(str(number)) for number in (held, unread, limit_mb)]
    limit = None if numbers[2] < 0 else numbers[2] << 20
    return SlotReading(at_s, True, bool(active), bool(lost), numbers[0], numbers[1], limit)


class SlotWatch:
    """Looks at one slot now and then, judges, and drops it where the policy says so."""

    def __init__(self, slot: str, policy: SlotPolicy) -> None:
        """Begin without a reading."""
        self.slot, self._policy = slot, policy
        self._readings: deque[SlotReading] = deque(maxlen=1000)

    def look(self, connection: Connection) -> SlotJudgement:
        """Look once; a slot that somebody reads from is never dropped, whatever it holds back.

        Raises:
            psycopg.Error: The database cannot be asked.
        """
        reading = read_slot(connection, self.slot)
        while self._readings and reading.at_s - self._readings[0].at_s > WINDOW_S:
            self._readings.popleft()
        self._readings.append(reading)
        found = judge(list(self._readings), self._policy)
        if found.action is SlotAction.DROP and not reading.active:
            connection.execute(
                "select pg_drop_replication_slot(slot_name) from pg_replication_slots"
                " where slot_name = %s and not active",
                (self.slot,),
            )
        return found


class SlotGauges:
    """What Prometheus is told of a slot."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""

        def gauge(name: str, what: str) -> Gauge:
            return Gauge(f"quorate_outbox_slot_{name}", what, ["slot"], registry=registry)

        self._held = gauge("held_bytes", "Log that may not be removed because of the slot")
        self._unread = gauge("unread_bytes", "Log that the slot's reader has not confirmed")
        self._limit = gauge("limit_bytes", "Log held back at which the slot is given up")
        self._growth = gauge("growth_bytes_per_second", "Growth of the log held back")
        self._to_limit = gauge("seconds_to_limit", "Until the limit at that growth; +Inf: never")
        self._active = gauge("active", "Whether somebody reads from the slot")
        self._level = gauge("level", "0 normal, 1 warning, 2 critical, 3 lost")

    def show(self, slot: str, found: SlotJudgement) -> None:
        """Show the last judgement."""
        values = {
            self._held: float(found.reading.held_bytes),
            self._unread: float(found.reading.unread_bytes),
            self._limit: float(found.limit_bytes),
            self._growth: found.growth_bytes_per_s,
            self._to_limit: _or_never(found.to_limit_s),
            self._active: float(found.reading.active),
            self._level: float(list(SlotLevel).index(found.level)),
        }
        for gauge, value in values.items():
            gauge.labels(slot).set(value)


def _or_never(seconds: float | None) -> float:
    return float("inf") if seconds is None else seconds


def _said(share: float, to_limit_s: float | None) -> str:
    text = f"{share:.0%} of its limit"
    return text if to_limit_s is None else f"{text}, the rest in {to_limit_s:,.0f} s"
