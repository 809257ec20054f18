"""What is wrong with an input: where, what was given, what is legal, what to do next."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, TypeVar, get_args

from pydantic import BaseModel, ValidationError

#: Annotates a field that holds a secret: what is given for it is never said, only of what type.
SECRET: Final = "holds a secret"
Model = TypeVar("Model", bound=BaseModel)
#: Where something stands in an input: names and indexes from the outside in.
Place = tuple[int | str, ...]


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong with an input.

    Attributes:
        path: Where in the input, such as ``workload.partitions``.
        given: The offending value as the user wrote it.
        legal: What would have been accepted.
        remedy: What to do next, where that is more than "write a legal value".
    """

    path: str
    given: str
    legal: str
    remedy: str = ""

    def __str__(self) -> str:
        """Say it in one line."""
        line = f"{self.path}: got {self.given}; legal: {self.legal}"
        return f"{line}; {self.remedy}" if self.remedy else line


class BadInput(Exception):
    """An input was refused; it carries every problem found, not only the first."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        """Keep the problems in the order in which they were found."""
        self.problems = tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


def validated(model: type[Model], given: object, source: str = "") -> Model:
    """What was given as the model it should be; text is read as JSON.

    Args:
        model: What it should be.
        given: Fields, or JSON.
        source: The file, or where else it came from; stands before every path.

    Raises:
        BadInput: Every problem at once.
    """
    try:
        if isinstance(given, str):
            return model.model_validate_json(given)
        return model.model_validate(given)
    except ValidationError as error:
        raise BadInput(problems_in(model, error, source)) from None


def problems_in(
    model: type[BaseModel],
    error: ValidationError,
    source: str = "",
    skip: Callable[[Place, str], bool] = lambda _place, _kind: False,
) -> Iterator[Problem]:
    """What pydantic has found, but for what ``skip`` says of its place and kind."""
    places = [item["loc"] for item in error.errors()]
    for item in error.errors():
        place, kind = item["loc"], item["type"]
        if not skip(place, kind) and not (kind == "too_short" and holds_one_of(place, places)):
            yield _problem(model, dict(item), source)


def holds_one_of(place: Place, places: Iterable[Place]) -> bool:
    """Whether something in there is wrong too: a list without what is wrong in it seems short."""
    return any(len(other) > len(place) and other[: len(place)] == place for other in places)


def _problem(model: type[BaseModel], item: dict[str, object], source: str) -> Problem:
    loc = item.get("loc")
    where = loc if isinstance(loc, tuple) else ()
    path = ".".join(map(str, where))
    full = f"{source}: {path or 'the whole'}" if source else path or "the whole"
    value = item.get("input")
    if item.get("type") == "missing":
        given = "nothing"
    elif _may_be_secret(model, where):
        given = f"what is not shown here, of type {type(value).__name__}"
    else:
        given = repr(value)[:80]
    return Problem(full, given, str(item.get("msg")).removeprefix("Value error, "))


def _may_be_secret(model: type[BaseModel], where: Sequence[object]) -> bool:
    """Whether what stands there is a secret, holds one, or may be one under a misspelt name."""
    if not where:
        return _holds_secret(model)
    fields = {field.alias or name: field for name, field in model.model_fields.items()}
    field = fields.get(str(where[0]))
    if field is None:
        return _holds_secret(model)
    inner = list(models_in(field.annotation))
    rest = list(where[1:])
    while rest and isinstance(rest[0], int):
        rest.pop(0)
    return SECRET in field.metadata or any(_may_be_secret(one, rest) for one in inner)


def _holds_secret(model: type[BaseModel]) -> bool:
    return any(
        SECRET in field.metadata or any(map(_holds_secret, models_in(field.annotation)))
        for field in model.model_fields.values()
    )


def models_in(annotation: object) -> Iterator[type[BaseModel]]:
    """The models of which a field of this type may hold some."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from models_in(part)
