"""What a run came to, in words that need no Kafka."""

from collections.abc import Mapping, Sequence

from chaos.verdict import Outcome, Verdict

_HEADLINES: Mapping[Outcome, str] = {
    Outcome.PASS: "Nothing that was acknowledged was lost.",
    Outcome.FAIL: "The cluster broke a promise.",
    Outcome.INVALID: "This run proves nothing, good or bad.",
    Outcome.INCONCLUSIVE: "The run did not come far enough to be judged.",
    Outcome.ABORTED: "The run was ended before its time.",
}

#: What each check asks, for the table.
QUESTIONS: Mapping[str, str] = {
    "lost": "Is every acknowledged record on every replica?",
    "visible-then-lost": "Is everything a consumer saw still there?",
    "duplicate": "Was each record written once?",
    "phantom": "Is there nothing that nobody sent, and nothing broken?",
    "order": "Did each producer's records keep their order?",
    "divergence": "Do all replicas hold the same?",
    "commit-regression": "Did the group's progress only go forward?",
    "key-order": "Were the records of each key processed in their order?",
    "effect-once": "Did every acknowledged record have its effect, and once?",
    "caught-up": "Was nothing forgotten of what was put off for later?",
    "skipped": "Was everything that was committed also processed?",
    "lag-recovery": "Did the consumers catch up under full load?",
    "deficit": "Can the consumers do all that arrives?",
    "neighbours": "Did others wait no longer for one who takes all he can?",
    "recovery-time": "Was each recovery within the failover budget?",
    "availability": "Were records acknowledged in time?",
    "fault-bit": "Did each fault do what it says?",
    "harness": "Was the experiment itself sound?",
}


def headline(verdict: Verdict) -> str:
    """One sentence under the outcome."""
    lost = verdict.records["lost"]
    if verdict.outcome is Outcome.FAIL and lost:
        records = "record was" if lost == 1 else "records were"
        return f"{lost:,} acknowledged {records} lost."
    return _HEADLINES[verdict.outcome]


def summary(verdict: Verdict, faults: Sequence[str]) -> str:
    """Two or three sentences that a manager can act on."""
    records, times = verdict.records, verdict.recovery_s
    happened = f"during {_joined(faults)}" if faults else "while nothing was disturbed"
    said = [f"{records['acknowledged']:,} records were acknowledged {happened}."]
    if verdict.outcome is Outcome.PASS:
        said.append("Every one of them was read back from all replicas, once and in order.")
    if verdict.reason:
        said.append(f"Why: {verdict.reason}.")
    produce, lag = times.get("produce"), times.get("lag")
    if faults and produce is not None:
        said.append(f"Writing paused for at most {produce:.1f} s.")
    if faults and lag is not None:
        said.append(f"Consumers were back to normal at most {lag:.1f} s after each fault ended.")
    elif faults:
        said.append("Consumers did not get back to normal.")
    return " ".join(said)


def expectation(verdict: Verdict) -> str:
    """For a control: whether it was caught as it must be; nothing for an ordinary run."""
    wanted = verdict.expected
    if wanted.outcome == "PASS":
        return ""
    by = f" by the check {wanted.check}" if wanted.check else ""
    if verdict.as_expected:
        return f"This is a control that must be judged {wanted.outcome}{by}, and it was."
    return f"This is a control that must be judged {wanted.outcome}{by}, and it was NOT."


def _joined(names: Sequence[str]) -> str:
    *most, last = names
    return f"{', '.join(most)} and {last}" if most else last
