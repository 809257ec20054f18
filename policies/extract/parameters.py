"""Files of Kafka's hosts on AWS, each a parameter that the host fetches."""

from policies.extract.claim import Extractor, of_type
from policies.reading import Part, properties_of
from policies.resource import UNKNOWN, Resource, Unknown
from policies.said import Settings
from policies.view import KafkaSettings, View

_PARAMETER = of_type("aws:ssm/parameter:Parameter")
SERVER_PROPERTIES = "server.properties"


def kafka_of(file: Part, within: str) -> KafkaSettings:
    """What a server.properties says."""
    said = file.document(properties_of, "a properties file: name=value").settings()
    settings = Settings(said.urn, within, said.given, said.hidden)
    return KafkaSettings(
        urn=file.urn,
        roles=_roles(settings),
        settings=settings,
        rack=settings.said("broker.rack"),
    )


def _roles(settings: Settings) -> frozenset[str] | Unknown:
    said = settings.said("process.roles")
    if said.unknown:
        return UNKNOWN
    return frozenset(role.strip() for role in (said.text or "").split(",") if role.strip())


def _server_properties(whole: Part) -> View:
    return View(kafka=(kafka_of(whole.part("value"), SERVER_PROPERTIES),))


def _named(resource: Resource, ending: str) -> bool:
    name = resource.properties.get("name")
    return _PARAMETER(resource) and isinstance(name, str) and name.endswith(ending)


EXTRACTORS = (
    Extractor(lambda resource: _named(resource, f"/{SERVER_PROPERTIES}"), _server_properties),
)
