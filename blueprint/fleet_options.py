"""What may be chosen of a fleet's behaviour: the same in a stack, in its contract and at its door.

A stack adds where a database or a collector is, so that the fleet's network policy lets it there.
"""

from enum import StrEnum
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, model_validator

from blueprint.stack_fields import Network, ObjectName

#: Rule 5: Warning and Critical begin here, Emergency above the last.
WARNING_LAG_RECORDS, CRITICAL_LAG_RECORDS, EMERGENCY_LAG_RECORDS = 10_000, 100_000, 1_000_000
#: Before the path of a SQLite, where a database of applied events is named.
SQLITE = "sqlite:"
_POSTGRES_PORT = 5432
_PORTS = {"http": 80, "https": 443}
_KEY = r"^[A-Za-z0-9._-]{1,253}$"


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CatchUp(StrEnum):
    """When a member whose handler is a ``Split`` catches up."""

    AUTO = "auto"
    NOW = "now"
    NEVER = "never"


class CatchUpSettings(_Strict):
    """When the essential alone is done; see ``fleet.catch_up``.

    Attributes:
        when: ``auto``: at a lag, or by hand; ``now``: from the start on; ``never``.
        enter_records: At this lag of the group it begins; the emergency level's.
        leave_records: Below this lag, for ``hold_s``, it ends; the warning level's.
        look_every_s: The group's lag is asked for so often.
        in_flight_factor: So many times as many records may be in flight meanwhile.
        batch_records: So many at most are handed to ``essential_many`` at once.
    """

    when: CatchUp = CatchUp.AUTO
    enter_records: Annotated[int, Field(ge=1, le=1 << 50)] = EMERGENCY_LAG_RECORDS + 1
    leave_records: Annotated[int, Field(ge=1, le=1 << 50)] = WARNING_LAG_RECORDS
    hold_s: Annotated[float, Field(ge=0, le=3600)] = 30.0
    look_every_s: Annotated[float, Field(ge=0.1, le=60)] = 5.0
    in_flight_factor: Annotated[int, Field(ge=1, le=100)] = 4
    batch_records: Annotated[int, Field(ge=1, le=100_000)] = 500


NEVER_CATCHES_UP = CatchUpSettings(when=CatchUp.NEVER)


class TracingSettings(_Strict):
    """Which records are traced, and where the traces go.

    Attributes:
        endpoint: Where OTLP over HTTP is taken; a path of one's own, or the standard's.
        ratio: Of all records; every failure is traced besides. Rule 13: 0.1 to 1 %.
        begin_here: Whether a trace may begin at a record that brings none. False where every
            producer traces: what it left out is then left out here too.
    """

    endpoint: Annotated[str, Field(pattern=r"^https?://[^\s/]+(/\S*)?$")]
    ratio: Annotated[float, Field(ge=0.001, le=0.01)] = 0.001
    begin_here: bool = True


class Way(StrEnum):
    """What an event is known again by."""

    KEYS = "keys"
    IDS = "ids"


class DedupRules(_Strict):
    """How applied events are remembered, wherever that is.

    Attributes:
        by: What an event is known again by.
        margin_records: For so far below the committed offset everything is remembered.
        keep_s: By ids alone: for at least so long, by the events' own time.
        bucket_s: By ids alone: the ids of so much time are forgotten at once.
        purge_every_s: Between two looks at what may be forgotten.
        connections: To the database, at most, of one process.
    """

    by: Way = Way.KEYS
    margin_records: Annotated[int, Field(ge=0, le=1 << 40)] = 100_000
    keep_s: Annotated[int, Field(ge=1, le=365 * 86_400)] = 86_400
    bucket_s: Annotated[int, Field(ge=1, le=31 * 86_400)] = 3_600
    purge_every_s: Annotated[float, Field(ge=0.05, le=86_400)] = 30.0
    connections: Annotated[int, Field(ge=1, le=1000)] = 16


class Reached(_Strict):
    """Where something is that a fleet connects to beside the brokers: nothing else is let through.

    Attributes:
        namespace: Of the fleets' own cluster.
        cidrs: Elsewhere.
    """

    namespace: ObjectName | None = None
    cidrs: tuple[Network, ...] = ()

    @model_validator(mode="after")
    def _somewhere(self) -> "Reached":
        if self.namespace is None and not self.cidrs:
            raise ValueError("its namespace, or cidrs: a fleet reaches nothing that is not said")
        return self


class TracesConfig(TracingSettings, Reached):
    """A collector of traces, and which records are traced; of a whole stack."""

    @property
    def settings(self) -> TracingSettings:
        """What a fleet is told of it."""
        return TracingSettings(endpoint=self.endpoint, ratio=self.ratio, begin_here=self.begin_here)

    @property
    def port(self) -> int:
        """The endpoint's."""
        parts = urlsplit(self.endpoint)
        return parts.port or _PORTS[parts.scheme]

    @model_validator(mode="after")
    def _a_port(self) -> "TracesConfig":
        try:
            assert self.port
        except ValueError:
            raise ValueError("an endpoint whose port is from 1 to 65535") from None
        return self


class PostgresConfig(Reached):
    """A PostgreSQL, by reference: a Secret of the fleet's namespace says which and as whom.

    Attributes:
        secret: Its name; whoever has the database makes it, and no stack reads it.
        dsn_key: Of what libpq takes, without the password.
        password_key: Of the password; may be absent where the database asks for none.
    """

    secret: ObjectName
    dsn_key: Annotated[str, Field(pattern=_KEY)] = "dsn"
    password_key: Annotated[str, Field(pattern=_KEY)] = "password"
    port: Annotated[int, Field(ge=1, le=65_535)] = _POSTGRES_PORT


class SqliteConfig(_Strict):
    """A SQLite on a volume of the fleet's one instance.

    Attributes:
        storage_class: The cluster's default when left out.
    """

    size_gib: Annotated[int, Field(ge=1, le=16_384)] = 10
    storage_class: ObjectName | None = None


class DedupConfig(DedupRules):
    """Where a fleet remembers what it applied: exactly one of both."""

    sqlite: SqliteConfig | None = None
    postgresql: PostgresConfig | None = None

    @property
    def single(self) -> bool:
        """Whether a second instance at the same time would be wrong: the memory is one file."""
        return self.sqlite is not None

    @property
    def rules(self) -> DedupRules:
        """What a fleet is told beside the place."""
        return DedupRules(**self.model_dump(include=set(DedupRules.model_fields)))

    @model_validator(mode="after")
    def _one_place(self) -> "DedupConfig":
        if (self.sqlite is None) == (self.postgresql is None):
            raise ValueError("one of sqlite and postgresql: where it remembers what it applied")
        return self
