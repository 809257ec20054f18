"""The rules, a module per family."""

from policies.rule import Rule
from policies.rules import durability, readable

RULES: tuple[Rule, ...] = (*readable.RULES, *durability.RULES)
