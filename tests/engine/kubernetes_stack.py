"""Stacks of the target ``kubernetes`` as tests change them."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import replace

import pulumi

from blueprint.blueprint import Blueprint, blueprint_of
from blueprint.stack_config import parse_stack
from components.kubernetes_platform import declare

DEMAND = {
    "peak_events_per_s": 50_000,
    "mean_event_bytes": 1000,
    "latency_ms": 35,
    "retention_h": 24,
}


def new_namespace() -> str:
    """A namespace that no other test has; the stack makes it."""
    return f"quorate-{uuid.uuid4().hex[:8]}"


def blueprint(namespace: str, **changes: object) -> Blueprint:
    """A small platform: one topic, one fleet of six, game days; with these settings besides."""
    settings: dict[str, object] = {
        "target": "kubernetes",
        "demand": DEMAND,
        "topics": [{"name": "orders", "partitions": 12}],
        "fleets": [{"name": "billing", "image": "fleet:1", "consumes": ["orders"], "instances": 6}],
        "clients": [{"name": "shop", "produces": ["orders"], "cidrs": ["10.40.0.0/16"]}],
        "chaos": True,
        "game_day": {"image": "chaos:1"},
        "monitoring": {"labels": {"release": "prometheus"}},
        "kubernetes": {"namespace": namespace},
    }
    return blueprint_of(parse_stack(settings | changes, "a test"))


def program(namespace: str, **changes: object) -> Callable[[], None]:
    """Declares that platform; exports its StackOutputs as ``__main__.py`` does."""
    wanted = blueprint(namespace, **changes)
    return lambda: pulumi.export("quorate", declare(wanted))


def unread(namespace: str) -> Callable[[], None]:
    """Declares a platform whose cron line is none, as if nobody had read the stack's settings."""
    sound = blueprint(namespace)
    assert sound.config.game_day is not None
    game_day = sound.config.game_day.model_copy(update={"schedule": "61 * * * *"})
    config = sound.config.model_copy(update={"game_day": game_day})
    wanted = replace(sound, config=config)
    return lambda: pulumi.export("quorate", declare(wanted))


def topics(partitions: int, **more: object) -> list[Mapping[str, object]]:
    """The one topic, changed."""
    return [{"name": "orders", "partitions": partitions, **more}]
