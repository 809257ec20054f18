"""What every stand-in shares: values on the wire, what differs, and an end."""

import os
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.provider_protocol.difference import Kind, differences
from tests.engine.provider_protocol.provider import Naming, Resource
from tests.engine.provider_protocol.values import (
    UNKNOWN,
    Properties,
    leaves,
    marshal,
    path_text,
    unmarshal,
)

_WHOLE = 2**53  # what a double, the protocol's only number, holds exactly
_LEAVES = (
    st.none()
    | st.booleans()
    | st.integers(-_WHOLE, _WHOLE)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text()
    | st.just(UNKNOWN)
)
_TREES = st.recursive(
    _LEAVES, lambda some: st.lists(some, max_size=3) | st.dictionaries(st.text(), some, max_size=3)
)
_VALUES = st.dictionaries(st.text(), _TREES, max_size=4)
_STARTER = """
import subprocess, sys
started = subprocess.Popen([sys.argv[1], "127.0.0.1:1"])
print(started.pid, flush=True)
started.wait()
"""


@given(_VALUES, st.data())
def test_round_trip(values: dict[str, object], data: st.DataObject) -> None:
    """What is sent is what is read, with the same places secret."""
    paths = sorted({path for path, _ in leaves(values) if path}, key=repr)
    secrets = frozenset(data.draw(st.sets(st.sampled_from(paths)))) if paths else frozenset()
    properties = Properties(values, secrets)

    assert unmarshal(marshal(properties)) == properties


def test_whole_numbers() -> None:
    """A whole number is read as an int, as an API that tells 1 from 1.0 needs it."""
    read = unmarshal(marshal(Properties({"replicas": 3.0, "share": 0.5})))
    assert {key: type(value) for key, value in read.values.items()} == {
        "replicas": int,
        "share": float,
    }


def test_unsendable() -> None:
    """What the protocol has no form for is refused with its path."""
    with pytest.raises(TypeError, match=r"spec\.when\[0\] is a set"):
        marshal(Properties({"spec": {"when": [set()]}}))


@given(_VALUES)
def test_no_difference(values: dict[str, object]) -> None:
    """Nothing differs from itself."""
    assert differences(values, values) == ()


def test_differences() -> None:
    """Each property that differs is told once, at the outermost place that is new or gone."""
    old = {"name": "a", "ports": [1, 2], "labels": {"of": "x", "to": "y"}, "null": None}
    new = {"name": "a", "ports": [1, 3, 4], "labels": {"of": UNKNOWN}, "spec": {"of": {"b": 1}}}

    found = differences(old, new, replaces=lambda path: path[0] == "labels")

    assert {str(one): (one.kind, one.replaces) for one in found} == {
        "ports[1]": (Kind.UPDATE, False),
        "ports[2]": (Kind.ADD, False),
        "labels.of": (Kind.UPDATE, True),
        "labels.to": (Kind.DELETE, True),
        "spec": (Kind.ADD, False),
    }


def test_type_differs() -> None:
    """True is not 1, though Python says so."""
    assert [str(one) for one in differences({"on": True}, {"on": 1})] == ["on"]


def test_path_text() -> None:
    """A key that is no word is quoted, as the engine writes it."""
    path = ("metadata", "labels", "app.kubernetes.io/name", 0)
    assert path_text(path) == 'metadata.labels["app.kubernetes.io/name"][0]'


def test_naming() -> None:
    """The user's own scheme of names comes first, and none is made up where none may be."""
    resource = Resource("urn", "kubernetes:core/v1:Secret", "login")
    assert Naming("mine").name(resource) == "mine"
    assert Naming(random_seed=b"\x01\x23\x45\x67").name(resource) == "login-0123456"
    assert Naming("mine", allowed=False).name(resource) is None


@pytest.mark.engine
@pytest.mark.parametrize("package", ["kubernetes"])
def test_orphaned(package: str) -> None:
    """A provider ends by itself when what started it is killed."""
    command = Path(__file__).parent / f"{package}_provider" / f"pulumi-resource-{package}"
    path = os.pathsep.join((str(Path(sys.executable).parent), os.environ["PATH"]))
    starter = subprocess.Popen(
        [sys.executable, "-c", _STARTER, command],
        stdout=subprocess.PIPE,
        text=True,
        env=os.environ | {"PATH": path},
    )
    assert starter.stdout is not None
    with starter:
        provider = psutil.Process(int(starter.stdout.readline()))
        try:
            assert int(starter.stdout.readline()) > 0
            starter.kill()
            provider.wait(timeout=30)
        finally:
            starter.kill()
            if provider.is_running():
                provider.kill()
