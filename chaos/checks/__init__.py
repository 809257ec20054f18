"""The checks. Each is one file; adding one is a file, a test and a line here."""

from chaos.checks import (
    availability,
    caught_up,
    commit_regression,
    deficit,
    divergence,
    duplicate,
    fault_bit,
    harness,
    key_order,
    lag_recovery,
    lost,
    order,
    phantom,
    recovery_time,
    skipped,
    visible_then_lost,
)

REGISTRY = (
    lost.CHECK,
    visible_then_lost.CHECK,
    duplicate.CHECK,
    phantom.CHECK,
    order.CHECK,
    divergence.CHECK,
    commit_regression.CHECK,
    skipped.CHECK,
    key_order.CHECK,
    caught_up.CHECK,
    lag_recovery.CHECK,
    deficit.CHECK,
    recovery_time.CHECK,
    availability.CHECK,
    fault_bit.CHECK,
    harness.CHECK,
)
