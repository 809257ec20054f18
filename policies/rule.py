"""A rule: what must hold, why, and which experiment shows what breaks without it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import StrEnum

from policies.view import View
from policies.violation import Violation


class Severity(StrEnum):
    """Whether a violation stops the preview."""

    MANDATORY = "mandatory"
    ADVISORY = "advisory"


class Scope(StrEnum):
    """What has to be known to judge: one resource, before it is made, or the whole stack."""

    RESOURCE = "resource"
    STACK = "stack"


@dataclass(frozen=True)
class Rule:
    """One rule. `experiment` is the name of a shipped one, or empty where `no_experiment` says why.

    `judge` is pure: it sees a view of one resource (Scope.RESOURCE) or of all (Scope.STACK).
    """

    name: str
    family: str
    why: str
    judge: Callable[[View], Iterable[Violation]]
    experiment: str = ""
    no_experiment: str = ""
    scope: Scope = Scope.RESOURCE
    severity: Severity = Severity.MANDATORY
