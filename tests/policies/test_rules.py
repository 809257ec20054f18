"""What the rules rest on elsewhere: names and numbers that two rooms have to have alike."""

import re
from pathlib import Path

import pytest
import yaml

from blueprint.game_days import GAME_DAYS
from blueprint.labels import CLUSTER_LABEL, FLEET_LABEL, ZONE_LABEL
from components.strimzi_cluster import API
from policies.extract import strimzi
from policies.rule import Rule
from policies.rules import RULES

_EXPERIMENTS = Path(__file__).parents[2] / "chaos" / "experiments"


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
def test_a_rule_has_a_name_a_reason_and_evidence_or_why_there_is_none(rule: Rule) -> None:
    """One sentence why, and exactly one of an experiment and a reason for none."""
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", rule.name)
    assert rule.why.endswith(".")
    assert rule.why.count(". ") == 0
    assert bool(rule.experiment) != bool(rule.no_experiment)


def test_every_game_day_that_can_be_scheduled_takes_a_zone_at_most() -> None:
    """What the rule takes for granted of the shipped experiments."""
    for name in {one for names in GAME_DAYS.values() for one in names} | {"gameday"}:
        said = yaml.safe_load((_EXPERIMENTS / f"{name}.yaml").read_text())
        assert said["blast_radius"]["zones"] <= 1, name


def test_labels_are_those_of_the_components() -> None:
    """Policies import no component, and are to read what these write."""
    assert (FLEET_LABEL, ZONE_LABEL) == ("quorate.io/fleet", "topology.kubernetes.io/zone")
    assert (CLUSTER_LABEL, API.partition("/")[0]) == ("strimzi.io/cluster", strimzi.GROUP)
