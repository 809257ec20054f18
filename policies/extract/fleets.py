"""Fleets as they are deployed, how many of them there are, and how many may go at once."""

from blueprint.access import LAG
from blueprint.fleet_contract import SETTINGS_FOLDER, Variable
from blueprint.labels import FLEET_LABEL
from policies.extract.claim import Extractor, of_kind
from policies.extract.kubernetes import labels_of
from policies.reading import Part
from policies.resource import UNKNOWN, Resource
from policies.said import Said, Settings
from policies.view import DisruptionBudget, Fleet, Scaling, Spread, View

_OURS = frozenset(variable.value for variable in Variable)
_KINDS = (of_kind("Deployment", "apps"), of_kind("StatefulSet", "apps"))


def _fleet(whole: Part) -> View:
    spec, template = whole.part("spec"), whole.part("spec", "template")
    pod = template.part("spec")
    container = _container(pod)
    spread = pod.part("topologySpreadConstraints")
    fleet = Fleet(
        urn=whole.urn,
        name=whole.part("metadata", "name").word(),
        replicas=spec.part("replicas").said(),
        labels=labels_of(template.part("metadata", "labels")),
        environment=_environment(container.part("env")),
        spread=UNKNOWN if spread.unknown else tuple(_spread(one) for one in spread.parts()),
        file=_file(pod, container),
        memory=container.part("resources", "limits", "memory").said(),
        grace_s=pod.part("terminationGracePeriodSeconds").said(),
    )
    return View(fleets=(fleet,))


def _container(pod: Part) -> Part:
    """The fleet's own container; the first where none says so."""
    containers = pod.part("containers")
    found = containers.parts()
    if not found:
        if not containers.unknown:
            containers.refuse("a container")
        return Part(pod.urn, UNKNOWN, containers.at, pod.hidden, pod.unreadable)
    own = (one for one in found if _OURS & set(_environment(one.part("env")).names()))
    return next(own, found[0])


def _environment(env: Part) -> Settings:
    if env.unknown or any(one.unknown or one.part("name").unknown for one in env.parts()):
        return Settings(env.urn, env.at, UNKNOWN)
    given = {}
    for one in env.parts():
        name, value = one.part("name").word(), one.part("value")
        elsewhere = value.absent and not one.part("valueFrom").absent
        given[name.text or ""] = Said(env.urn, one.at, UNKNOWN) if elsewhere else value.said()
    return Settings(env.urn, env.at, given)


def _spread(part: Part) -> Spread:
    return Spread(part.part("topologyKey").word(), part.part("whenUnsatisfiable").said())


def _file(pod: Part, container: Part) -> Said:
    """The name of what is mounted where a fleet looks for its settings."""
    mounts = container.part("volumeMounts")
    volumes = pod.part("volumes")
    for unknown in (container, mounts, volumes):
        if unknown.unknown:
            return Said(pod.urn, unknown.at, UNKNOWN)
    wanted = [
        one.part("name").said().text
        for one in mounts.parts()
        if one.part("mountPath").said().text == SETTINGS_FOLDER
    ]
    for volume in volumes.parts():
        if volume.part("name").said().text in wanted:
            secret = volume.part("secret", "secretName")
            return (volume.part("configMap", "name") if secret.absent else secret).said()
    hazy = mounts.hazy or volumes.hazy
    return Said(pod.urn, volumes.at, UNKNOWN if hazy else None)


def _budget(whole: Part) -> View:
    spec = whole.part("spec")
    budget = DisruptionBudget(
        urn=whole.urn,
        labels=labels_of(spec.part("selector", "matchLabels")),
        unavailable=spec.part("maxUnavailable").said(),
        available=spec.part("minAvailable").said(),
    )
    return View(budgets=(budget,))


def _scaling(whole: Part) -> View:
    spec = whole.part("spec")
    triggers = spec.part("triggers")
    if not triggers.parts() and not triggers.unknown:
        triggers.refuse("a trigger")
    kafkas = [one.part("metadata") for one in triggers.parts() if _of_kafka(one)]
    topics = tuple(one.part("topic").word() for one in kafkas)
    lags = tuple(one.part("lagThreshold").said() for one in kafkas)
    scaling = Scaling(
        urn=whole.urn,
        target=spec.part("scaleTargetRef", "name").word(),
        most=spec.part("maxReplicaCount").said(),
        topics=UNKNOWN if triggers.unknown else topics,
        lags=UNKNOWN if triggers.unknown else lags,
    )
    return View(scalings=(scaling,))


def _of_kafka(trigger: Part) -> bool:
    return trigger.part("type").word().text in ("kafka", "apache-kafka")


def _claims(resource: Resource) -> bool:
    """Whether a workload is a fleet: it is labelled as one, or is given a fleet's environment."""
    if not any(kind(resource) for kind in _KINDS):
        return False
    # Looked at with a cursor of its own: what is no fleet is nobody's to refuse.
    whole = Part(resource.urn, resource.properties)
    template = whole.part("spec", "template")
    if _only_watches(template):
        return False
    labels = [whole.part("metadata", "labels"), template.part("metadata", "labels")]
    if any(not one.part(FLEET_LABEL).absent and not one.unknown for one in labels):
        return True
    containers = template.part("spec", "containers").parts()
    return any(_OURS & set(_environment(one.part("env")).names()) for one in containers)


def _only_watches(template: Part) -> bool:
    """Whether it is what says how far fleets are behind: it sees offsets and reads no record."""
    whose = template.part("metadata", "labels", FLEET_LABEL).said()
    containers = template.part("spec", "containers").parts()
    return whose.text == LAG.name and all(_lag(one.part("args")) for one in containers)


def _lag(args: Part) -> bool:
    words = [one.said() for one in args.parts()]
    return bool(words) and words[0].text == "lag"


EXTRACTORS = (
    Extractor(_claims, _fleet),
    Extractor(of_kind("PodDisruptionBudget", "policy"), _budget),
    Extractor(of_kind("ScaledObject", "keda.sh"), _scaling),
)
