"""Which of the suite's experiments a scheduled game day can be, target by target.

Only names: what they do is the suite's to know, and a test holds these lists against it.
"""

from collections.abc import Mapping

#: They load a stack and change its consumer groups: possible wherever Kafka runs.
_WITHOUT_FAULTS_OF_ZONES = (
    "rebalance",
    "baseline",
    "control-commit-before-process",
    "control-deficit",
    "control-doctored-history",
    "control-no-dedup",
    "effect-once",
    "fleet-catch-up",
    "fleet-kill",
    "fleet-rebalance",
    "fleet-rolling-deploy",
    "greedy-consumer",
)
#: For each target what it can run, first what it runs when nothing is said. On this machine nothing
#: is scheduled: whoever sits at it runs ``python -m chaos run gameday --stack NAME``.
GAME_DAYS: Mapping[str, tuple[str, ...]] = {
    "local": (),
    "aws": ("az-blackhole", *_WITHOUT_FAULTS_OF_ZONES, "control-noop-fault"),
    "kubernetes": _WITHOUT_FAULTS_OF_ZONES,
}
