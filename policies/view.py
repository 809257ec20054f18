"""What rules look at: the settings of a stack in one form, whatever resource they come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class View:
    """The normalised settings of one resource, or of all of a stack."""
