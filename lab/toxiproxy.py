"""One toxiproxy server behind one adapter: its own endpoint, bounded calls, every toxic read back.

toxiproxy-python keeps its endpoint in class attributes, has no time-outs and trusts every answer.
All of that is contained here: calls go through a consumer that knows the calling thread's endpoint
and bounds them, and what the server then says is compared with what was asked for.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

import requests
import toxiproxy.proxy
import toxiproxy.server
from toxiproxy import Proxy, Toxiproxy
from toxiproxy.api import APIConsumer, validate_response
from toxiproxy.exceptions import InvalidToxic, NotFound, ProxyExists

from blueprint.listeners import Endpoint

CALL_TIMEOUT_S = 3.0
BANDWIDTH = "bandwidth"
#: More than any link here carries: toxiproxy passes on 767 MB/s.
_OPEN_KB_PER_S = 10_000_000
Answer = TypeVar("Answer")


class LinkError(Exception):
    """A link did not do what it was told, or its server does not answer."""


class LinkFrozen(LinkError):
    """The server took a call and never answered it; only a restart helps."""


@dataclass(frozen=True, slots=True)
class Toxic:
    """A disturbance of one direction of a link; toxicity is always 1."""

    name: str
    type: str
    stream: str
    attributes: tuple[tuple[str, int], ...]


class ToxiproxyServer:
    """The server of the links that start in one zone."""

    def __init__(self, api: Endpoint) -> None:
        """Bind to the server's API; nothing is called yet."""
        self.api = api

    def answers(self) -> bool:
        """Whether the API answers at all."""
        try:
            self.toxics_by_proxy()
        except LinkError:
            return False
        return True

    def toxics_by_proxy(self) -> dict[str, frozenset[Toxic]]:
        """Every proxy with the toxics it has now."""
        proxies = self._call(lambda client: client.proxies())
        return {name: self._toxics(proxy) for name, proxy in proxies.items()}

    def toxics(self, proxy_name: str) -> frozenset[Toxic]:
        """The toxics of one proxy.

        Raises:
            LinkError: There is no such proxy, or the server does not answer.
        """
        return self._toxics(self._proxy(proxy_name))

    def set_toxics(self, proxy_name: str, wanted: frozenset[Toxic]) -> None:
        """Make a proxy have exactly these toxics.

        Raises:
            LinkError: It has others afterwards: an attribute was misspelt or refused.
        """
        proxy = self._proxy(proxy_name)
        present = self._toxics(proxy)
        for toxic in present - wanted:
            if toxic.type == BANDWIDTH:
                self._call(partial(_open_wide, proxy, toxic))
        for toxic in present - wanted:
            self._call(partial(_remove, proxy, toxic))
        for toxic in wanted - present:
            self._call(partial(_add, proxy, toxic))
        found = self._toxics(proxy)
        if found != wanted:
            raise LinkError(f"{proxy_name}: asked for {_names(wanted)}, has {_names(found)}")

    def _proxy(self, name: str) -> Proxy:
        # Only the name of a proxy is needed to reach its toxics; asking for it first would double
        # the calls of an injection, whose length is an error of the measurement.
        return Proxy(name=name, upstream="", enabled=True, listen="")

    def _toxics(self, proxy: Proxy) -> frozenset[Toxic]:
        return frozenset(_read(toxic) for toxic in self._call(lambda _: proxy.toxics()).values())

    def _call(self, call: Callable[[Toxiproxy], Answer]) -> Answer:
        _CALLER.api = self.api
        try:
            return call(Toxiproxy())
        except requests.Timeout:
            raise LinkFrozen(f"{self.api} did not answer in {CALL_TIMEOUT_S} s") from None
        except (requests.RequestException, ValueError) as error:
            raise LinkError(f"{self.api}: {type(error).__name__}: {error}"[:200]) from None
        except (InvalidToxic, NotFound, ProxyExists) as error:
            raise LinkError(f"{self.api}: {error}") from None


class _Caller(threading.local):
    """Which server this thread is talking to, over a connection of its own that is kept."""

    api = Endpoint("127.0.0.1", 0)

    def __init__(self) -> None:
        self.session = requests.Session()
        self.session.trust_env = False

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None) -> requests.Response:
        url = f"http://{self.api}{path}"
        answer = self.session.request(method, url, json=body, timeout=CALL_TIMEOUT_S)
        if answer.status_code == requests.codes.service_unavailable:
            raise requests.Timeout("the server gave up on its own lock")
        validate_response(answer)
        answer.raise_for_status()
        return answer


_CALLER = _Caller()


class _Bounded(APIConsumer):  # type: ignore[misc]  # the library has no types
    """The library's consumer with the calling thread's endpoint, a time-out and no trust."""

    @classmethod
    def get(cls, url: str, params: object = None) -> requests.Response:
        return _CALLER.ask("GET", url)

    @classmethod
    def delete(cls, url: str) -> requests.Response:
        return _CALLER.ask("DELETE", url)

    @classmethod
    def post(
        cls, url: str, data: object = None, json: dict[str, Any] | None = None
    ) -> requests.Response:
        return _CALLER.ask("POST", url, json)


# Both modules look the consumer up by this name at each call.
toxiproxy.server.APIConsumer = toxiproxy.proxy.APIConsumer = _Bounded


def _open_wide(proxy: Proxy, toxic: Toxic, _: Toxiproxy) -> None:
    """Let a stalled link flow before its toxic goes.

    Taking a toxic away waits for what it holds to be read, and whoever was to read it has often
    hung up: 13 of 24 stalls of a zone froze the server so, and none that was opened first.
    """
    path = f"/proxies/{proxy.name}/toxics/{toxic.name}"
    _CALLER.ask("POST", path, {"attributes": {"rate": _OPEN_KB_PER_S}})


def _remove(proxy: Proxy, toxic: Toxic, _: Toxiproxy) -> None:
    proxy.destroy_toxic(toxic.name)


def _add(proxy: Proxy, toxic: Toxic, _: Toxiproxy) -> None:
    proxy.add_toxic(
        name=toxic.name,
        type=toxic.type,
        stream=toxic.stream,
        toxicity=1.0,
        attributes=dict(toxic.attributes),
    )


def _read(toxic: Any) -> Toxic:  # noqa: ANN401
    attributes = tuple(sorted((str(k), int(v)) for k, v in toxic.attributes.items()))
    return Toxic(str(toxic.name), str(toxic.type), str(toxic.stream), attributes)


def _names(toxics: frozenset[Toxic]) -> str:
    return ", ".join(sorted(map(str, toxics))) or "none"
