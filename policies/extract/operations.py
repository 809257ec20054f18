"""Who may take how much, who watches, and when it is tried: quotas, alerts, game days, aims."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

from policies.extract.claim import Extractor, of_dynamic, of_kind
from policies.extract.strimzi import GROUP
from policies.reading import Part
from policies.resource import UNKNOWN, Resource
from policies.said import Said, Settings
from policies.view import Aim, AlertRule, Connector, GameDay, Principal, Quota, View

#: Kafka's names of what is bounded, by ours and by Strimzi's.
_OURS = {
    "producer_byte_rate": "produce_bytes_per_s",
    "consumer_byte_rate": "fetch_bytes_per_s",
    "request_percentage": "request_percent",
}
_STRIMZIS = {
    "producer_byte_rate": "producerByteRate",
    "consumer_byte_rate": "consumerByteRate",
    "request_percentage": "requestPercentage",
}
_TYPE_OF_PRINCIPAL = "User:"
_AIMS = ("failover_target_s", "planned_events_per_s")
#: What the suite is started by.
_RUN = ("chaos", "run")


def _own_quota(whole: Part) -> View:
    return View(quotas=(Quota(whole.urn, whole.part("user").word(), _rates(whole, _OURS)),))


def _own_principal(whole: Part) -> View:
    said = whole.part("principal").word()
    name = replace(said, value=said.text.removeprefix(_TYPE_OF_PRINCIPAL)) if said.text else said
    return View(principals=(Principal(whole.urn, name),))


def _user(whole: Part) -> View:
    name, quotas = whole.part("metadata", "name").word(), whole.part("spec", "quotas")
    principal = Principal(whole.urn, name)
    if whole.part("spec").absent:
        whole.part("spec").refuse("authentication, authorization and quotas")
    if quotas.absent:
        return View(principals=(principal,))
    return View(
        principals=(principal,), quotas=(Quota(whole.urn, name, _rates(quotas, _STRIMZIS)),)
    )


def _rates(part: Part, names: Mapping[str, str]) -> Settings:
    return Settings(
        part.urn, part.at, {kafkas: part.part(own).said() for kafkas, own in names.items()}
    )


def _alerts(whole: Part) -> View:
    groups = whole.part("spec", "groups")
    rules = (rule for group in groups.parts() for rule in group.part("rules").parts())
    found = tuple(
        AlertRule(rule.urn, rule.part("expr").word())
        for rule in rules
        if rule.part("record").absent
    )
    # Where one is not known yet it may be whichever is missed.
    hazy = AlertRule(whole.urn, Said(whole.urn, groups.at, UNKNOWN))
    return View(alerts=(*found, hazy) if groups.hazy else found)


def _schedule(whole: Part) -> View:
    spec = whole.part("spec")
    pod = spec.part("jobTemplate", "spec", "template", "spec")
    containers = pod.part("containers")
    found = [one for container in containers.parts() for one in _experiments(container)]
    if not found and containers.hazy:
        found = [Said(whole.urn, containers.at, UNKNOWN)]
    return View(
        game_days=tuple(
            GameDay(
                urn=whole.urn,
                experiment=experiment,
                schedule=spec.part("schedule").word(),
                suspended=spec.part("suspend").said(),
            )
            for experiment in found
        )
    )


def _experiments(container: Part) -> Iterator[Said]:
    """What follows ``chaos run`` on a command line."""
    words = [one.said() for name in ("command", "args") for one in container.part(name).parts()]
    texts = tuple(one.text for one in words)
    for index in range(len(words) - 2):
        if texts[index : index + 2] == _RUN:
            yield words[index + 2]


def _connector(whole: Part) -> View:
    return View(connectors=(Connector(whole.urn, whole.part("spec", "class").word()),))


def _aim(whole: Part) -> View:
    target, planned = (whole.part(name).said() for name in _AIMS)
    return View(aims=(Aim(whole.urn, target, planned),))


def _says_an_aim(resource: Resource) -> bool:
    ours = resource.type.startswith(("quorate:", "pulumi-python:dynamic/quorate:"))
    return ours and any(name in resource.properties for name in _AIMS)


EXTRACTORS = (
    Extractor(of_dynamic("quorate:ClientQuota"), _own_quota),
    Extractor(of_dynamic("quorate:PrincipalAccess"), _own_principal),
    Extractor(of_kind("KafkaUser", GROUP), _user),
    Extractor(of_kind("PrometheusRule", "monitoring.coreos.com"), _alerts),
    Extractor(of_kind("CronJob", "batch"), _schedule),
    Extractor(of_kind("KafkaConnector", GROUP), _connector),
    Extractor(_says_an_aim, _aim),
)
