"""A handler in two parts: what cannot wait, and the rest, which catching up may leave for later.

    orders = Split(essential=charge, rest=send_receipt, skippable=is_preview)

It is called like any handler and does both parts, the essential one first. While a fleet catches
up, a record that is skippable is left alone, of any other the essential part alone is done; both
are recorded, and ``python -m fleet replay`` does what was left out.
"""

import inspect
from collections.abc import Awaitable, Callable, Sequence
from typing import cast

from blueprint.problem import BadInput, Problem
from fleet.record import Handler, KeyOf, Record

Predicate = Callable[[Record], bool]
#: Does the essential part of many records at once: all of it or nothing, or it may be repeated.
Many = Callable[[Sequence[Record]], object]


class Switch:
    """Set by the polling thread, read by lanes: whether the essential alone is done."""

    def __init__(self) -> None:
        """Begin with everything."""
        self.light = False


def never(_: Record) -> bool:
    """No record may be skipped."""
    return False


class Split:
    """Both parts are plain functions, or both are ``async``; each returns None or raises."""

    def __init__(
        self,
        *,
        essential: Handler,
        rest: Handler,
        skippable: Predicate = never,
        essential_many: Many | None = None,
    ) -> None:
        """Put a handler together.

        Args:
            essential: What cannot wait.
            rest: What can; it is called after ``essential``, of the same record, now or later.
            skippable: Whether even ``essential`` can wait. It says the same whenever it is asked.
            essential_many: In place of ``essential`` for records of one lane, in their order: what
                each call costs beside the work, such as a transaction, is paid once for all. When
                it raises, ``essential`` is called with each of them.

        Raises:
            BadInput: Some parts are ``async`` and some are not, or one cannot be called.
        """
        parts: dict[str, object] = {"essential": essential, "rest": rest}
        if essential_many is not None:
            parts["essential_many"] = essential_many
        every = parts | {"skippable": skippable}
        legal = "something that is called with one record"
        problems = [
            Problem(name, repr(part), legal) for name, part in every.items() if not callable(part)
        ]
        if problems:
            raise BadInput(problems)
        kinds = {name: _is_async(part) for name, part in parts.items()}
        if len(set(kinds.values())) > 1:
            given = ", ".join(
                f"{name} {'async' if kind else 'plain'}" for name, kind in kinds.items()
            )
            raise BadInput([Problem("handler", given, "parts that are all plain or all async")])
        if _is_async(skippable):
            raise BadInput([Problem("skippable", "async", "a plain function")])
        self.essential, self.rest, self.skippable = essential, rest, skippable
        self.essential_many = essential_many
        self.is_async = kinds["essential"]
        self._whole = self._later if self.is_async else self._now

    def __call__(self, record: Record) -> object:
        """Both parts of one record; a coroutine where they are ``async``."""
        return self._whole(record)

    def keyed(self, checked: Callable[[KeyOf, Handler], Handler], key_of: KeyOf) -> "Split":
        """The same, each part called only with records that have a key to be had."""
        return Split(
            essential=checked(key_of, self.essential),
            rest=self.rest,
            skippable=self.skippable,
            # Many at once would hide whose key it is.
            essential_many=None,
        )

    def _now(self, record: Record) -> object:
        returned = self.essential(record)
        return self.rest(record) if returned is None else returned

    async def _later(self, record: Record) -> object:
        returned = await cast(Awaitable[object], self.essential(record))
        if returned is not None:
            return returned
        return await cast(Awaitable[object], self.rest(record))


def _is_async(part: object) -> bool:
    called = type(part).__call__
    return inspect.iscoroutinefunction(part) or inspect.iscoroutinefunction(called)
