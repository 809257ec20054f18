"""The rules, a module per family."""

from policies.rule import Rule

RULES: tuple[Rule, ...] = ()
