"""Whether a node answers a connection, asked from where the suite runs."""

import socket
from collections.abc import Callable
from enum import StrEnum


class Answer(StrEnum):
    """What became of an attempt to connect."""

    CONNECTED = "connected"
    REFUSED = "refused"
    SILENT = "silent"


#: Host, port and time-out in seconds of one attempt.
Probe = Callable[[str, int, float], Answer]


def probe(host: str, port: int, timeout_s: float) -> Answer:
    """Try to connect. A network that swallows packets is silent; everything else says something."""
    try:
        with socket.create_connection((host, port), timeout_s):
            return Answer.CONNECTED
    except TimeoutError:
        return Answer.SILENT
    except OSError:
        return Answer.REFUSED
