"""What AWS refuses whatever the type, and judges that several types share."""

import base64
import binascii
import ipaddress
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from tests.engine.aws_provider.entry import Fault, Judge
from tests.engine.aws_provider.names import Values
from tests.engine.provider_protocol.values import leaves, path_text

_NETWORKS = ("cidrBlock", "cidrIpv4", "cidrBlocks", "destinationCidrBlock", "publicAccessCidrs")
_ADDRESSES = ("privateIp", "privateIps", "secondaryPrivateIps")
#: EC2's limit, before base64.
_USER_DATA_BYTES = 16 * 1024
_MOST_TAGS = 50


def general_faults(inputs: Values) -> Iterator[Fault]:
    """Everything that is wrong with networks, addresses, tags and user data."""
    for path, value in leaves(inputs):
        named = [step for step in path if isinstance(step, str)]
        fault = _network_fault(named[-1], value) if named and isinstance(value, str) else ""
        if fault:
            yield path_text(path), fault
    yield from _tag_faults(inputs.get("tags"))
    yield from _user_data_faults(inputs)


def _network_fault(name: str, value: str) -> str:
    try:
        if name in _NETWORKS:
            ipaddress.ip_network(value)
        elif name in _ADDRESSES:
            ipaddress.ip_address(value)
    except ValueError as error:
        return str(error)
    return ""


def _tag_faults(tags: object) -> Iterator[Fault]:
    if not isinstance(tags, Mapping):
        return
    if len(tags) > _MOST_TAGS:
        yield "tags", f"{len(tags)} tags; at most {_MOST_TAGS} are allowed"
    for key, value in tags.items():
        if not 1 <= len(key) <= 128 or key.lower().startswith("aws:"):
            yield f"tags.{key}", "a key has 1 to 128 characters and does not begin with aws:"
        if isinstance(value, str) and len(value) > 256:
            yield f"tags.{key}", f"{len(value)} characters; at most 256 are allowed"


def _user_data_faults(inputs: Values) -> Iterator[Fault]:
    text, encoded = inputs.get("userData"), inputs.get("userDataBase64")
    if text is not None and encoded is not None:
        yield "userData", "conflicts with userDataBase64"
    raw = text.encode() if isinstance(text, str) else b""
    if isinstance(encoded, str):
        try:
            raw = base64.b64decode(encoded, validate=True)
        except binascii.Error as error:
            yield "userDataBase64", f"is not base64: {error}"
    if len(raw) > _USER_DATA_BYTES:
        yield "userData", f"{len(raw)} bytes; at most {_USER_DATA_BYTES} are allowed"


def text_of(inputs: Values, name: str) -> str | None:
    """A text if it is there and known."""
    value = inputs.get(name)
    return value if isinstance(value, str) else None


def number_of(inputs: Values, name: str) -> float | None:
    """A number if it is there and known."""
    value = inputs.get(name)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None


def one_of(name: str, *legal: str) -> Judge:
    """The property is one of these."""

    def judge(inputs: Values) -> Iterable[Fault]:
        value = text_of(inputs, name)
        if value is not None and value not in legal:
            yield name, f"expected one of {', '.join(legal)}; got {value}"

    return judge


def between(name: str, low: float, high: float) -> Judge:
    """The property is a number from low to high."""

    def judge(inputs: Values) -> Iterable[Fault]:
        value = number_of(inputs, name)
        if value is not None and not low <= value <= high:
            yield name, f"expected {low:g} to {high:g}; got {value:g}"

    return judge


def shaped(name: str, pattern: str, longest: int = 10_000) -> Judge:
    """The property is a text that matches as a whole and is not too long."""

    def judge(inputs: Values) -> Iterable[Fault]:
        value = text_of(inputs, name)
        if value is not None and len(value) > longest:
            yield name, f"{len(value)} characters; at most {longest} are allowed"
        if value is not None and not re.fullmatch(pattern, value, re.DOTALL):
            yield name, f"{value[:80]!r} does not match {pattern}"

    return judge


def exactly_one(*names: str) -> Judge:
    """One of these properties is there, and only one."""

    def judge(inputs: Values) -> Iterable[Fault]:
        given = [name for name in names if inputs.get(name) is not None]
        if len(given) != 1:
            there = f"{', '.join(given)} are there" if given else "none is there"
            yield names[0], f"exactly one of {', '.join(names)} is needed; {there}"

    return judge


def json_text(name: str, longest: int = 1_000_000) -> Judge:
    """The property is JSON, and not too long without its white space."""

    def judge(inputs: Values) -> Iterable[Fault]:
        value = text_of(inputs, name)
        if value is None:
            return
        try:
            tree: Any = json.loads(value)
        except ValueError as error:
            yield name, f"is not JSON: {error}"
            return
        length = len(json.dumps(tree, separators=(",", ":")))
        if length > longest:
            yield name, f"{length} characters; at most {longest} are allowed"

    return judge
