"""Writes ``docs/policies.md`` from the rules: ``python -m policies.document``."""

from collections.abc import Iterable, Iterator
from itertools import groupby
from pathlib import Path

from policies.judging import Finding
from policies.message import message_of
from policies.pack import EXPIRED
from policies.rule import Rule, Scope
from policies.rules import RULES
from policies.violation import Violation

PAGE = Path(__file__).parent.parent / "docs" / "policies.md"
_HEAD = """\
# Policies

What a stack must hold before it is provisioned. `policies/` is a pack of Pulumi's; each of its
rules says what breaks without it and which experiment shows it. This page is written from the rules
by `python -m policies.document`.

```sh
make preview                                        # the shipped stacks, each with the policies
pulumi preview --stack aws --policy-pack policies   # a stack of yours, with a CLI of yours
stacks/pulumi.sh preview --stack local --policy-pack policies/pulumi-analyzer-quorate
```

The last form is for the CLI that this project builds where there is no other: it starts
executables, and has no language host that could start a folder. The pack speaks the engine's
analyzer protocol itself, so whatever speaks it may ask: `python -m policies` says its port and
answers.

A mandatory rule that is violated fails the preview. What is not known before the update, such as an
address that a provider gives, is judged in the update. A rule that cannot read what it is to judge
fails too: what nobody has judged has not passed.

A violation says the resource and the setting, what it is and what it must be, why, what shows it,
and how to waive it:

```
{example}
```

## What a stack is let off

Waivers stand in the stack's settings, with a reason, an owner and a last day (in UTC):

```yaml
quorate:waivers:
  - rule: {rule}
    resource: orders        # its name in Pulumi; every resource when left out
    reason: the topic is emptied on Friday and goes
    owner: shop team
    expires: 2030-12-31
```

Until that day the violation is told as advice, with all three. After it the violation is mandatory
again, and the waiver itself fails the preview as `{expired}`, which nothing can waive. Rules are
configured nowhere else: the pack refuses another's enforcement levels.
"""
_TABLE = """\
| rule | severity | judged of | why | evidence |
|---|---|---|---|---|
"""
_JUDGED_OF = {Scope.RESOURCE: "a resource", Scope.STACK: "the stack"}


#: What the page shows one violation by.
_EXAMPLE_RULE = "two-in-sync"
_EXAMPLE = Violation(
    "urn:pulumi:kubernetes::quorate::kubernetes:kafka.strimzi.io/v1:KafkaTopic::orders",
    "spec.config: min.insync.replicas",
    "'1'",
    "2",
)


def page() -> str:
    """The whole page: every rule, those of a family together, and the pack's own."""
    shown = next(rule for rule in RULES if rule.name == _EXAMPLE_RULE)
    example = message_of(Finding(shown, _EXAMPLE), "kubernetes")
    head = _HEAD.format(example=example, rule=shown.name, expired=EXPIRED.name)
    return "\n".join((head, *_families((*RULES, EXPIRED))))


def _families(rules: Iterable[Rule]) -> Iterator[str]:
    for family, of_it in groupby(rules, key=lambda rule: rule.family):
        title = f"## {family[:1].upper()}{family[1:]}"
        yield f"{title}\n\n{_TABLE}{''.join(map(_row, of_it))}"


def _row(rule: Rule) -> str:
    cells = (
        f"`{rule.name}`",
        rule.severity.value,
        _JUDGED_OF[rule.scope],
        rule.why,
        f"[`{rule.experiment}`](evidence.md)" if rule.experiment else f"none: {rule.no_experiment}",
    )
    return f"| {' | '.join(cell.replace('|', '/') for cell in cells)} |\n"


if __name__ == "__main__":
    PAGE.write_text(page())
