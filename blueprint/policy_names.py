"""The names of the policies' rules: what a waiver may name. A test holds them to the rules."""

POLICY_NAMES: frozenset[str] = frozenset(
    {
        "readable",
        "three-replicas",
        "two-in-sync",
        "unclean-election-off",
    }
)
