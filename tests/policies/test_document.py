"""The page of the policies says what the rules say."""

import re

import pytest

from chaos.experiment.load import shipped
from policies.document import PAGE, page
from policies.pack import EXPIRED
from policies.rule import Rule
from policies.rules import RULES

WRITTEN = "`python -m policies.document` writes it anew"


def test_the_page_is_up_to_date() -> None:
    """Whoever changes a rule writes the page anew."""
    assert PAGE.read_text() == page(), WRITTEN


def test_every_rule_stands_on_the_page_once() -> None:
    """Under its family, whose rules stand together."""
    assert re.findall(r"^\| `([a-z0-9-]+)` \|", page(), re.MULTILINE) == [
        rule.name for rule in (*RULES, EXPIRED)
    ]
    titles = re.findall(r"^## (.*)$", page(), re.MULTILINE)
    assert len(titles) == len(set(titles))


@pytest.mark.parametrize("rule", [*RULES, EXPIRED], ids=lambda rule: rule.name)
def test_a_rule_names_a_shipped_experiment_or_says_why_there_is_none(rule: Rule) -> None:
    """One of both, and a reason in one sentence."""
    assert bool(rule.experiment) != bool(rule.no_experiment)
    assert not rule.experiment or rule.experiment in {one.name for one in shipped()}
    assert rule.why.endswith(".")
    assert ". " not in rule.why
