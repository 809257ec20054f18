"""A topic that is declared like any other and made nowhere, and what is known only once made."""

from typing import Any

import pulumi
from pulumi.dynamic import CreateResult, Resource, ResourceProvider

from blueprint.topics import TopicSpec
from components.topic_promise import promise_inputs


class _Paper(ResourceProvider):
    def create(self, props: dict[str, Any]) -> CreateResult:
        """Take it as it is, and give back what was to be known later."""
        return CreateResult("on-paper", props | {"later": props.get("known_later")})


class Later(Resource, module="quorate", name="Later"):
    """Its output ``later`` is what it was given; nobody knows it before the update."""

    later: pulumi.Output[str]

    def __init__(self, name: str, value: str) -> None:
        """Declare it."""
        super().__init__(_Paper(), name, {"known_later": value, "later": None})


class PaperTopic(Resource, module="quorate", name="Topic"):
    """Of the type of the project's own topics."""

    def __init__(self, name: str, min_insync_replicas: pulumi.Input[str]) -> None:
        """Declare it, sound but for what is given."""
        sound = TopicSpec("orders", 6, {"min.insync.replicas": "2"})
        config = {"min.insync.replicas": min_insync_replicas}
        super().__init__(_Paper(), name, promise_inputs(sound) | {"config": config})
