"""Whatever is wrong with a stack at once: each of it is said, and nothing else."""

import copy
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprint.mending import mended
from blueprint.problem import BadInput
from blueprint.stack_config import AwsConfig, parse_stack

WAIVER = {"reason": "until the move is done", "owner": "platform", "expires": "2030-12-31"}
#: Everything that a stack may say, so that there is much to spoil.
STACK: dict[str, Any] = {
    "target": "aws",
    "chaos": True,
    "demand": {"peak_events_per_s": 50_000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders", "partitions": 9}, {"name": "bills"}],
    "fleets": [
        {
            "name": "billing",
            "image": "billing:1",
            "consumes": ["orders"],
            "dedup": {"postgresql": {"secret": "billing-db", "namespace": "databases"}},
        },
        {"name": "mail", "image": "mail:1", "consumes": ["orders"], "catch_up": {}},
    ],
    "clients": [{"name": "shop", "produces": ["orders"], "cidrs": ["10.40.0.0/16"]}],
    "game_day": {"image": "chaos:1", "experiment": "az-blackhole"},
    "monitoring": {},
    "traces": {"endpoint": "http://collector:4318", "namespace": "traces"},
    "waivers": [{"rule": "acks-all", **WAIVER}, {"rule": "buffers-bounded", **WAIVER}],
    "broker_overrides": {},
    "kubernetes": {},
    "local": {},
    "aws": {
        "region": "eu-central-1",
        "availability_zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
        "kafka": {"bucket": "artifacts", "key": "kafka.tgz", "sha512": "0" * 128},
    },
}


@dataclass(frozen=True, slots=True)
class Spoilt:
    """One thing that is wrong.

    Attributes:
        at: Where something is put; a ``+`` at the end of a list.
        value: What is put there.
        said: The path under which it is said, where that is another one.
    """

    at: str
    value: object
    said: str = ""

    @property
    def path(self) -> str:
        """Where it is said."""
        return self.said or self.at

    def put(self, stack: dict[str, Any]) -> None:
        """Spoil it."""
        *around, last = self.at.split(".")
        place: Any = stack
        for step in around:
            place = place[int(step) if isinstance(place, list) else step]
        if last == "+":
            place.append(self.value)
        elif isinstance(place, list):
            place[int(last)] = self.value
        else:
            place[last] = self.value


#: Wrong by themselves.
ALONE = (
    Spoilt("failover_profile", "never"),
    Spoilt("keda", "perhaps"),
    Spoilt("zzz", 1),
    Spoilt("demand.zzz", 1),
    Spoilt("aws.image_id", "x"),
    Spoilt("aws.kafka.sha512", "0"),
    Spoilt("aws.operator_cidrs", ["0.0.0.0/0"], "aws.operator_cidrs.0"),
    Spoilt("aws.protect_data", "perhaps"),
    Spoilt("aws.zzz", 1),
    Spoilt("game_day.schedule", "never"),
    Spoilt("game_day.deadline_s", 1),
    Spoilt("game_day.image", ""),
    Spoilt("monitoring.namespace", "A B"),
    Spoilt("monitoring.zzz", 1),
    Spoilt("traces.ratio", 1),
    Spoilt("topics.0.min_insync_replicas", 9),
    Spoilt("topics.1.name", "BAD"),
    Spoilt("fleets.0.image", 7),
    Spoilt("fleets.0.cpu_millis", 1),
    Spoilt("fleets.0.dedup.margin_records", -1),
    Spoilt("fleets.1.drain_deadline_s", 0),
    Spoilt("fleets.1.catch_up.hold_s", -1),
    Spoilt("fleets.1.zzz", 1),
    Spoilt("clients.0.zzz", 1),
    Spoilt("waivers.0.owner", ""),
    Spoilt("kubernetes.zones", ["a", "b", ""], "kubernetes.zones.2"),
    Spoilt("local.cross_zone_latency_ms", -1),
)
#: Wrong because of something else.
TOGETHER = (
    Spoilt("security", "plaintext"),
    Spoilt("chaos", False),
    Spoilt("game_day.experiment", "gameday"),
    Spoilt("aws.fleet_cidrs", ["10.9.0.0/16"], "aws.kubeconfig and aws.fleet_cidrs"),
    Spoilt("aws.availability_zones", ["eu-west-1a", "b", "c"]),
    Spoilt("topics.+", {"name": "orders"}, "topics"),
    Spoilt("clients.+", {"name": "billing"}, "fleets and clients"),
    Spoilt("fleets.0.consumes", ["orders", "orders"]),
    Spoilt("fleets.0.instances", 10_000),
    Spoilt("fleets.1.catch_up.leave_records", 1 << 40),
    Spoilt("clients.0.cidrs.+", "10.20.4.0/24", "clients.0.cidrs"),
    Spoilt("waivers.+", {"rule": "buffers-bounded", **WAIVER}, "waivers"),
    Spoilt("broker_overrides.node.id", "7"),
    Spoilt("broker_overrides.min.insync.replicas", 1),
)
#: What is not said beside something that it reads: nobody knows what that was to be.
HIDDEN = {
    "topics.1.name": {"fleets.0.instances"},
}


def problems_of(stack: dict[str, Any]) -> set[str]:
    """Where something is wrong."""
    try:
        parse_stack(stack, "s")
    except BadInput as refused:
        return {one.path.removeprefix("s: ") for one in refused.problems}
    return set()


def test_the_stack_is_sound() -> None:
    """Before it is spoilt."""
    assert problems_of(STACK) == set()


@settings(max_examples=400, deadline=None)
@given(st.sets(st.sampled_from(range(len(ALONE + TOGETHER))), max_size=12))
def test_everything_that_is_wrong_is_said_at_once(chosen: set[int]) -> None:
    """Whichever of them come together, in one section and across them."""
    stack = copy.deepcopy(STACK)
    spoilt = [(ALONE + TOGETHER)[index] for index in sorted(chosen)]
    for one in spoilt:
        if "broker_overrides" in one.at:
            stack["broker_overrides"][one.at.removeprefix("broker_overrides.")] = one.value
        else:
            one.put(stack)
    paths = {one.path for one in spoilt}
    hidden = set().union(*(HIDDEN.get(path, set()) for path in paths))
    assert problems_of(stack) == paths - hidden


def test_what_is_wrong_of_a_whole_shows_beside_what_is_wrong_in_it() -> None:
    """A collector that is nowhere, with an endpoint that is none."""
    stack = STACK | {"traces": {"endpoint": "nowhere"}}
    assert problems_of(stack) == {"traces.endpoint", "traces"}


@pytest.mark.parametrize("junk", [None, 7, "x", [], [1], {7: 8}, {None: 1}, {"aws": {1: 2}}])
def test_junk_has_a_legal_part(junk: object) -> None:
    """Whatever it is, all of it is in doubt."""
    assert problems_of(junk)  # type: ignore[arg-type]


def test_what_is_left_out_of_a_list_takes_nothing_else_with_it() -> None:
    """Two networks that are none leave the third."""
    fields = STACK["aws"] | {"operator_cidrs": ["x", "10.9.0.0/16", 7]}
    found = mended(AwsConfig, fields, {})
    assert [str(one) for one in found.value.operator_cidrs] == ["10.9.0.0/16"]
    assert found.doubted == {("operator_cidrs", 0), ("operator_cidrs", 2)}
