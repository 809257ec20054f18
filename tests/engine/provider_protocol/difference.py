"""What differs between the inputs a resource was made with and those it is to have."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import Enum

from tests.engine.provider_protocol.values import Path, path_text


class Kind(Enum):
    """What happens to a property."""

    ADD = "add"
    DELETE = "delete"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Difference:
    """One property that differs.

    Attributes:
        path: To the outermost value that is there on one side alone, or to the leaf.
        replaces: Can the property be had only by making the resource anew?
    """

    path: Path
    kind: Kind
    replaces: bool = False

    def __str__(self) -> str:
        return path_text(self.path)


@dataclass(frozen=True, slots=True)
class Differences:
    """All that differs; none is no change.

    Attributes:
        delete_first: If the resource is replaced, must the old one go before the new one comes?
    """

    found: tuple[Difference, ...] = ()
    delete_first: bool = False


def differences(
    old: Mapping[str, object],
    new: Mapping[str, object],
    replaces: Callable[[Path], bool] = lambda path: False,
) -> tuple[Difference, ...]:
    """Compare two trees of inputs; a null on one side is the same as nothing on the other.

    Args:
        old: What the resource was made with.
        new: What it is to have; what is not known yet counts as changed.
        replaces: Says of a path whether a change there needs a new resource.
    """
    return tuple(Difference(path, kind, replaces(path)) for path, kind in _walk(old, new, ()))


def _walk(old: object, new: object, path: Path) -> Iterator[tuple[Path, Kind]]:
    if isinstance(old, Mapping) and isinstance(new, Mapping):
        for key in dict.fromkeys((*old, *new)):
            yield from _walk(old.get(key), new.get(key), (*path, str(key)))
    elif isinstance(old, list) and isinstance(new, list):
        for index in range(max(len(old), len(new))):
            yield from _walk(_item(old, index), _item(new, index), (*path, index))
    elif old is None and new is not None:
        yield path, Kind.ADD
    elif old is not None and new is None:
        yield path, Kind.DELETE
    elif old != new or type(old) is not type(new):
        yield path, Kind.UPDATE


def _item(items: list[object], index: int) -> object:
    return items[index] if index < len(items) else None
