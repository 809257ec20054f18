"""What a violation says: resource, setting, what it is and must be, why, how shown, how waived."""

from blueprint.waivers import WAIVERS_KEY, Waiver
from policies.judging import Finding
from policies.rule import Rule


def name_of(urn: str) -> str:
    """The resource's name; of a violation that is nobody's in particular, the stack."""
    return urn.rpartition("::")[2] or "the stack"


def type_of(urn: str) -> str:
    """The resource's own type, without those of its parents."""
    parts = urn.split("::")
    return parts[2].rpartition("$")[2] if len(parts) > 3 else ""


def message_of(finding: Finding, stack: str) -> str:
    """The whole message of a violation.

    Args:
        finding: The violation and its rule.
        stack: The stack's name, for the file in which it would be waived.
    """
    return "\n".join((_what(finding), *_reasons(finding.rule), _way_out(finding, stack)))


def waived_message_of(finding: Finding, waiver: Waiver) -> str:
    """The message of a violation that is let off."""
    said = f"waived until {waiver.expires} by {waiver.owner}: {waiver.reason}"
    return "\n".join((_what(finding), said, *_reasons(finding.rule)))


def evidence_of(rule: Rule) -> str:
    """The command that shows what breaks without the rule, or why there is none."""
    if rule.experiment:
        return f"python -m chaos run {rule.experiment}"
    return f"no experiment: {rule.no_experiment}"


def _what(finding: Finding) -> str:
    violation = finding.violation
    kind = type_of(violation.urn)
    resource = f"{name_of(violation.urn)} ({kind})" if kind else name_of(violation.urn)
    return f"{resource}: {violation.setting} is {violation.found}; it must be {violation.required}."


def _reasons(rule: Rule) -> tuple[str, str]:
    return f"Why: {rule.why}", f"Shown by: {evidence_of(rule)}"


def _way_out(finding: Finding, stack: str) -> str:
    name = name_of(finding.violation.urn)
    where = f", resource: {name}" if finding.violation.urn else ""
    entry = f"{{rule: {finding.rule.name}{where}, reason: ..., owner: ..., expires: YYYY-MM-DD}}"
    return f"To waive it: in stacks/Pulumi.{stack}.yaml, {WAIVERS_KEY}: [{entry}]"
