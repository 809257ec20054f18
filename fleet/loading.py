"""A user's handler and key, from ``module:name``."""

import importlib
import inspect
from collections.abc import Callable
from typing import cast

from blueprint.problem import BadInput, Problem
from fleet.dedup import IdOf
from fleet.once import TxHandler
from fleet.record import Handler, KeyOf

_LEGAL = "module:name of something that is called with one record"
_LEGAL_TX = "module:name of something that is called with a record and a transaction"


def load_handler(spec: str) -> Handler:
    """The handler that a spec names.

    Raises:
        BadInput: There is none, or it cannot be called with one record.
    """
    return cast(Handler, _load(spec, "handler"))


def load_tx_handler(spec: str) -> TxHandler:
    """The handler that a spec names, of effects in a transaction.

    Raises:
        BadInput: There is none, it cannot be called with a record and a transaction, or it is
            ``async``.
    """
    found = _load(spec, "handler", _LEGAL_TX, 2)
    if inspect.iscoroutinefunction(found):
        legal = "a plain function where events are remembered in a database"
        raise BadInput([Problem("handler", repr(spec), legal)])
    return cast(TxHandler, found)


def load_event_id(spec: str | None) -> IdOf | None:
    """The function that a spec names for events' ids; None: the outbox's, or the place in the log.

    Raises:
        BadInput: There is none, or it cannot be called with one record.
    """
    return None if spec is None else cast(IdOf, _load(spec, "event id"))


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


def _load(spec: str, what: str, legal: str = _LEGAL, arguments: int = 1) -> Callable[..., object]:
    module_name, colon, name = spec.partition(":")
    if not colon or not module_name or not name:
        raise BadInput([Problem(what, repr(spec), legal)])
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
        raise BadInput([Problem(what, repr(spec), legal, f"{module_name} has {known or 'none'}")])
    try:
        inspect.signature(found).bind(*([object()] * arguments))
    except TypeError as error:
        raise BadInput([Problem(what, repr(spec), legal, str(error))]) from None
    except ValueError:
        pass  # Built-in functions may not say what they take.
    return cast(Callable[..., object], found)
