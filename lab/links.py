"""The links of a lab: stalled, slowed, probed and healed, always down to a known base."""

import json
import socket
import ssl
import time
from contextlib import suppress
from dataclasses import dataclass

from blueprint.listeners import Endpoint
from lab.toxiproxy import BANDWIDTH, Toxic, ToxiproxyServer

STREAMS = ("upstream", "downstream")
#: The ordinary latency of a zone hop; a heal leaves it, since it is no fault.
BASE = "base"


def latency_toxics(name: str, latency_ms: float, jitter_ms: float = 0) -> frozenset[Toxic]:
    """Delay both directions by ``latency_ms``: a round trip grows by twice that."""
    attributes = (("jitter", round(jitter_ms)), ("latency", round(latency_ms)))
    return frozenset(Toxic(f"{name}-{s}", "latency", s, attributes) for s in STREAMS)


def stall_toxics(streams: tuple[str, ...] = STREAMS) -> frozenset[Toxic]:
    """Hold all data back: connections stay open, nothing is lost in the proxy."""
    return frozenset(Toxic(f"stall-{s}", BANDWIDTH, s, (("rate", 0),)) for s in streams)


def base_toxics(cross_zone_latency_ms: float) -> frozenset[Toxic]:
    """What an undisturbed link has."""
    return latency_toxics(BASE, cross_zone_latency_ms) if cross_zone_latency_ms else frozenset()


@dataclass(frozen=True, slots=True)
class LinkHandle:
    """One link of a running lab. Every call is bounded and raises LinkError."""

    name: str
    zone: str
    listen: Endpoint
    server: ToxiproxyServer
    base: frozenset[Toxic]
    tls: ssl.SSLContext | None = None

    def stall(self) -> None:
        """Stop both directions; connections stay open."""
        self.server.set_toxics(self.name, self.base | stall_toxics())

    def latency(self, latency_ms: float, jitter_ms: float = 0) -> None:
        """Let the round trip grow by ``latency_ms``, half of it in each direction."""
        fault = latency_toxics("fault", latency_ms / 2, jitter_ms / 2)
        self.server.set_toxics(self.name, self.base | fault)

    def heal(self) -> None:
        """Leave nothing but the ordinary latency of the zone hop."""
        self.server.set_toxics(self.name, self.base)

    def healthy(self) -> bool:
        """Whether the link has nothing but its ordinary latency."""
        return self.server.toxics(self.name) == self.base

    def probe(self, timeout_s: float) -> float | None:
        """The round trip in seconds of one small request, or None when nothing came back.

        It asks the server itself (the node behind the link), so that a stall or a delay is seen
        from outside of the proxy's own word: for its ApiVersions, or for the TLS handshake, which
        takes one round trip and is answered before anyone has to say who is asking.
        """
        began = time.monotonic()
        with (
            suppress(OSError),
            socket.create_connection(
                (self.listen.host, self.listen.port), timeout=timeout_s
            ) as connection,
        ):
            connection.settimeout(max(0.001, timeout_s - (time.monotonic() - began)))
            sent = time.monotonic()
            if self.tls is not None:
                self.tls.wrap_socket(connection, server_hostname=self.listen.host).close()
                return time.monotonic() - sent
            connection.sendall(_API_VERSIONS)
            if connection.recv(4):
                return time.monotonic() - sent
        return None


#: ApiVersions v0: size 15, api key 18, version 0, correlation id 1, client id "probe".
_API_VERSIONS = (
    (15).to_bytes(4) + (18).to_bytes(2) + (0).to_bytes(2) + (1).to_bytes(4) + (5).to_bytes(2)
) + b"probe"


def server_config(links: dict[str, tuple[Endpoint, Endpoint]]) -> str:
    """The JSON that a toxiproxy server starts its proxies from: name to (listen, upstream)."""
    return json.dumps(
        [
            {"name": name, "listen": str(listen), "upstream": str(upstream), "enabled": True}
            for name, (listen, upstream) in links.items()
        ],
        indent=1,
    )
