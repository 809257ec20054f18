"""Whether an instance lives and is ready, and its metrics: a small server, on loopback by default.

It looks only when it is asked, so that a record costs nothing.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Protocol

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST

from blueprint.fleet_contract import LIVE_PATH, METRICS_PATH, READY_PATH
from blueprint.problem import BadInput, Problem
from fleet.deployed import Address
from fleet.group import ANSWER_TIMEOUT_S
from fleet.member import MemberFigures
from fleet.oddities import LETTER_TIMEOUT_S

#: Who asks and says nothing more is not waited for.
_REQUEST_TIMEOUT_S = 5.0
_MARGIN_S = 15.0
#: A member that gets no partition hears nothing (librdkafka calls nobody for an assignment of none
#: under the ``consumer`` protocol). So long after all others had to give theirs back, it is spare.
SPARE_AFTER_S = 10.0
_END_S = 2.0


class LagJudgement(Protocol):
    """Knows the lag of what this instance reads."""

    def keeps_up(self) -> bool:
        """Whether the lag is normal, or falls; True as long as nothing is known."""
        ...


class OwnLag:
    """The member's own view of what it has; where somebody else judges, he is asked instead."""

    def __init__(self, figures: Callable[[], MemberFigures]) -> None:
        """Bind to a member."""
        self._figures = figures

    def keeps_up(self) -> bool:
        """As the member sees it."""
        return self._figures().keeps_up


@dataclass(frozen=True, slots=True)
class Verdict:
    """An answer with its reason."""

    good: bool
    why: str


@dataclass(frozen=True, slots=True)
class Patience:
    """How long things may take, in seconds.

    Attributes:
        still: A loop that stands longer will not go round again.
        spare: A member that has no partition so long after it joined will be given none for now.
    """

    still: float
    spare: float


def patience(drain_deadline_s: float) -> Patience:
    """For a member that drains so long.

    Inside one turn of its loop it may wait for the group's offsets, drain what is taken away, and
    see to one dead letter of a damaged batch, each with a time-out.
    """
    return Patience(
        still=drain_deadline_s + ANSWER_TIMEOUT_S + LETTER_TIMEOUT_S + _MARGIN_S,
        spare=drain_deadline_s + SPARE_AFTER_S,
    )


def live(figures: MemberFigures, now_s: float, limits: Patience) -> Verdict:
    """Whether the instance is worth keeping."""
    stood_s = now_s - figures.turned_s
    if stood_s > limits.still:
        return Verdict(False, f"its loop has stood for {stood_s:.0f} s")
    return Verdict(True, "its loop goes round")


def ready(figures: MemberFigures, now_s: float, limits: Patience, lag: LagJudgement) -> Verdict:
    """Whether another instance may be taken away, as far as this one is concerned."""
    if figures.leaving:
        return Verdict(False, "it was told to end")
    alive = live(figures, now_s, limits)
    if not alive.good:
        return alive
    joined_s = now_s if figures.joined_s is None else figures.joined_s
    if not figures.assigned and now_s - joined_s <= limits.spare:
        return Verdict(False, "the group has not said which partitions are its own")
    if not lag.keeps_up():
        return Verdict(False, "its lag is not normal and does not fall")
    return Verdict(True, f"it has {figures.partitions} partitions and keeps up")


class Health:
    """What is asked of one instance."""

    def __init__(
        self,
        figures: Callable[[], MemberFigures],
        registry: CollectorRegistry,
        drain_deadline_s: float,
        lag: LagJudgement | None = None,
    ) -> None:
        """Bind to a member; nothing is served before ``served``."""
        self._figures, self._registry, self._lag = figures, registry, lag or OwnLag(figures)
        self._limits = patience(drain_deadline_s)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Status, kind of content and content of one path."""
        now_s = time.monotonic()
        if path == METRICS_PATH:
            return 200, CONTENT_TYPE_LATEST, generate_latest(self._registry)
        if path == LIVE_PATH:
            verdict = live(self._figures(), now_s, self._limits)
        elif path == READY_PATH:
            verdict = ready(self._figures(), now_s, self._limits, self._lag)
        else:
            return 404, "text/plain", f"{LIVE_PATH}, {READY_PATH}, {METRICS_PATH}\n".encode()
        said = {path.removeprefix("/"): verdict.good, "why": verdict.why}
        return 200 if verdict.good else 503, "application/json", json.dumps(said).encode()

    @contextmanager
    def served(self, address: Address) -> Iterator[int]:
        """Answer until the block ends; gives the port.

        Raises:
            BadInput: The address cannot be had.
        """
        try:
            server = _Server((address.host, address.port), _handler(self))
        except (OSError, OverflowError) as error:
            legal = "an address of this machine with a port that is free"
            given = f"{address.host}:{address.port}"
            said = str(getattr(error, "strerror", None) or error)
            raise BadInput([Problem("health port", given, legal, said)]) from None
        thread = threading.Thread(target=server.serve_forever, name="health", daemon=True)
        thread.start()
        try:
            yield server.server_address[1]
        finally:
            server.shutdown()
            server.server_close()
            thread.join(_END_S)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    #: Another process on the port is a problem that is said, not a neighbour.
    allow_reuse_port = False

    def handle_error(self, *_: object) -> None:
        """Who asks and goes away is no news."""


def _handler(health: Health) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = _REQUEST_TIMEOUT_S

        def do_GET(self) -> None:
            status, kind, content = health.answer(self.path.partition("?")[0])
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            """Probes come every few seconds; nobody wants to read of them."""

    return Handler
