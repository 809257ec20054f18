"""A kubeconfig as far as a look needs it: which API server, whom to trust, who asks.

The provider of Kubernetes reads the same one, and more of it: what is not understood here is no
problem of the user's, only a look that cannot be had.
"""

import base64
import json
import os
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

VARIABLE = "KUBECONFIG"
_DEFAULT = Path(".kube", "config")
#: A cloud's command asks for a token over the network.
_TOKEN_S = 30.0
_FAILURES = (yaml.YAMLError, subprocess.SubprocessError)
_FILES = ("certificate-authority", "client-certificate", "client-key", "tokenFile")
_NOT_UNDERSTOOD = ("auth-provider", "as", "username", "proxy-url", "tls-server-name")


class NoAccess(Exception):
    """It does not say how to reach a cluster in a way that is understood; the text says why."""


@dataclass(frozen=True, slots=True)
class Access:
    """How an API server is reached.

    Attributes:
        server: Such as ``https://127.0.0.1:6443``.
        context: Whom to trust, and a certificate where that is who asks.
        token: Secret; None where a certificate is who asks.
    """

    server: str
    context: ssl.SSLContext
    token: str | None

    def __repr__(self) -> str:
        return f"Access(server={self.server!r})"


def access(kubeconfig: str | None, context: str | None) -> Access:
    """How the cluster of a context is reached.

    Args:
        kubeconfig: Its text, or where it is; what ``$KUBECONFIG`` or the home folder has if None.
        context: Its name; the one in force if None.

    Raises:
        NoAccess: It cannot be said.
    """
    try:
        documents = list(_documents(kubeconfig))
        current = (one.get("current-context") for one in documents)
        used = _entry(documents, "context", context or next(filter(None, current), None))
        cluster = _entry(documents, "cluster", used.get("cluster"))
        user = _entry(documents, "user", used.get("user"))
        return _access(cluster, user)
    except (OSError, LookupError, TypeError, ValueError, *_FAILURES) as error:
        raise NoAccess(f"a kubeconfig that cannot be used: {error}") from None


def _access(cluster: Mapping[str, object], user: Mapping[str, object]) -> Access:
    asked = [name for name in _NOT_UNDERSTOOD if cluster.get(name) or user.get(name)]
    if asked:
        raise NoAccess(f"{', '.join(asked)} in a kubeconfig")
    proofs = {**user, **_from_command(user.get("exec"))}
    trusted = ssl.create_default_context(cadata=_pem(cluster, "certificate-authority"))
    if cluster.get("insecure-skip-tls-verify"):
        trusted.check_hostname, trusted.verify_mode = False, ssl.CERT_NONE
    certificate, key = _pem(proofs, "client-certificate"), _pem(proofs, "client-key")
    if certificate and key:
        _prove(trusted, certificate, key)
    token, file = proofs.get("token"), proofs.get("tokenFile")
    if file:
        token = Path(str(file)).read_text().strip()
    return Access(str(cluster.get("server")), trusted, str(token) if token else None)


def _documents(kubeconfig: str | None) -> Iterator[Mapping[str, object]]:
    """Every one that is merged, the first of which wins; paths in them made whole."""
    if kubeconfig and ("\n" in kubeconfig or kubeconfig.lstrip().startswith("{")):
        yield _mapping(yaml.safe_load(kubeconfig))
        return
    listed = kubeconfig or os.environ.get(VARIABLE) or str(Path.home() / _DEFAULT)
    for path in (Path(one) for one in listed.split(os.pathsep) if one):
        if path.exists():
            yield _mapping(yaml.safe_load(path.read_text()), path.parent)


def _mapping(document: object, folder: Path | None = None) -> Mapping[str, object]:
    if not isinstance(document, Mapping):
        raise NoAccess("a kubeconfig that is no mapping")
    for noun in ("cluster", "user"):
        listed = document.get(f"{noun}s")
        for entry in listed if isinstance(listed, list) else ():
            found = entry.get(noun) if isinstance(entry, dict) else None
            if folder is not None and isinstance(found, dict):
                found |= {one: str(folder / found[one]) for one in _FILES if found.get(one)}
    return document


def _entry(documents: list[Mapping[str, object]], noun: str, name: object) -> Mapping[str, object]:
    for document in documents:
        entries = document.get(f"{noun}s")
        for entry in entries if isinstance(entries, list) else []:
            if isinstance(entry, Mapping) and entry.get("name") == name:
                found = entry.get(noun)
                if isinstance(found, Mapping):
                    return found
    raise NoAccess(f"no {noun} named {name!r} in a kubeconfig")


def _from_command(command: object) -> Mapping[str, object]:
    """What a command of the user's, such as a cloud's, says of who asks."""
    if not isinstance(command, Mapping):
        return {}
    arguments, set_ = command.get("args") or [], command.get("env") or []
    asked = {"apiVersion": command.get("apiVersion"), "kind": "ExecCredential"}
    own = {one["name"]: one["value"] for one in set_}
    own["KUBERNETES_EXEC_INFO"] = json.dumps({**asked, "spec": {"interactive": False}})
    said = subprocess.run(
        [str(command.get("command")), *map(str, arguments)],
        env={**os.environ, **own},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=True,
        timeout=_TOKEN_S,
    )
    status = json.loads(said.stdout).get("status") or {}
    return {
        "token": status.get("token"),
        "client-certificate-data": _encoded(status.get("clientCertificateData")),
        "client-key-data": _encoded(status.get("clientKeyData")),
    }


def _encoded(text: object) -> str | None:
    return base64.b64encode(str(text).encode()).decode() if text else None


def _pem(entry: Mapping[str, object], name: str) -> str | None:
    data, file = entry.get(f"{name}-data"), entry.get(name)
    if data:
        return base64.b64decode(str(data)).decode()
    return Path(str(file)).read_text() if file else None


def _prove(context: ssl.SSLContext, certificate: str, key: str) -> None:
    """A context takes them from a file alone: of nobody else's to read, and gone at once."""
    with tempfile.NamedTemporaryFile("w", suffix=".pem") as both:
        both.write(f"{certificate}\n{key}\n")
        both.flush()
        context.load_cert_chain(both.name)
