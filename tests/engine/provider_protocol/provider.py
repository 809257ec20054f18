"""The nouns of a provider: what the engine asks of it, and what it answers."""

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass

from tests.engine.provider_protocol.difference import Differences
from tests.engine.provider_protocol.values import UNKNOWN, Properties


class Refused(Exception):
    """Something cannot be done; the text is all that the user sees of it."""


@dataclass(frozen=True, slots=True)
class Resource:
    """Which resource of the program is spoken of.

    Attributes:
        urn: Unique within the stack.
        type: Its token, such as ``aws:ec2/vpc:Vpc``.
        name: As the program calls it.
    """

    urn: str
    type: str
    name: str


@dataclass(frozen=True, slots=True)
class Naming:
    """How a resource without a name of its own is named.

    Attributes:
        proposed: What the user's configuration of names makes of it, if there is one.
        allowed: Whether a name may be made up at all.
        random_seed: The same whenever the same resource is checked anew.
    """

    proposed: str = ""
    allowed: bool = True
    random_seed: bytes = b""

    def name(self, resource: Resource, digits: int = 7) -> str | None:
        """The name to give, or None where none may be made up."""
        if not self.allowed:
            return None
        return self.proposed or f"{resource.name}-{self.random_seed.hex()[:digits]}"


@dataclass(frozen=True, slots=True)
class Failure:
    """An input that cannot stand."""

    property: str
    reason: str


@dataclass(frozen=True, slots=True)
class Check:
    """Are these inputs legal, and what are they once defaults are in? No old ones: it is new."""

    resource: Resource
    old_inputs: Properties | None
    inputs: Properties
    naming: Naming = Naming()


@dataclass(frozen=True, slots=True)
class Checked:
    """The inputs to work with from now on, or everything that is wrong with them."""

    inputs: Properties
    failures: tuple[Failure, ...] = ()


@dataclass(frozen=True, slots=True)
class Diff:
    """What would change?"""

    resource: Resource
    id: str
    old_inputs: Properties
    old_outputs: Properties
    inputs: Properties


@dataclass(frozen=True, slots=True)
class Create:
    """Make it; in a preview only say what it would be.

    Attributes:
        timeout_s: What the program allows, or 0.
    """

    resource: Resource
    inputs: Properties
    preview: bool
    timeout_s: float = 0


@dataclass(frozen=True, slots=True)
class Created:
    """What was made; in a preview its id is empty, and outputs may be unknown."""

    id: str
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Update:
    """Change it in place; in a preview only say what it would be.

    Attributes:
        ignored: Paths that the program leaves to others; there the inputs are those of before.
    """

    resource: Resource
    id: str
    old_inputs: Properties
    old_outputs: Properties
    inputs: Properties
    preview: bool
    timeout_s: float = 0
    ignored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Read:
    """What is it like now? Inputs and outputs are empty where only the id is known."""

    resource: Resource
    id: str
    inputs: Properties
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Found:
    """What it is like now."""

    id: str
    inputs: Properties
    outputs: Properties


@dataclass(frozen=True, slots=True)
class Delete:
    """Remove it, and return once it is gone."""

    resource: Resource
    id: str
    inputs: Properties
    outputs: Properties
    timeout_s: float = 0


class Provider(ABC):
    """One package's resources; called from several threads at once.

    Every method may raise ``Refused``.
    """

    #: The version of the package that programs are written against.
    version: str

    @abstractmethod
    def configure(self, config: Mapping[str, object]) -> None:
        """Take the configuration, secrets in clear; what is not known is left out."""

    def check(self, asked: Check) -> Checked:
        """Judge inputs and put in defaults."""
        return Checked(asked.inputs)

    @abstractmethod
    def diff(self, asked: Diff) -> Differences:
        """Say what would change."""

    @abstractmethod
    def create(self, asked: Create) -> Created:
        """Make a resource."""

    @abstractmethod
    def update(self, asked: Update) -> Properties:
        """Change a resource, and return its outputs."""

    @abstractmethod
    def read(self, asked: Read) -> Found | None:
        """Say what a resource is like, or None if it is gone."""

    @abstractmethod
    def delete(self, asked: Delete) -> None:
        """Remove a resource; one that is gone already is no error."""

    def invoke(self, token: str, arguments: Properties) -> Properties:
        """Answer a function of the package."""
        raise Refused(f"{token} is not a function that stands in here")


def known(values: Mapping[str, object]) -> dict[str, object]:
    """Without what is not known at the top."""
    return {key: value for key, value in values.items() if value is not UNKNOWN}
