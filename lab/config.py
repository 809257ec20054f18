"""What a lab may be asked for."""

from pathlib import Path
from typing import Annotated, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from blueprint.broker_settings import BrokerSettings
from blueprint.failover_profile import DEFAULT_PROFILE, PROFILES
from blueprint.problem import BadInput, Problem, validated
from blueprint.security import Security
from blueprint.topology import ZONES, Topology, placed
from lab.addresses import FIRST_SLOT, LAST_SLOT

DEFAULT_NAME = "default"


class LabConfig(BaseModel):
    """One lab.

    Attributes:
        name: Labs of different names live side by side.
        profile: The failover profile of brokers, quorum and clients.
        cross_zone_latency_ms: One-way delay of every cross-zone hop, in both directions.
        broker_overrides: Further broker settings by Kafka's own name.
        security: How clients are identified; with ``scram`` or ``mtls`` every listener is encrypted
            and whatever no access rule allows is denied.
        broker_zones: The zone of each broker, by id; anything but one in each is for experiments.
        controller_zones: The zone of each controller, by id; likewise.
        slot: The second octet of the lab's addresses; chosen when not given.
        quick_start: Whether the JVMs skip the optimising compiler: they start in half the time
            and reach less throughput.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")] = DEFAULT_NAME
    profile: str = DEFAULT_PROFILE
    cross_zone_latency_ms: Annotated[float, Field(ge=0, le=1000)] = 0.0
    broker_overrides: dict[str, str] = {}
    security: Security = Security.PLAINTEXT
    broker_zones: tuple[str, ...] = ZONES
    controller_zones: tuple[str, ...] = ZONES
    slot: Annotated[int, Field(ge=FIRST_SLOT, le=LAST_SLOT)] | None = None
    quick_start: bool = True

    @field_validator("profile")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in PROFILES:
            raise ValueError(f"one of {', '.join(PROFILES)}")
        return name

    @model_validator(mode="after")
    def _placeable(self) -> Self:
        try:
            self.topology()
        except BadInput as refused:
            raise ValueError("; ".join(map(str, refused.problems))) from None
        return self

    def topology(self) -> Topology:
        """The nodes of this lab."""
        return placed(self.broker_zones, self.controller_zones)

    def broker_settings(self) -> BrokerSettings:
        """The blueprint's settings for this lab."""
        return BrokerSettings(
            PROFILES[self.profile], overrides=self.broker_overrides, security=self.security
        )


def parse(fields: object, source: str) -> LabConfig:
    """Validate what a file or flags said.

    Raises:
        BadInput: Every problem at once.
    """
    return validated(LabConfig, fields, source)


def load(path: Path) -> dict[str, object]:
    """The fields of a YAML file.

    Raises:
        BadInput: The file cannot be read or is not a mapping.
    """
    try:
        fields = yaml.safe_load(path.read_text())
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:120]
        raise BadInput([Problem(str(path), reason, "a readable YAML file")]) from None
    if not isinstance(fields, dict):
        raise BadInput([Problem(str(path), type(fields).__name__, "a mapping of settings")])
    return {str(name): value for name, value in fields.items()}
