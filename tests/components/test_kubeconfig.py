"""A kubeconfig as it is read for a look at a cluster."""

import base64
import json
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from blueprint.certificates import Pair, issue, make_authority
from components.kubeconfig import VARIABLE, NoAccess, access

SERVER = "https://127.0.0.1:6443"


@pytest.fixture(scope="module")
def authority() -> Pair:
    """Whom to trust."""
    return make_authority("of a test")


def encoded(text: str) -> str:
    """As a kubeconfig carries a file within."""
    return base64.b64encode(text.encode()).decode()


def written(authority: Pair, user: dict[str, Any], context: str = "one", **more: Any) -> str:  # noqa: ANN401 a kubeconfig's
    """A kubeconfig of one cluster, whose user proves himself so."""
    cluster = {
        "server": SERVER,
        "certificate-authority-data": encoded(authority.certificate_pem),
        **more,
    }
    document = {
        "current-context": context,
        "clusters": [{"name": context, "cluster": cluster}],
        "users": [{"name": context, "user": user}],
        "contexts": [{"name": context, "context": {"cluster": context, "user": context}}],
    }
    return yaml.safe_dump(document)


def test_a_token_is_taken_as_it_stands_or_from_its_file(authority: Pair, tmp_path: Path) -> None:
    """A relative path is one beside the kubeconfig; a token is never shown."""
    found = access(written(authority, {"token": "secret"}), None)
    assert (found.server, found.token) == (SERVER, "secret")
    assert "secret" not in repr(found)
    (tmp_path / "token").write_text("of a file\n")
    (tmp_path / "config").write_text(written(authority, {"tokenFile": "token"}))
    assert access(str(tmp_path / "config"), None).token == "of a file"


def test_a_command_is_asked_for_the_token(authority: Pair) -> None:
    """As a cloud's is; it is told that nobody answers its questions."""
    code = (
        "import json, os; info = json.loads(os.environ['KUBERNETES_EXEC_INFO']);"
        "print(json.dumps({'status': {'token': str(info['spec']['interactive'])}}))"
    )
    command = {"apiVersion": "client.authentication.k8s.io/v1", "command": sys.executable}
    user = {"exec": command | {"args": ["-c", code]}}
    assert access(written(authority, user), None).token == "False"


def test_a_certificate_is_proof_too(authority: Pair) -> None:
    """Within the kubeconfig, or as files."""
    own = issue(authority, "people", "operator")
    user = {
        "client-certificate-data": encoded(own.certificate_pem),
        "client-key-data": encoded(own.key_pem),
    }
    assert access(written(authority, user), None).token is None


def test_the_first_of_several_files_says_which_context(
    authority: Pair, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As every other client of Kubernetes reads the variable; one that is not there is passed."""
    (tmp_path / "first").write_text(written(authority, {"token": "1"}, "one"))
    (tmp_path / "second").write_text(written(authority, {"token": "2"}, "two"))
    paths = [str(tmp_path / name) for name in ("absent", "first", "second")]
    monkeypatch.setenv(VARIABLE, ":".join(paths))
    assert access(None, None).token == "1"
    assert access(None, "two").token == "2"


@pytest.mark.parametrize(
    ("user", "more"),
    [
        ({"auth-provider": {"name": "old"}}, {}),
        ({"token": "1"}, {"proxy-url": "socks5://elsewhere"}),
        ({"exec": {"command": "no-such-command"}}, {}),
        ({"exec": {"command": "false"}}, {}),
        ({"tokenFile": "/no/such/file"}, {}),
        ({"token": "1"}, {"certificate-authority-data": "bm8gY2VydGlmaWNhdGU="}),
    ],
)
def test_what_is_not_understood_is_no_access(
    authority: Pair, user: dict[str, Any], more: dict[str, Any]
) -> None:
    """One kind of error, whatever stands there: the look is not to be had."""
    with pytest.raises(NoAccess):
        access(written(authority, user, **more), None)


@pytest.mark.parametrize("text", ["[]\n", "{}\n", "\t:\n", json.dumps({"clusters": 1}) + "\n"])
def test_what_is_no_kubeconfig_is_no_access(text: str) -> None:
    """And no traceback."""
    with pytest.raises(NoAccess):
        access(text, None)
