"""A provider of what is declared and never made: it remembers what was declared last."""

from collections.abc import Mapping
from typing import Any

from pulumi.dynamic import CreateResult, ResourceProvider, UpdateResult


class RememberingProvider(ResourceProvider):
    """Whoever refuses a change says so in ``check``; what is a change, in ``diff``."""

    serialize_as_secret_always = False

    def named(self, props: Mapping[str, Any]) -> str:
        """What it is known as.

        Raises:
            NotImplementedError: A provider of its own says it.
        """
        raise NotImplementedError

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Remember it."""
        return CreateResult(self.named(props), props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Remember what it became."""
        return UpdateResult(_news)
