"""Waivers: typed, all problems at once, and legal names that are those of the rules."""

from datetime import date
from typing import Any

import pytest

from blueprint.policy_names import POLICY_NAMES
from blueprint.problem import BadInput
from blueprint.stack_config import StackConfig, parse_stack
from blueprint.waivers import Waiver, parse_waivers
from policies.rules import RULES

WAIVER: dict[str, object] = {
    "rule": "acks-all",
    "resource": "orders",
    "reason": "a migration is under way",
    "owner": "shop team",
    "expires": "2030-06-15",
}
STACK: dict[str, Any] = {
    "target": "local",
    "security": "plaintext",
    "demand": {"peak_events_per_s": 5000, "mean_event_bytes": 1000, "latency_ms": 35},
    "topics": [{"name": "orders"}],
}


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two rules, whatever others there are."""
    monkeypatch.setattr("blueprint.waivers.POLICY_NAMES", frozenset({"acks-all", "quotas"}))


def stack(*waivers: object) -> StackConfig:
    """A sound stack that is let off so much."""
    return parse_stack(STACK | {"waivers": list(waivers)}, "s")


def problems_of(*waivers: object) -> list[str]:
    """What is wrong with them, by path."""
    with pytest.raises(BadInput) as refused:
        stack(*waivers)
    with pytest.raises(BadInput) as alone:
        parse_waivers(list(waivers), "s")
    assert set(map(str, alone.value.problems)) <= set(map(str, refused.value.problems))
    return [one.path.removeprefix("s: ") for one in refused.value.problems]


def test_the_legal_names_are_those_of_the_rules() -> None:
    """A rule that is added or renamed is named here too, and none twice."""
    names = [rule.name for rule in RULES]
    assert len(names) == len(set(names))
    assert set(names) == POLICY_NAMES


def test_a_waiver_is_read_with_its_day() -> None:
    """As text, and as the timestamps that a day in YAML becomes on its way through the engine."""
    [waiver] = stack(WAIVER).waivers
    assert waiver.expires == date(2030, 6, 15)
    for stamp in ("2030-06-15T00:00:00Z", "2030-06-15 00:00:00 +0000 UTC"):
        assert stack(WAIVER | {"expires": stamp}).waivers == (waiver,)
    assert parse_waivers([WAIVER], "s") == (waiver,)


def test_a_stack_without_waivers_has_none() -> None:
    """Nothing is let off by default."""
    assert parse_stack(STACK, "s").waivers == ()


@pytest.mark.parametrize(
    ("changed", "path"),
    [
        ({"rule": "acks"}, "waivers.0.rule"),
        ({"reason": "because"}, "waivers.0.reason"),
        ({"reason": " " * 20}, "waivers.0.reason"),
        ({"owner": ""}, "waivers.0.owner"),
        ({"owner": " "}, "waivers.0.owner"),
        ({"expires": "soon"}, "waivers.0.expires"),
        ({"expires": "2030-02-30"}, "waivers.0.expires"),
        ({"expires": 20300615}, "waivers.0.expires"),
        ({"expires": True}, "waivers.0.expires"),
        ({"expires": "2030-06-15T10:00:00Z"}, "waivers.0.expires"),
        ({"expires": "2030-06-15 10:00:00 +0000 UTC"}, "waivers.0.expires"),
        ({"resource": ""}, "waivers.0.resource"),
        ({"until": "2030-06-15"}, "waivers.0.until"),
    ],
)
def test_an_illegal_field_is_named(changed: dict[str, object], path: str) -> None:
    """One wrong field, one problem."""
    assert problems_of(WAIVER | changed) == [path]


def test_every_field_but_the_resource_must_be_said() -> None:
    """All that are missing are named at once."""
    assert problems_of({}) == [
        f"waivers.0.{name}" for name in ("rule", "reason", "owner", "expires")
    ]
    assert stack({name: WAIVER[name] for name in WAIVER if name != "resource"})


@pytest.mark.parametrize("junk", [None, 7, "acks-all", {"acks-all": "forever"}, [[]], ["acks-all"]])
def test_what_is_no_list_of_waivers_is_refused(junk: object) -> None:
    """With its path, and no traceback."""
    with pytest.raises(BadInput, match="s: waivers"):
        parse_waivers(junk, "s")


def test_two_waivers_of_one_thing_are_refused() -> None:
    """It would be unclear which day counts; of two things two are legal."""
    assert problems_of(WAIVER, WAIVER | {"expires": "2031-01-01"}) == ["waivers"]
    assert len(stack(WAIVER, WAIVER | {"resource": "payments"}).waivers) == 2


@pytest.mark.parametrize(
    ("rule", "resource", "covered"),
    [("acks-all", "orders", True), ("acks-all", "payments", False), ("quotas", "orders", False)],
)
def test_a_waiver_covers_its_rule_on_its_resource(rule: str, resource: str, covered: bool) -> None:
    """And without a resource its rule on every one."""
    assert Waiver.model_validate(WAIVER).covers(rule, resource) is covered
    everywhere = Waiver.model_validate({**WAIVER, "resource": None})
    assert everywhere.covers(rule, resource) is (rule == "acks-all")


def test_a_waiver_holds_through_its_last_day() -> None:
    """And not on the next."""
    waiver = Waiver.model_validate(WAIVER)
    assert waiver.in_force(date(2030, 6, 15))
    assert not waiver.in_force(date(2030, 6, 16))
