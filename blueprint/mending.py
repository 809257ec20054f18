"""Settings with what is wrong in them mended, so that all the rest can be judged beside it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Any, Generic

from pydantic import ValidationError

from blueprint.problem import Model, Place, Problem, holds_one_of, problems_in

#: What ends a mending that does not: each place is tried twice before the one around it.
_MOST_ROUNDS = 100


@dataclass(frozen=True, slots=True)
class Mended(Generic[Model]):
    """A legal whole.

    Attributes:
        doubted: The places whose values are not those that were given.
        revealed: What only then could be seen to be wrong: of a whole whose parts were.
    """

    value: Model
    doubted: frozenset[Place]
    revealed: tuple[Problem, ...]


def mended(
    model: type[Model],
    fields: object,
    stand_ins: Mapping[str, object],
    kept_items: Collection[str] = (),
) -> Mended[Model]:
    """Mend what is wrong: by its default, by a stand-in, or else by mending what it stands in.

    Args:
        model: What the whole is to be.
        fields: What was given.
        stand_ins: For what cannot be left out, by its name; ``{place}`` in a text is where.
        kept_items: Names of lists whose items keep their index; one that is wrong is replaced, and
            left out of any other list.

    Raises:
        RuntimeError: The stand-ins are not enough.
    """
    work = _Work(model, _plain(fields), stand_ins, kept_items)
    for _ in range(_MOST_ROUNDS):
        try:
            value = model.model_validate(work.whole)
        except ValidationError as error:
            work.mend(error)
        else:
            return Mended(value, frozenset(work.doubted), tuple(work.revealed))
    raise RuntimeError(f"no way to mend {sorted(map(str, work.doubted))}")


def _overlap(one: Place, other: Place) -> bool:
    """Whether one of two places is within the other."""
    shorter = min(len(one), len(other))
    return one[:shorter] == other[:shorter]


class _Work:
    """A whole under repair."""

    def __init__(
        self,
        model: type[Any],
        whole: object,
        stand_ins: Mapping[str, object],
        kept_items: Collection[str],
    ) -> None:
        self.whole = whole if isinstance(whole, dict) else {}
        self.doubted: set[Place] = set() if isinstance(whole, dict) else {()}
        self.revealed: list[Problem] = []
        self._model, self._stand_ins, self._kept_items = model, stand_ins, kept_items
        self._settled: set[Place] = set(self.doubted)
        self._tried: dict[Place, int] = {}
        self._first = True

    def mend(self, error: ValidationError) -> None:
        """Mend everything that one look has found."""
        if not self._first:
            self.revealed.extend(problems_in(self._model, error, skip=self._is_no_news))
        self._first = False
        kinds = {item["loc"]: item["type"] for item in error.errors()}
        # A list without what is wrong in it may seem too short.
        found = {one: kind for one, kind in kinds.items() if not holds_one_of(one, kinds)}
        # Told in order, mended from the last: what is left out of a list moves what is behind.
        for place, kind in reversed(found.items()):
            self._settled.add(place)
            around = self._at(place[:-1]) if place else None
            if kind == "extra_forbidden" and isinstance(around, dict):
                around.pop(place[-1], None)
            else:
                self._mend(place)

    def _is_no_news(self, place: Place, kind: str) -> bool:
        """It follows from what was wrong before, or from how that was mended."""
        return kind != "value_error" or any(self._may_follow(place, one) for one in self._settled)

    def _may_follow(self, place: Place, known: Place) -> bool:
        """A whole may lack what was left out of it; what was made up in its place is fine."""
        made_up = len(known) > len(place) and known[-1] in self._stand_ins
        return _overlap(place, known) and not made_up

    def _mend(self, place: Place) -> None:
        if not place:
            self.whole = {}
            self.doubted.add(place)
            return
        around, name = self._at(place[:-1]), place[-1]
        self._tried[place] = tries = self._tried.get(place, 0) + 1
        for inner in [one for one in self._tried if holds_one_of(place, [one])]:
            del self._tried[inner]
        if isinstance(around, dict) and name in around and tries <= 2:
            del around[name]
        elif isinstance(around, dict) and name in self._stand_ins and tries <= 2:
            around[name] = _stand_in(self._stand_ins[str(name)], place)
        elif isinstance(around, list) and isinstance(name, int) and name < len(around):
            self._mend_item(around, name, place[:-1])
        else:
            self._mend(place[:-1])
            return
        self.doubted.add(place)

    def _mend_item(self, items: list[object], index: int, listed: Place) -> None:
        if listed[-1] in self._kept_items:
            items[index] = {}
        else:
            del items[index]
            self._settled.add(listed)

    def _at(self, place: Place) -> Any:  # noqa: ANN401 whatever was given there
        found: Any = self.whole
        for step in place:
            try:
                found = found[step]
            except (LookupError, TypeError):
                return None
        return found


def _stand_in(value: object, place: Place) -> object:
    return _plain(value, "-".join(map(str, place[:-1])).replace("_", "-"))


def _plain(value: object, place: str | None = None) -> object:
    """A copy that can be changed."""
    if isinstance(value, Mapping):
        return {name: _plain(one, place) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(one, place) for one in value]
    if isinstance(value, str) and place is not None:
        return value.replace("{place}", place)
    return value
