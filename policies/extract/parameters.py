"""Files of Kafka's hosts on AWS, each a parameter that the host fetches."""

import re
from dataclasses import replace

from policies.extract.claim import Extractor, of_type
from policies.reading import Part, properties_of
from policies.resource import UNKNOWN, Resource, Secret, Unknown
from policies.said import Said, Settings
from policies.view import HostSettings, KafkaSettings, Listener, View

_PARAMETER = of_type("aws:ssm/parameter:Parameter")
SERVER_PROPERTIES = "server.properties"
_OPEN_FILES = "LimitNOFILE"
#: By the name of a parameter whose host, and which file.
_NAME = re.compile(r"^(?:.*/)?(?P<whose>[^/]+)/(?P<file>server\.properties|sysctl|limits)$")
_PROTOCOLS = "listener.security.protocol.map"


def kafka_of(file: Part, node: str) -> KafkaSettings:
    """What a server.properties says."""
    said = file.document(properties_of, "a properties file: name=value").settings()
    settings = _renamed(said, SERVER_PROPERTIES)
    if not isinstance(said.given, Unknown) and not settings.said("process.roles").text:
        file.refuse("the server.properties of a node: process.roles is among them")
    return KafkaSettings(
        urn=file.urn,
        node=node,
        roles=roles_of(settings),
        settings=settings,
        rack=settings.said("broker.rack"),
        listeners=listeners_of(settings),
    )


def roles_of(settings: Settings) -> frozenset[str] | Unknown:
    """What a node does."""
    said = settings.said("process.roles")
    return UNKNOWN if said.unknown else frozenset(_split(said))


def listeners_of(settings: Settings) -> tuple[Listener, ...] | Unknown:
    """Each listener of a node with Kafka's protocol of it, which its name is unless it is said."""
    names, protocols = settings.said("listeners"), settings.said(_PROTOCOLS)
    if names.unknown or protocols.unknown:
        return UNKNOWN
    spoken = dict(one.partition(":")[::2] for one in _split(protocols))
    opened = [one.partition("://")[0] for one in _split(names)]
    absent = Said(settings.urn, protocols.setting, None)
    # Which listener it is would be told from what may be a secret.
    return tuple(
        Listener(settings.urn, replace(protocols, value=spoken.get(name, name)), absent)
        for name in opened
    )


def _split(said: Said) -> list[str]:
    return [one.strip() for one in (said.text or "").split(",") if one.strip()]


def _parameter(whole: Part) -> View:
    name, value = whole.part("name").said(), whole.part("value")
    if name.unknown:
        return View(files=(name,))
    matched = _NAME.match(name.text or "")
    assert matched is not None
    if value.absent:
        value.refuse("a text")
    return replace(_file(value, matched["whose"], matched["file"]), files=(name,))


def _file(value: Part, whose: str, file: str) -> View:
    if file == SERVER_PROPERTIES:
        return View(kafka=(kafka_of(value, whose),))
    role = Said(value.urn, "name", whose.removesuffix("s"))
    if file == "sysctl":
        said = value.document(properties_of, "kernel settings: name = value").settings()
        return View(hosts=(HostSettings(value.urn, role, kernel=_renamed(said, "sysctl")),))
    said = value.document(_unit_of, "a part of a systemd unit").settings()
    return View(
        hosts=(
            HostSettings(value.urn, role, open_files=_renamed(said, "limits").said(_OPEN_FILES)),
        )
    )


def _renamed(said: Settings, within: str) -> Settings:
    if isinstance(said.given, Unknown):
        return Settings(said.urn, within, UNKNOWN)
    named = {name: replace(one, setting=f"{within}: {name}") for name, one in said.given.items()}
    return Settings(said.urn, within, named)


def _unit_of(text: str) -> dict[str, str]:
    lines = [line for line in text.splitlines() if not line.strip().startswith("[")]
    return properties_of("\n".join(lines))


def _claims(resource: Resource) -> bool:
    name = resource.properties.get("name")
    name = name.value if isinstance(name, Secret) else name
    if _PARAMETER(resource) and name is UNKNOWN:
        return True
    if not _PARAMETER(resource) or not isinstance(name, str):
        return False
    matched = _NAME.match(name)
    ours = name.startswith("/quorate/")
    return matched is not None and (ours or matched["file"] == SERVER_PROPERTIES)


EXTRACTORS = (Extractor(_claims, _parameter),)
