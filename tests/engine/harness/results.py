"""What one operation of the engine did, from its own event stream."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from pulumi.automation import EngineEvent
from pulumi.automation.events import StepEventMetadata, StepEventStateMetadata

#: Stands in a preview's inputs and outputs for what only an `up` can know.
UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
#: Stands in every event for a secret's value.
SECRET = "[secret]"
#: How the engine's protocol marks a secret.
_SECRET_SIGNATURE = "1b47061264138c4ac30d75fd1eb44270"

#: The stack itself, and providers that no program declares.
_NOT_DECLARED = re.compile(r".*::(pulumi:pulumi:Stack::.*|pulumi:providers:[\w-]+::default(_.*)?)")
#: Said of every stand-in, every time.
_STAND_IN = re.compile(r"using pulumi-\S+ from \$PATH")
_STEP = re.compile(r'\["([^"]*)"\]|\[(\d+)\]|([^.\[\]]+)')


@dataclass(frozen=True, slots=True)
class Difference:
    """How a property differs: ``add``, ``delete``, ``update``, or one of them with ``-replace``."""

    kind: str
    old: object
    new: object


@dataclass(frozen=True, slots=True)
class Change:
    """What the engine did, or in a preview would do, to one resource.

    Attributes:
        operation: ``same``, ``create``, ``update``, ``delete``, ``replace``, ``read``, ...
        steps: What that took, in order: of a replacement whether the new one came first
            (``create-replacement``, ``replace``, ``delete-replaced``) or last.
        type: The type token, such as ``aws:ec2/vpc:Vpc``.
        name: The name in the program.
        inputs: The new inputs, for a delete the old ones.
        outputs: The new outputs; in a preview what is known of them.
        differences: By property path, such as ``tags.Name``.
    """

    operation: str
    steps: tuple[str, ...]
    urn: str
    type: str
    name: str
    inputs: Mapping[str, object]
    outputs: Mapping[str, object]
    differences: Mapping[str, Difference]


@dataclass(frozen=True, slots=True)
class Violated:
    """A policy's rule that was violated, as the engine tells of it.

    Attributes:
        level: ``mandatory`` or ``advisory``.
        name: The resource's name; the stack's where it is about none in particular.
    """

    rule: str
    level: str
    name: str
    message: str


@dataclass(frozen=True, slots=True)
class Result:
    """One preview, up, refresh or destroy.

    Attributes:
        counts: What the program declares, by operation.
        changes: Each of those resources, unchanged ones included.
        messages: What the engine, providers and the program said, severity first.
        duration_s: The engine's own count.
        violated: What policies found.
    """

    counts: Mapping[str, int]
    changes: tuple[Change, ...]
    messages: tuple[str, ...]
    duration_s: int
    violated: tuple[Violated, ...] = ()

    def changed(self) -> tuple[Change, ...]:
        """Every resource that was not left as it was."""
        return tuple(change for change in self.changes if change.operation not in ("same", "read"))

    def of_type(self, token: str) -> tuple[Change, ...]:
        """Every change of one type, by its token or by its last part, such as ``Vpc``."""
        return tuple(c for c in self.changes if token in (c.type, c.type.rpartition(":")[2]))

    def one(self, name: str) -> Change:
        """The one change of the resource of this name.

        Raises:
            LookupError: There is none or more than one; the text names what there is.
        """
        found = [change for change in self.changes if change.name == name]
        if len(found) != 1:
            names = ", ".join(f"{c.name} ({c.operation})" for c in self.changes)
            raise LookupError(f"{len(found)} changes of {name!r}; there are: {names}")
        return found[0]

    def differences(self) -> dict[str, dict[str, Difference]]:
        """Every property that differs, by resource name and property path."""
        return {c.name: dict(c.differences) for c in self.changes if c.differences}


@dataclass(slots=True)
class Recording:
    """Takes the engine's events as they come; ``result`` may be asked for at any time."""

    _events: list[EngineEvent] = field(default_factory=list)

    def __call__(self, event: EngineEvent) -> None:
        """Take one event."""
        self._events.append(event)

    def result(self) -> Result:
        """What has been seen so far."""
        changes = tuple(self._changes())
        counts = Counter(change.operation for change in changes)
        summaries = [event.summary_event for event in self._events if event.summary_event]
        duration_s = summaries[-1].duration_seconds if summaries else 0
        violated = tuple(self._violated())
        return Result(dict(counts), changes, tuple(self._messages()), duration_s, violated)

    def _messages(self) -> Iterator[str]:
        for event in self._events:
            said = event.diagnostic_event
            if said is None or said.ephemeral or said.severity == "debug":
                continue
            text = _plain(said.message)
            if not _STAND_IN.match(text):
                yield f"{said.severity}: {text}"

    def _violated(self) -> Iterator[Violated]:
        for event in self._events:
            told = event.policy_event
            if told is not None:
                name = (told.resource_urn or "").rpartition("::")[2]
                message = _plain(told.message)
                yield Violated(told.policy_name, told.enforcement_level, name, message)

    def _changes(self) -> Iterator[Change]:
        steps: dict[str, list[StepEventMetadata]] = {}
        for event in self._events:
            # The later event of a step knows the outputs; a preview or a failure has the first.
            for seen in (event.resource_pre_event, event.res_outputs_event):
                if seen is not None and not _NOT_DECLARED.fullmatch(seen.metadata.urn):
                    steps.setdefault(seen.metadata.urn, []).append(seen.metadata)
        return map(_change, steps.values())


def _plain(message: str) -> str:
    """Without what colours it."""
    return re.sub(r"<\{%.*?%\}>", "", message).strip()


def _change(steps: list[StepEventMetadata]) -> Change:
    """A refresh is told last as what it found."""
    operations = tuple(dict.fromkeys(str(step.op.value) for step in steps))
    replaced = any("replace" in operation for operation in operations)
    state = next((step.new for step in reversed(steps) if step.new), steps[0].old)
    return Change(
        operation="replace" if replaced else operations[-1],
        steps=operations,
        urn=steps[0].urn,
        type=steps[0].type,
        name=steps[0].urn.rpartition("::")[2],
        inputs=_of(state, "inputs"),
        outputs=_of(state, "outputs"),
        differences={path: one for step in steps for path, one in _differences(step)},
    )


def _of(state: StepEventStateMetadata | None, part: str) -> Mapping[str, object]:
    return {name: _shown(value) for name, value in (getattr(state, part, None) or {}).items()}


def _shown(value: object) -> object:
    if isinstance(value, Mapping):
        if _SECRET_SIGNATURE in value.values():
            return SECRET
        return {name: _shown(part) for name, part in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value


def _differences(step: StepEventMetadata) -> Iterator[tuple[str, Difference]]:
    old, new = _of(step.old, "inputs"), _of(step.new, "inputs")
    detailed = step.detailed_diff or {}
    for path, diff in detailed.items():
        yield path, Difference(diff.diff_kind.value, at(old, path), at(new, path))
    for path in () if detailed else step.diffs or ():
        yield path, Difference("update", at(old, path), at(new, path))


def at(tree: object, path: str) -> object:
    """The value at a property path such as ``tags.Name`` or ``routes[0].cidrBlock``; or None."""
    for step in _steps(path):
        if isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        elif isinstance(tree, Mapping):
            tree = tree.get(step)
        else:
            return None
    return tree


def _steps(path: str) -> Iterable[str | int]:
    for quoted, index, plain in _STEP.findall(path):
        yield int(index) if index else quoted or plain
