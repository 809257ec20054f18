"""What a rule, or whoever reads for the rules, has to say."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Violation:
    """One setting of one resource that is not as it must be; texts hold no secret."""

    urn: str
    setting: str
    found: str
    required: str
