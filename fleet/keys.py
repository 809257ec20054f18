"""A user's key function, held so that a record it fails on is that record's failure alone."""

import inspect
from collections.abc import Hashable
from typing import cast

from fleet.once import Once
from fleet.record import AsyncHandler, Handler, KeyOf, Record
from fleet.split import Split


def guarded(key_of: KeyOf) -> KeyOf:
    """The same key; None, which asks for no order, where there is none to be had."""

    def key(record: Record) -> Hashable | None:
        try:
            found = key_of(record)
            hash(found)
        except Exception:
            # ``checked`` raises it again where it is retried and becomes the dead letter's cause.
            return None
        return found

    return key


def checked(key_of: KeyOf, handler: Handler) -> Handler:
    """The same handler, called only with records that have a key to be had."""
    if isinstance(handler, Split):
        return handler.keyed(checked, key_of)
    if isinstance(handler, Once):
        return handler.with_keys(key_of)
    if is_async(handler):
        later = cast(AsyncHandler, handler)

        async def handle_later(record: Record) -> object:
            hash(key_of(record))
            return await later(record)

        return handle_later

    def handle(record: Record) -> object:
        hash(key_of(record))
        return handler(record)

    return handle


def is_async(handler: Handler) -> bool:
    """Whether a handler is declared ``async``; an object with such a call is as good."""
    if isinstance(handler, Split):
        return handler.is_async
    called = type(handler).__call__
    return inspect.iscoroutinefunction(handler) or inspect.iscoroutinefunction(called)
