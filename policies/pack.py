"""The pack: what is told of each resource and of the whole stack, whoever asks."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date

from blueprint.waivers import WAIVERS_KEY, Waiver, parse_waivers
from policies.judging import Finding, ViewOf, judged
from policies.message import message_of, name_of, waived_message_of
from policies.resource import Resource, has_unknown
from policies.rule import Rule, Scope, Severity
from policies.violation import Violation

NAME = "quorate"
VERSION = "0.1.0"
#: The pack's own: nothing can waive it.
EXPIRED = Rule(
    name="waiver-expired",
    family="waivers",
    why="A waiver that nobody renews is a rule that nobody decided to drop.",
    judge=lambda view: (),
    no_experiment="it is about a day, not about a cluster",
    scope=Scope.STACK,
)


@dataclass(frozen=True, slots=True)
class Told:
    """What is told of one violation."""

    rule: Rule
    urn: str
    severity: Severity
    message: str


class Pack:
    """Rules over one operation on one stack; a value not known yet is judged once it is."""

    def __init__(self, rules: Iterable[Rule], view_of: ViewOf, today: Callable[[], date]) -> None:
        """Judge by these rules.

        Args:
            rules: All of them.
            view_of: Reads resources.
            today: The day, in UTC, that waivers are held against.
        """
        self.rules = (*rules, EXPIRED)
        self._view_of = view_of
        self._today = today
        self._of_resources = tuple(one for one in self.rules if one.scope is Scope.RESOURCE)
        self._of_stacks = tuple(one for one in self.rules if one.scope is Scope.STACK)
        self._stack = "STACK"
        self._waivers: tuple[Waiver, ...] = ()
        self._inputs: dict[str, Resource] = {}
        self._found: dict[str, frozenset[Finding]] = {}

    def configure(self, stack: str, config: Mapping[str, str]) -> None:
        """Begin anew, on this stack.

        Args:
            stack: Its name.
            config: Its settings by full key; lists and mappings are JSON.

        Raises:
            BadInput: A waiver is none; every problem at once.
        """
        self._inputs, self._found = {}, {}
        self._stack = stack
        given = config.get(WAIVERS_KEY)
        source = f"Pulumi.{stack}.yaml"
        self._waivers = () if given is None else parse_waivers(_value(given), source)

    def of_resource(self, resource: Resource) -> list[Told]:
        """What its inputs violate, as far as they are known."""
        findings = frozenset(judged(self._of_resources, (resource,), self._view_of))
        self._inputs[resource.urn] = resource
        self._found[resource.urn] = findings
        return self._told(findings)

    def of_stack(self, resources: Iterable[Resource]) -> list[Told]:
        """What only the whole can violate, and what was not known when a resource was judged."""
        there = tuple(map(self._with_inputs, resources))
        findings = [*judged(self._of_stacks, there, self._view_of), *self._expired()]
        for resource in filter(self._to_be_judged_again, there):
            told = self._found.get(resource.urn, frozenset())
            again = judged(self._of_resources, (resource,), self._view_of)
            findings += (finding for finding in again if finding not in told)
        return self._told(findings)

    def _with_inputs(self, resource: Resource) -> Resource:
        """What it was given stands where what became of it is silent, or not known yet."""
        given = self._inputs.get(resource.urn)
        if given is None:
            return resource
        known = {
            name: value
            for name, value in resource.properties.items()
            if name not in given.properties or not has_unknown(value)
        }
        return replace(resource, properties={**given.properties, **known})

    def _to_be_judged_again(self, resource: Resource) -> bool:
        given = self._inputs.get(resource.urn)
        return given is None or has_unknown(given.properties)

    def _expired(self) -> Iterator[Finding]:
        for waiver in self._waivers:
            if not waiver.in_force(self._today()):
                what = f"waiver of {waiver.rule}"
                if waiver.resource is not None:
                    what += f" on {waiver.resource}"
                found = f"expired on {waiver.expires}, owned by {waiver.owner}"
                required = "taken away, with what it let off put right, or given a new day"
                yield Finding(EXPIRED, Violation("", what, found, required))

    def _told(self, findings: Iterable[Finding]) -> list[Told]:
        order = {rule.name: at for at, rule in enumerate(self.rules)}
        by_rule = sorted(findings, key=lambda one: (order[one.rule.name], str(one.violation)))
        return [self._said(finding) for finding in by_rule]

    def _said(self, finding: Finding) -> Told:
        rule, urn = finding.rule, finding.violation.urn
        waiver = self._waiver(rule.name, name_of(urn))
        if waiver is None:
            return Told(rule, urn, rule.severity, message_of(finding, self._stack))
        return Told(rule, urn, Severity.ADVISORY, waived_message_of(finding, waiver))

    def _waiver(self, rule: str, resource: str) -> Waiver | None:
        today = self._today()
        held = (one for one in self._waivers if one.in_force(today))
        return next((one for one in held if one.covers(rule, resource)), None)


def _value(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        return text
