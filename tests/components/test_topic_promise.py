"""A topic's promise, as the engine asks for it: at each check, from inputs that may be unknown."""

from typing import Any

import pytest
from pulumi.runtime import rpc

from blueprint.topics import TopicSpec
from components.topic_promise import (
    TopicPromiseProvider,
    promise_failures,
    promise_inputs,
    spec_of,
)
from components.topics import TopicProvider

WAS = TopicSpec("orders", 6, {"min.insync.replicas": "2", "retention.ms": "3600000"})


def inputs(**changed: Any) -> dict[str, Any]:  # noqa: ANN401
    """The topic's inputs, with these fields."""
    return promise_inputs(WAS) | changed


def test_inputs_say_the_whole_topic() -> None:
    """What is written is read back, numbers from the engine's floats too."""
    assert spec_of(inputs()) == WAS
    assert spec_of(inputs(partitions=6.0, replication_factor=3.0)) == WAS


@pytest.mark.parametrize(
    "changed",
    [
        {"partitions": rpc.UNKNOWN},
        {"config": {"min.insync.replicas": rpc.UNKNOWN}},
        {"config": rpc.UNKNOWN},
    ],
)
def test_what_is_not_known_yet_is_no_topic_yet(changed: dict[str, Any]) -> None:
    """Nothing is refused for it."""
    assert spec_of(inputs(**changed)) is None
    assert promise_failures(WAS, spec_of(inputs(**changed))) == []


@pytest.mark.parametrize("provider", [TopicPromiseProvider(), TopicProvider()])
def test_every_broken_promise_is_a_failure_of_the_check(
    provider: TopicPromiseProvider | TopicProvider,
) -> None:
    """Fewer partitions, less min.isr and another replication factor at once; growth is none."""
    worse = inputs(partitions=3, replication_factor=2, config={"min.insync.replicas": "1"})
    said = [failure.reason for failure in provider.check(inputs(), worse).failures]
    assert len(said) == 3
    assert all("topics.orders." in reason for reason in said)
    assert provider.check(inputs(), inputs(partitions=12)).failures == []
    assert provider.check({}, worse).failures == []


@pytest.mark.parametrize("provider", [TopicPromiseProvider(), TopicProvider()])
def test_only_another_name_is_another_topic(
    provider: TopicPromiseProvider | TopicProvider,
) -> None:
    """All else is altered in place, and the same is no change."""
    assert not provider.diff("orders", inputs(), inputs()).changes
    grown = provider.diff("orders", inputs(), inputs(partitions=12))
    assert (grown.changes, grown.replaces) == (True, [])
    renamed = provider.diff("orders", inputs(), inputs(topic="others"))
    assert (renamed.changes, renamed.replaces) == (True, ["topic"])
