"""A user's handler and key, from ``module:name``."""

import importlib
import inspect
from collections.abc import Callable
from typing import cast

from blueprint.problem import BadInput, Problem
from fleet.record import Handler, KeyOf

_LEGAL = "module:name of something that is called with one record"


def load_handler(spec: str) -> Handler:
    """The handler that a spec names.

    Raises:
        BadInput: There is none, or it cannot be called with one record.
    """
    return cast(Handler, _load(spec, "handler"))


def load_key(spec: str | None) -> KeyOf | None:
    """The key function that a spec names; None: the record's own key.

    Raises:
        BadInput: There is none, it cannot be called with one record, or it is ``async``.
    """
    if spec is None:
        return None
    found = _load(spec, "key")
    if inspect.iscoroutinefunction(found):
        raise BadInput([Problem("key", repr(spec), "a plain function: keys are asked one by one")])
    return cast(KeyOf, found)


def _load(spec: str, what: str) -> Callable[..., object]:
    module_name, colon, name = spec.partition(":")
    if not colon or not module_name or not name:
        raise BadInput([Problem(what, repr(spec), _LEGAL)])
    try:
        module = importlib.import_module(module_name)
    except Exception as error:
        # Whatever a user's module does while it is imported is what is wrong with the input.
        said = f"{type(error).__name__}: {error}"
        raise BadInput(
            [Problem(what, repr(spec), "a module that can be imported", said)]
        ) from error
    found = getattr(module, name, None)
    if not callable(found):
        known = ", ".join(n for n, v in vars(module).items() if callable(v) and n[0] != "_")
        raise BadInput([Problem(what, repr(spec), _LEGAL, f"{module_name} has {known or 'none'}")])
    try:
        inspect.signature(found).bind(object())
    except TypeError as error:
        raise BadInput([Problem(what, repr(spec), _LEGAL, str(error))]) from None
    except ValueError:
        pass  # Built-in functions may not say what they take.
    return cast(Callable[..., object], found)
