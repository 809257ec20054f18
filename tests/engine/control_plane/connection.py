"""Connections to one API server, which trust its authority and no other."""

import ssl

import requests
from requests.adapters import HTTPAdapter

from tests.engine.control_plane.kubeconfig import Access

_CONNECTIONS = 32


def session(access: Access) -> requests.Session:
    """A session that says who it is; for several threads."""
    made = requests.Session()
    # A proxy or a netrc of the user's has no business between here and loopback.
    made.trust_env = False
    made.headers["Authorization"] = f"Bearer {access.token}"
    made.mount("https://", _Trusting(access.authority))
    return made


class _Trusting(HTTPAdapter):
    """Trusts one authority and no other; requests itself takes authorities as files alone."""

    def __init__(self, authority: str) -> None:
        self._context = ssl.create_default_context(cadata=authority)
        super().__init__(pool_maxsize=_CONNECTIONS)

    def init_poolmanager(
        self, connections: int, maxsize: int, block: bool = False, **settings: object
    ) -> None:
        """As ever, with the context of this authority."""
        settings["ssl_context"] = self._context
        super().init_poolmanager(connections, maxsize, block, **settings)

    def cert_verify(self, conn: object, url: str, verify: object, cert: object) -> None:
        """Add no authorities: the context has the one."""
