"""What a stack needs of a Kubernetes cluster beside Kubernetes: operators, known by their kinds."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from blueprint.problem import Problem
from blueprint.stack_config import StackConfig

#: Kinds by the group and version that serve them, such as ``keda.sh/v1alpha1``.
Served = Mapping[str, frozenset[str]]


@dataclass(frozen=True, slots=True)
class Operator:
    """Who acts on objects that a stack declares.

    Attributes:
        wanted: What docs/kubernetes.md asks for, its version included.
        api: The group and version of its kinds.
        kinds: Those of which a stack declares objects.
        install: A command that installs it where nothing else is asked of it.
        instead: What a stack may say to do without it; empty where nothing does.
    """

    wanted: str
    api: str
    kinds: frozenset[str]
    install: str
    instead: str = ""

    @property
    def group(self) -> str:
        """Of its kinds."""
        return self.api.partition("/")[0]


STRIMZI = Operator(
    wanted="Strimzi's cluster operator, 1.2.0 or later",
    api="kafka.strimzi.io/v1",
    kinds=frozenset({"Kafka", "KafkaNodePool", "KafkaTopic", "KafkaUser"}),
    install="helm install strimzi strimzi/strimzi-kafka-operator --version 1.2.0 -n strimzi"
    " --create-namespace --set watchAnyNamespace=true",
)
KEDA = Operator(
    wanted="KEDA, 2.17 or later",
    api="keda.sh/v1alpha1",
    kinds=frozenset({"ScaledObject", "TriggerAuthentication"}),
    install="helm install keda kedacore/keda -n keda --create-namespace",
    instead="quorate:keda: false",
)
PROMETHEUS = Operator(
    wanted="prometheus-operator, 0.95.1 or later",
    api="monitoring.coreos.com/v1",
    kinds=frozenset({"PodMonitor", "PrometheusRule"}),
    install="helm install prometheus prometheus-community/kube-prometheus-stack -n monitoring"
    " --create-namespace",
    instead="no quorate:monitoring",
)
OPERATORS = (STRIMZI, KEDA, PROMETHEUS)


def operators_wanted(config: StackConfig) -> tuple[Operator, ...]:
    """Those whose kinds a stack declares objects of."""
    wanted = {
        STRIMZI: config.target == "kubernetes",
        KEDA: config.keda and bool(config.fleets),
        PROMETHEUS: config.monitoring is not None,
    }
    return tuple(operator for operator in OPERATORS if wanted[operator])


def operator_problems(wanted: Iterable[Operator], served: Served) -> tuple[Problem, ...]:
    """One problem for each operator whose kinds a cluster does not have.

    Args:
        wanted: The operators.
        served: Every kind of their groups that the cluster has, in whichever version.
    """
    return tuple(
        _problem(operator, served)
        for operator in wanted
        if not operator.kinds <= served.get(operator.api, frozenset())
    )


def _problem(operator: Operator, served: Served) -> Problem:
    lacking = sorted(operator.kinds - served.get(operator.api, frozenset()))
    given = f"a cluster without {', '.join(lacking)} of {operator.api}"
    others = sorted(api for api in served if api.partition("/")[0] == operator.group)
    if others and operator.api not in served:
        given += f" (it has {', '.join(others)}: of another version of the operator)"
    remedy = f"install it as docs/kubernetes.md says: {operator.install}"
    if operator.instead:
        remedy += f"; or do without it: {operator.instead}"
    remedy += "; where machines reach no public registry, as on AWS, docs/aws.md says how"
    return Problem("kubernetes", given, operator.wanted, remedy)
