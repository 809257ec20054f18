"""What fleets are told to do: the settings file in a ConfigMap or a Secret."""

import base64
import json
from collections.abc import Iterator

from blueprint.access import LAG
from blueprint.fleet_contract import SETTINGS_FILE
from blueprint.labels import FLEET_LABEL
from policies.extract.claim import Extractor, of_kind
from policies.reading import Part, json_of
from policies.resource import UNKNOWN, Resource, Secret
from policies.said import Settings
from policies.view import ClientSettings, FleetWork, View

_CONFIG_MAP, _SECRET = of_kind("ConfigMap", ""), of_kind("Secret", "")
#: Each client of a fleet's, and whether it writes.
_CLIENTS = {"consumer": False, "letters": True, "producer": True}


def _read(whole: Part) -> View:
    name, data = whole.part("metadata", "name").said(), _data(whole)
    text = data.part(SETTINGS_FILE)
    if data.unknown or text.unknown:
        return View(files=(name,))
    if text.absent:
        return View()
    said = text.document(json_of, "the JSON of a fleet's settings")
    group = said.part("consumer", "group.id").said()
    if group.text == LAG.name:
        # It sees offsets, reads no record and writes none.
        reads = ClientSettings(whole.urn, False, said.part("consumer").settings())
        return View(clients=(reads,), files=(name,))
    topics = said.part("topics")
    if topics.absent:
        topics.refuse("a list of topics")
    work = FleetWork(
        urn=whole.urn,
        file=name,
        group=group,
        topics=UNKNOWN if topics.unknown else tuple(one.said() for one in topics.parts()),
        catch_up=_block(said.part("catch_up")),
        dedup=_block(said.part("dedup")),
        traces=_block(said.part("traces")),
        outbox=_block(said.part("outbox")),
    )
    return View(clients=tuple(_clients(said)), works=(work,), files=(name,))


def _data(whole: Part) -> Part:
    plain = whole.part("stringData")
    if not plain.absent:
        return plain
    data = whole.part("data")
    if not _is_secret(whole):
        return data
    clear = {name: one.document(_decoded, "base64 of a text").value for name, one in data.items()}
    hidden = {name: Secret(value) for name, value in clear.items()}
    value = UNKNOWN if data.unknown else hidden
    return Part(whole.urn, value, data.at, True, whole.unreadable)


def _is_secret(whole: Part) -> bool:
    return whole.part("kind").said().text == "Secret"


def _decoded(text: str) -> str:
    return base64.b64decode(text, validate=True).decode()


def _block(part: Part) -> Settings | None:
    return None if part.absent else part.settings()


def _clients(said: Part) -> Iterator[ClientSettings]:
    for name, produces in _CLIENTS.items():
        client = said.part(name)
        if client.absent and name == "consumer":
            client.refuse("the settings of a member")
        elif not client.absent:
            yield ClientSettings(client.urn, produces, client.settings())


def _claims(resource: Resource) -> bool:
    """Whether an object says that it is a fleet's, or holds what only a fleet's settings hold."""
    if not (_CONFIG_MAP(resource) or _SECRET(resource)):
        return False
    whole = Part(resource.urn, resource.properties)
    labels = whole.part("metadata", "labels")
    if not labels.unknown and not labels.part(FLEET_LABEL).absent:
        return True
    text = _data(whole).part(SETTINGS_FILE).value
    try:
        said = json.loads(text) if isinstance(text, str) else None
    except (ValueError, RecursionError):
        return False
    return isinstance(said, dict) and {"topics", "consumer"} <= set(said)


EXTRACTORS = (Extractor(_claims, _read),)
