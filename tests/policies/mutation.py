"""One thing broken in a compliant stack: which rule must see it, and how it is broken."""

import base64
import gzip
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import yaml

from policies.reading import properties_of
from policies.resource import Resource, Secret

Change = Callable[[tuple[Resource, ...]], tuple[Resource, ...]]
Edit = Callable[[Any], Any]
#: In the place of a value: it is taken out.
GONE = object()


@dataclass(frozen=True)
class Mutation:
    """What breaks exactly one rule.

    Attributes:
        rule: Its name.
        stack: The compliant stack that is broken.
        change: How.
    """

    rule: str
    stack: str
    change: Change


def at(type_: str, name: str, path: Sequence[str | int], edit: object) -> Change:
    """Change what is at a path in the properties of one resource.

    Args:
        type_: How the resource's type ends.
        name: Its name.
        path: Names of mappings and indices of lists.
        edit: The new value, GONE, or what makes the new value of the old one.
    """

    def change(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
        found = [one for one in resources if one.type.endswith(type_) and one.name == name]
        assert len(found) == 1, f"{len(found)} resources {type_} {name}"
        changed = replace(found[0], properties=changed_at(found[0].properties, path, edit))
        assert changed != found[0], f"{name}: nothing was changed"
        return tuple(changed if one is found[0] else one for one in resources)

    return change


def every(changes: Sequence[Change]) -> Change:
    """All of these at once: the same thing where it stands several times."""

    def change(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
        for one in changes:
            resources = one(resources)
        return resources

    return change


def more(
    type_: str, name: str, count: int, edits: Sequence[tuple[Sequence[str | int], Edit]]
) -> Change:
    """Copies of one resource beside it.

    Args:
        type_: How the resource's type ends.
        name: Its name.
        count: How many.
        edits: For paths in its properties what makes the copy's value of its number.
    """

    def change(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
        found = [one for one in resources if one.type.endswith(type_) and one.name == name]
        assert len(found) == 1, f"{len(found)} resources {type_} {name}"
        return resources + tuple(_copy(found[0], number, edits) for number in range(count))

    return change


def _copy(
    original: Resource, number: int, edits: Sequence[tuple[Sequence[str | int], Edit]]
) -> Resource:
    properties: Any = original.properties
    for path, edit in edits:
        properties = changed_at(properties, path, edit(number))
    return Resource(
        f"{original.urn}-{number}", original.type, f"{original.name}-{number}", properties
    )


def without(type_: str, name: str) -> Change:
    """Take one resource out of the stack."""

    def change(resources: tuple[Resource, ...]) -> tuple[Resource, ...]:
        left = tuple(
            one for one in resources if not (one.type.endswith(type_) and one.name == name)
        )
        assert len(left) == len(resources) - 1, f"no resource {type_} {name}"
        return left

    return change


def in_properties(name: str, value: object) -> Edit:
    """Change one setting in the text of a properties file."""

    def edit(text: Any) -> Any:  # noqa: ANN401 as in the properties
        settings: dict[str, Any] = dict(properties_of(text))
        settings = changed_at(settings, [name], value)
        return "".join(f"{one}={said}\n" for one, said in settings.items())

    return edit


def in_json(path: Sequence[str | int], value: object) -> Edit:
    """Change what is at a path of a JSON text."""
    return lambda text: json.dumps(changed_at(json.loads(text), path, value))


def in_user_data(path: str, edit: Edit) -> Edit:
    """Change one of the files that packed user data write."""

    def changed(packed: Any) -> Any:  # noqa: ANN401 as in the properties
        said = yaml.safe_load(gzip.decompress(base64.b64decode(packed)))
        (file,) = [one for one in said["write_files"] if one["path"] == path]
        file["content"] = edit(file["content"])
        text = "#cloud-config\n" + yaml.safe_dump(said)
        return base64.b64encode(gzip.compress(text.encode(), mtime=0)).decode()

    return changed


def in_text(old: str, new: str) -> Edit:
    """Put one text in the place of another."""

    def edit(text: Any) -> Any:  # noqa: ANN401 as in the properties
        assert old in text, f"no {old!r} in it"
        return text.replace(old, new)

    return edit


def changed_at(value: Any, path: Sequence[str | int], edit: object) -> Any:  # noqa: ANN401
    """The same value with another one at a path; what is secret stays so."""
    if isinstance(value, Secret):
        return Secret(changed_at(value.value, path, edit))
    if not path:
        return edit(value) if callable(edit) else edit
    first, rest = path[0], path[1:]
    if isinstance(first, int):
        items = list(value)
        items[first] = changed_at(items[first], rest, edit)
        return [one for one in items if one is not GONE]
    made = dict(value or {})
    made[first] = changed_at(made.get(first), rest, edit)
    return {name: one for name, one in made.items() if one is not GONE}


def places(value: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The path of everything in a resource's properties, leaves and what holds them."""
    held = value.value if isinstance(value, Secret) else value
    if path:
        yield path
    if isinstance(held, Mapping):
        for name, one in held.items():
            yield from places(one, (*path, name))
    elif isinstance(held, list):
        for index, one in enumerate(held):
            yield from places(one, (*path, index))


def value_at(value: object, path: Sequence[str | int]) -> object:
    """What is at a path, out of its secret."""
    held: Any = value.value if isinstance(value, Secret) else value
    return value_at(held[path[0]], path[1:]) if path else held
