"""What a declared topic promises its users, kept when the declaration changes.

The rule itself is the blueprint's; here it is asked at each preview, of whichever target's topic.
"""

from collections.abc import Mapping
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, DiffResult, Resource

from blueprint.topics import REPLICATION_FACTOR, TopicSpec, change_problems
from components.kafka_admin import known
from components.remembering import RememberingProvider

#: The inputs that say what a topic is.
SPEC = ("topic", "partitions", "replication_factor", "config")


def promise_inputs(spec: TopicSpec) -> dict[str, Any]:
    """A topic as inputs of a resource."""
    return {
        "topic": spec.name,
        "partitions": spec.partitions,
        "replication_factor": spec.replication_factor,
        "config": dict(spec.config),
    }


def spec_of(props: Mapping[str, Any] | None) -> TopicSpec | None:
    """The topic that inputs or outputs say, or None when they do not say one whole."""
    said = props or {}
    config = said.get("config")
    if any(name not in said or not known(said[name]) for name in SPEC):
        return None
    if not isinstance(config, Mapping) or not all(map(known, config.values())):
        return None
    return TopicSpec(
        name=str(said["topic"]),
        partitions=int(said["partitions"]),
        config={str(name): str(value) for name, value in config.items()},
        replication_factor=int(said.get("replication_factor", REPLICATION_FACTOR)),
    )


def promise_failures(old: TopicSpec | None, new: TopicSpec | None) -> list[CheckFailure]:
    """Why a topic may not become another, one line each; nothing when there was none before."""
    if old is None or new is None or old.name != new.name:
        return []
    return [CheckFailure("", str(problem)) for problem in change_problems(old, new)]


class TopicPromiseProvider(RememberingProvider):
    """Keeps what was declared last; makes nothing."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse what would lose records or a promise."""
        return CheckResult(news, promise_failures(spec_of(_olds), spec_of(news)))

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A topic of another name is another topic."""
        replaced = ["topic"] if _olds.get("topic") != _news.get("topic") else []
        changed = any(_olds.get(name) != _news.get(name) for name in SPEC)
        return DiffResult(changes=changed, replaces=replaced)

    def named(self, props: Mapping[str, Any]) -> str:
        """By its topic."""
        return str(props["topic"])


class TopicPromise(Resource, module="quorate", name="TopicPromise"):
    """The promise of a topic that something else makes, such as an operator on Kubernetes."""

    def __init__(
        self, name: str, spec: TopicSpec, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it; the topic's own resource is to depend on this one."""
        super().__init__(TopicPromiseProvider(), name, promise_inputs(spec), opts)
