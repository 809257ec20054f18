"""How a client is told of an API server: one cluster, one user, one context."""

import base64
from collections.abc import Mapping
from dataclasses import dataclass

import yaml

_NAME = "quorate-test"


class BadKubeconfig(ValueError):
    """It does not say what is needed; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Access:
    """Where an API server is and what it knows the client by.

    Attributes:
        server: Such as ``https://127.0.0.1:6443``.
        authority: The certificate that the server's is signed with, PEM.
        token: Secret.
        namespace: Where objects go that name none.
    """

    server: str
    authority: str
    token: str
    namespace: str = "default"

    def __repr__(self) -> str:
        return f"Access(server={self.server!r})"

    def to_yaml(self) -> str:
        """The kubeconfig; it holds the token."""
        authority = base64.b64encode(self.authority.encode()).decode()
        cluster = {"server": self.server, "certificate-authority-data": authority}
        context = {"cluster": _NAME, "user": _NAME, "namespace": self.namespace}
        document = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": _NAME, "cluster": cluster}],
            "users": [{"name": _NAME, "user": {"token": self.token}}],
            "contexts": [{"name": _NAME, "context": context}],
            "current-context": _NAME,
        }
        return yaml.safe_dump(document, sort_keys=False)

    @classmethod
    def from_yaml(cls, text: str, context: str | None = None) -> "Access":
        """Read one that uses a token and carries the authority within.

        Raises:
            BadKubeconfig: It is not one, or uses another kind of credential.
        """
        document = yaml.safe_load(text)
        if not isinstance(document, Mapping):
            raise BadKubeconfig("a kubeconfig is a mapping of clusters, users and contexts")
        used = _entry(document, "context", context or document.get("current-context"))
        cluster = _entry(document, "cluster", used.get("cluster"))
        user = _entry(document, "user", used.get("user"))
        authority = base64.b64decode(_text(cluster, "certificate-authority-data")).decode()
        namespace = str(used.get("namespace") or "default")
        return cls(_text(cluster, "server"), authority, _text(user, "token"), namespace)


def _entry(document: Mapping[str, object], noun: str, name: object) -> Mapping[str, object]:
    entries = document.get(f"{noun}s")
    for entry in entries if isinstance(entries, list) else []:
        if isinstance(entry, Mapping) and entry.get("name") == name:
            found = entry.get(noun)
            if isinstance(found, Mapping):
                return found
    raise BadKubeconfig(f"the kubeconfig has no {noun} named {name!r}")


def _text(entry: Mapping[str, object], key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str):
        raise BadKubeconfig(f"the kubeconfig has no {key}")
    return value
