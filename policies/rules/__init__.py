"""The rules, a module per family."""

from policies.rule import Rule
from policies.rules import (
    capacity,
    clients,
    consumers,
    durability,
    hosts,
    network,
    operations,
    placement,
    readable,
)

RULES: tuple[Rule, ...] = (
    *readable.RULES,
    *durability.RULES,
    *placement.RULES,
    *capacity.RULES,
    *clients.RULES,
    *consumers.RULES,
    *operations.RULES,
    *hosts.RULES,
    *network.RULES,
)
