"""StackOutputs: what a provisioned cluster tells the chaos suite. Versioned JSON."""

import json
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from blueprint.failover_profile import DEFAULT_PROFILE
from blueprint.problem import BadInput, Problem, validated
from blueprint.topology import Plane, Role

PortNumber = Annotated[int, Field(ge=1, le=65535)]
ZoneName = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,32}$")]
Text = Annotated[str, Field(min_length=1, max_length=1024)]


class _Strict(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", strict=False)


class NodeOutput(_Strict):
    """One Kafka process and where it is reached from its own zone."""

    id: Annotated[int, Field(ge=0)]
    name: Text
    role: Role
    zone: ZoneName
    host: Text
    port: PortNumber


class LinkOutput(_Strict):
    """One toxiproxy proxy: cross-zone traffic of one plane to one node."""

    name: Text
    source_zone: ZoneName
    node_id: int
    plane: Plane
    listen: Text
    upstream: Text
    api: Text


class LabOutput(_Strict):
    """Where a local cluster keeps its state.

    Attributes:
        chaos: Whether it may be disturbed; a lab that no stack made is there for that.
    """

    name: Text
    state_dir: Text
    chaos: bool = True


class CredentialsOutput(_Strict):
    """Where the suite's own credentials are kept; never what they are.

    What is kept there is JSON: ``username`` and ``password`` for SCRAM, ``certificate_pem`` and
    ``key_pem`` for mutual TLS. A Kubernetes Secret is as Strimzi writes it: it is named as the user
    is, and holds ``password``, or ``user.crt`` and ``user.key``.

    Attributes:
        source: A file that only its owner may read, or a secret store.
        at: The file's path, the secret's ARN, or ``namespace/name``.
    """

    source: Literal["file", "aws-secret", "kubernetes-secret"]
    at: Text


class SecurityOutput(_Strict):
    """How clients and brokers prove to each other who they are.

    Attributes:
        mechanism: Of SASL; None where the certificate is the proof.
        ca_pem: The certificate that signed the brokers'; public. Empty where ``ca_secret`` says
            where it is: what makes it makes it after the stack, and renews it.
        ca_secret: ``namespace/name`` of a Kubernetes Secret; the certificate is its ``ca.crt``.
        credentials: The identity of the chaos suite.
    """

    protocol: Literal["SASL_SSL", "SSL"]
    mechanism: Literal["SCRAM-SHA-512"] | None = None
    ca_pem: Annotated[str, Field(max_length=65_536)] = ""
    ca_secret: Text | None = None
    credentials: CredentialsOutput


class AwsOutput(_Strict):
    """What the suite may touch on AWS; every resource must carry the tag besides.

    Attributes:
        subnet_ids: For each zone the subnets of its brokers and controllers.
        chaos_tag: Key and value without which nothing is touched.
    """

    region: Text
    account_id: Annotated[str, Field(pattern=r"^[0-9]{12}$")]
    vpc_id: Text
    subnet_ids: dict[ZoneName, tuple[Text, ...]]
    chaos_tag: tuple[Text, Text] | None = None


class KubernetesOutput(_Strict):
    """What the suite may touch on Kubernetes.

    Attributes:
        context: Of the kubeconfig; None for the one in force, and inside the cluster.
        chaos_label: Key and value without which nothing is touched.
    """

    namespace: Text
    cluster: Text
    context: Text | None = None
    chaos_label: tuple[Text, Text] | None = None


class StackOutputs(_Strict):
    """Everything the chaos suite may know of, and may touch, in a cluster."""

    schema_version: Annotated[Literal[1], Field(alias="schema")] = 1
    stack: Text
    target: Literal["lab", "aws", "kubernetes"]
    cluster_id: Text
    zones: Annotated[tuple[ZoneName, ...], Field(min_length=1)]
    nodes: Annotated[tuple[NodeOutput, ...], Field(min_length=1)]
    bootstrap_servers: dict[ZoneName, Text]
    links: tuple[LinkOutput, ...] = ()
    profile: Text = DEFAULT_PROFILE
    broker_settings: dict[str, str] = {}
    client_settings: dict[str, str | int | bool] = {}
    cross_zone_latency_ms: Annotated[float, Field(ge=0)] = 0
    security: SecurityOutput | None = None
    lab: LabOutput | None = None
    aws: AwsOutput | None = None
    kubernetes: KubernetesOutput | None = None

    def to_json(self) -> str:
        """Canonical JSON: the same outputs give the same text."""
        return json.dumps(self.model_dump(mode="json", by_alias=True), indent=2, sort_keys=True)


def load(text: str) -> StackOutputs:
    """Read outputs from JSON.

    Raises:
        BadInput: Every problem of the text, each with its path, what was given, what is legal.
    """
    outputs = validated(StackOutputs, text)
    problems = _contradictions(outputs)
    if problems:
        raise BadInput(problems)
    return outputs


def json_schema() -> str:
    """The JSON Schema of StackOutputs, as written to docs/."""
    schema = StackOutputs.model_json_schema(by_alias=True)
    return json.dumps(schema, indent=2, sort_keys=True) + "\n"


def _contradictions(outputs: StackOutputs) -> list[Problem]:
    problems = []
    zones, ids = set(outputs.zones), {node.id for node in outputs.nodes}
    legal_zones, legal_ids = ", ".join(sorted(zones)), ", ".join(map(str, sorted(ids)))
    if len(ids) < len(outputs.nodes):
        problems.append(Problem("nodes", "the same id twice", "one node per id"))
    for index, node in enumerate(outputs.nodes):
        if node.zone not in zones:
            problems.append(Problem(f"nodes.{index}.zone", repr(node.zone), legal_zones))
    for zone in sorted(outputs.bootstrap_servers.keys() - zones):
        problems.append(Problem(f"bootstrap_servers.{zone}", repr(zone), legal_zones))
    for zone in sorted(zones - outputs.bootstrap_servers.keys()):
        problems.append(Problem(f"bootstrap_servers.{zone}", "nothing", "host:port,..."))
    for index, link in enumerate(outputs.links):
        if link.source_zone not in zones:
            problems.append(
                Problem(f"links.{index}.source_zone", repr(link.source_zone), legal_zones)
            )
        if link.node_id not in ids:
            problems.append(Problem(f"links.{index}.node_id", str(link.node_id), legal_ids))
    problems += _of_security(outputs.security)
    described = {"lab": outputs.lab, "aws": outputs.aws, "kubernetes": outputs.kubernetes}
    if described[outputs.target] is None:
        legal = f"what the target {outputs.target} is"
        problems.append(Problem(outputs.target, "nothing", legal))
    return problems


def _of_security(security: SecurityOutput | None) -> list[Problem]:
    if security is None or bool(security.ca_pem) != bool(security.ca_secret):
        return []
    given = "both" if security.ca_pem else "neither"
    return [Problem("security", given, "one of ca_pem and ca_secret")]
