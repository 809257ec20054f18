"""EC2 instances and what makes them: user data, metadata, disks, and whether anybody reaches them.

An instance is Kafka's where its tags or its user data say so; of all others only what holds for
any machine is looked at.
"""

import base64
import binascii
import gzip
import re
import shlex
import zlib
from collections.abc import Iterator
from functools import lru_cache

import yaml

from blueprint.labels import NODE_TAG
from policies.extract.claim import Extractor, of_type
from policies.extract.parameters import SERVER_PROPERTIES, kafka_of
from policies.reading import Part
from policies.resource import UNKNOWN
from policies.said import Said
from policies.view import HostSettings, Machine, Network, View, Volume

_NODE_NAME = re.compile(r"^(?P<role>broker|controller)-\d+$")
_NODE_ENV = "/etc/quorate/node.env"
#: In the node's own file: what it fetches.
_READS = ("SETTINGS_PARAMETER", "SYSCTL_PARAMETER", "LIMITS_PARAMETER")
#: Of base64, packed: EC2 takes no more than 16 KiB of it, and unpacked it is a text.
_MOST_UNPACKED = 1 << 20
_CLOUD_CONFIG = "#cloud-config"
_NOT_PUBLIC = frozenset({"false"})


def _instance(whole: Part) -> View:
    data = _user_data(whole)
    files = _files(whole, data)
    env = files.get(_NODE_ENV)
    kafka = tuple(
        kafka_of(part, whole.part("tags", NODE_TAG).said().text or "")
        for path, part in files.items()
        if path.endswith(f"/{SERVER_PROPERTIES}")
    )
    settings = None if env is None else env.document(_shell_of, "assignments of a shell")
    reads = () if settings is None else tuple(settings.part(one).required() for one in _READS)
    hosts = () if settings is None else (_host(settings),)
    # The tag is known before the update, and the user data not always.
    role = _role(whole.part("tags", NODE_TAG))
    if not role and hosts:
        role = hosts[0].role.text or ""
    public = Network(whole.urn, whole.part("associatePublicIpAddress").said(), _NOT_PUBLIC, "false")
    return View(
        kafka=kafka,
        hosts=hosts,
        machines=(
            Machine(whole.urn, role, whole.part("instanceType").said(), _token(whole), reads),
        ),
        volumes=tuple(_disks(whole)),
        networks=(public,),
    )


def _role(tag: Part) -> str:
    matched = named_node(tag)
    return matched["role"] if matched else ""


def named_node(tag: Part) -> re.Match[str] | None:
    """The node that a tag names, with its ``role``; None while it names none."""
    said = tag.said()
    matched = _NODE_NAME.match(said.text or "")
    if matched is None and not said.absent and not said.unknown:
        tag.refuse("the name of a node: broker-1, controller-101")
    return matched


def _host(settings: Part) -> HostSettings:
    return HostSettings(
        settings.urn, settings.part("ROLE").word(), mount=settings.part("MOUNT_OPTIONS").said()
    )


def _tagged(whole: Part) -> bool:
    return whole.part("tags", NODE_TAG).said().text is not None


def _user_data(whole: Part) -> Part:
    packed = whole.part("userDataBase64")
    return whole.part("userData") if packed.absent else packed


def _files(whole: Part, data: Part) -> dict[str, Part]:
    """The files that user data write, by path; none where it is not known or no cloud-config."""
    if data.unknown:
        return {}
    text = data.value if isinstance(data.value, str) else ""
    found = _written(text)
    if found is None:
        if _tagged(whole):
            data.refuse("cloud-init's user data of a node of Kafka")
        return {}
    files = {
        path: Part(data.urn, content, f"{data.at}: {path}", data.hidden, data.unreadable)
        for path, content in found
    }
    kafkas = _NODE_ENV in files or any(one.endswith(f"/{SERVER_PROPERTIES}") for one in files)
    if _tagged(whole) and not kafkas:
        data.refuse(f"{_NODE_ENV} or a {SERVER_PROPERTIES} among the files that it writes")
    return files


@lru_cache(maxsize=4096)
def _written(text: str) -> tuple[tuple[str, str], ...] | None:
    """Paths and contents of the files that user data write, or None where it is no cloud-config.

    Each text is read once: a stack of thirty brokers asks for all of them several times.
    """
    clear = _unpacked(text)
    if clear is None or not clear.startswith(_CLOUD_CONFIG):
        return None
    try:
        said = yaml.load(clear, Loader=_LOADER)
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
    files = said.get("write_files") if isinstance(said, dict) else None
    if not isinstance(files, list):
        return None
    return tuple(
        (str(one.get("path")), str(one.get("content"))) for one in files if isinstance(one, dict)
    )


def _unpacked(text: str) -> str | None:
    if text.startswith(_CLOUD_CONFIG):
        return text
    try:
        raw = base64.b64decode(text, validate=True)
        if raw[:2] == b"\x1f\x8b":
            raw = zlib.decompressobj(wbits=31).decompress(raw, _MOST_UNPACKED)
        return raw.decode()
    except (ValueError, binascii.Error, zlib.error, gzip.BadGzipFile):
        return None


def _shell_of(text: str) -> dict[str, str]:
    found = {}
    for line in text.splitlines():
        words = shlex.split(line, comments=True)
        words = words[1:] if words[:1] == ["export"] else words
        if words:
            name, sign, value = words[0].partition("=")
            if not sign or len(words) > 1:
                raise ValueError("no assignment")
            found[name] = value
    return found


def _template(whole: Part) -> View:
    mappings = whole.part("blockDeviceMappings")
    disks = tuple(
        Volume(whole.urn, one.part("ebs", "encrypted").said())
        for one in mappings.parts()
        if not one.part("ebs").absent
    )
    if not disks and not mappings.unknown:
        # What its image says is in force, and that is not to encrypt.
        disks = (Volume(whole.urn, Said(whole.urn, mappings.at, None)),)
    public = tuple(
        Network(whole.urn, one.part("associatePublicIpAddress").said(), _NOT_PUBLIC, "false")
        for one in whole.part("networkInterfaces").parts()
    )
    machine = Machine(whole.urn, "", whole.part("instanceType").said(), _token(whole))
    return View(machines=(machine,), volumes=disks, networks=public)


def _token(whole: Part) -> Said:
    return whole.part("metadataOptions", "httpTokens").said()


def _disks(whole: Part) -> Iterator[Volume]:
    root = whole.part("rootBlockDevice")
    if root.unknown:
        yield Volume(whole.urn, Said(whole.urn, root.at, UNKNOWN))
    else:
        yield Volume(whole.urn, root.part("encrypted").said())
    for one in whole.part("ebsBlockDevices").parts():
        yield Volume(whole.urn, one.part("encrypted").said())


_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
EXTRACTORS = (
    Extractor(of_type("aws:ec2/instance:Instance"), _instance),
    Extractor(of_type("aws:ec2/launchTemplate:LaunchTemplate"), _template),
)
