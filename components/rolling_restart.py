"""Nodes told over Systems Manager to take up what has changed, one after the other.

A node's ``roll`` waits for a calm cluster, restarts Kafka with what it fetches, and waits again
(``aws_node_files/quorate-node.sh``). One resource stands for one node, and depends on that of the
node before it: the engine itself does one at a time, and an ``up`` that ends half-way goes on with
the first node that has not been rolled. The providers are pickled by module: importing this creates
no resource.
"""

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import boto3
import pulumi
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError
from pulumi.dynamic import CreateResult, DiffResult, Resource, ResourceProvider, UpdateResult

#: From a machine's start until Systems Manager knows it: packages come before the agent's turn.
REGISTERED_TIMEOUT_S = 900.0
#: For one node: twice what its own script waits for a calm cluster, and a clean end in between.
NODE_TIMEOUT_S = 9000.0
#: For a whole cluster that has just been made.
CLUSTER_TIMEOUT_S = 3600.0
_FIRST_POLL_S, _LONGEST_POLL_S = 0.1, 5.0
#: Of machines that one command may name.
_MOST_TARGETS = 50
_DELIVERY_TIMEOUT_S = 600
_LONGEST_SAID = 400
_UNDER_WAY = frozenset({"Pending", "InProgress", "Delayed"})
_NOT_YET = frozenset({"InvalidInstanceId", "InvocationDoesNotExist"})
_CONFIG = Config(
    connect_timeout=5, read_timeout=30, retries={"mode": "standard", "total_max_attempts": 5}
)


class NotRolled(Exception):
    """A node did not do what it was told; the text is one line."""


@dataclass(frozen=True, slots=True)
class RolledNodeArgs:
    """One node.

    Attributes:
        document: Of Systems Manager: what may be run on it.
        runs_with: What it is to run with, by name; anything else than before is a roll.
    """

    region: str
    node: str
    document: pulumi.Input[str]
    instance_id: pulumi.Input[str]
    runs_with: Mapping[str, pulumi.Input[str]]


class RollProvider(ResourceProvider):
    """Rolls a node whenever it is to run with something else."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Nothing: a machine that has just been made runs with the newest of everything."""
        return CreateResult(str(props["node"]), props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another machine counts, and another value of anything that it runs with."""
        names = ("instance_id", "runs_with")
        return DiffResult(changes=any(_olds.get(name) != _news.get(name) for name in names))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Roll it, and return when the cluster is calm again."""
        nodes = {str(_news["node"]): str(_news["instance_id"])}
        run_on(_news["region"], _news["document"], nodes, "roll", NODE_TIMEOUT_S)
        return UpdateResult(_news)


class CalmProvider(ResourceProvider):
    """Waits for every node of a cluster, all at the same time; changes nothing."""

    serialize_as_secret_always = False

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Wait."""
        _await_calm(props)
        return CreateResult("calm", props)

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Other machines are waited for anew."""
        return DiffResult(changes=_olds.get("instance_ids") != _news.get("instance_ids"))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Wait."""
        _await_calm(_news)
        return UpdateResult(_news)


class RolledNode(Resource, module="quorate:aws", name="RolledNode"):
    """A node that runs with what it is to run with."""

    def __init__(
        self, name: str, args: RolledNodeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it."""
        inputs = {
            "region": args.region,
            "node": args.node,
            "document": args.document,
            "instance_id": args.instance_id,
            "runs_with": dict(args.runs_with),
        }
        super().__init__(RollProvider(), name, inputs, opts)


class CalmCluster(Resource, module="quorate:aws", name="CalmCluster"):
    """A cluster of which every node answers and every partition has its replicas."""

    def __init__(
        self,
        name: str,
        region: str,
        document: pulumi.Input[str],
        instance_ids: Mapping[str, pulumi.Input[str]],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it."""
        inputs = {"region": region, "document": document, "instance_ids": dict(instance_ids)}
        super().__init__(CalmProvider(), name, inputs, opts)


def run_on(
    region: str, document: str, nodes: Mapping[str, str], action: str, timeout_s: float
) -> None:
    """Let every one of these nodes do the same, and wait for all of them.

    Args:
        region: Where.
        document: What may be run.
        nodes: For each node's name its machine.
        action: What of it: ``roll`` or ``await``.
        timeout_s: For all of it, from the first machine that is known.

    Raises:
        NotRolled: AWS said no, a node failed, or it was not done in time.
    """
    try:
        ssm = boto3.client("ssm", region_name=region, config=_CONFIG)
        names = list(nodes)
        for first in range(0, len(names), _MOST_TARGETS):
            part = {name: nodes[name] for name in names[first : first + _MOST_TARGETS]}
            command = _sent(ssm, document, list(part.values()), action)
            deadline = time.monotonic() + timeout_s
            for name, instance in part.items():
                _await_done(ssm, command, name, instance, deadline)
    except (ClientError, BotoCoreError) as error:
        said = " ".join(str(error).split())[:_LONGEST_SAID]
        raise NotRolled(f"{action} on {', '.join(nodes)}: {said}") from None


def _await_calm(props: Mapping[str, Any]) -> None:
    nodes = {str(name): str(one) for name, one in props["instance_ids"].items()}
    run_on(props["region"], props["document"], nodes, "await", CLUSTER_TIMEOUT_S)


def _sent(ssm: Any, document: str, instances: Sequence[str], action: str) -> str:  # noqa: ANN401 boto3 has no types
    """The id of the command, once Systems Manager knows all machines."""
    deadline, pause = time.monotonic() + REGISTERED_TIMEOUT_S, _Pause()
    while True:
        try:
            sent = ssm.send_command(
                DocumentName=document,
                InstanceIds=list(instances),
                Parameters={"action": [action]},
                TimeoutSeconds=_DELIVERY_TIMEOUT_S,
            )
            return str(sent["Command"]["CommandId"])
        except ClientError as error:
            if _code(error) not in _NOT_YET or time.monotonic() > deadline:
                raise
        pause()


def _await_done(ssm: Any, command: str, node: str, instance: str, deadline: float) -> None:  # noqa: ANN401 boto3 has no types
    pause = _Pause()
    while True:
        try:
            told = ssm.get_command_invocation(CommandId=command, InstanceId=instance)
            status = str(told["Status"])
        except ClientError as error:
            if _code(error) not in _NOT_YET:
                raise
            told, status = {}, "Pending"
        if status == "Success":
            return
        if status not in _UNDER_WAY:
            said = " ".join(str(told.get("StandardErrorContent", "")).split())[-_LONGEST_SAID:]
            raise NotRolled(f"{node} ({instance}): {status}: {said or 'it said nothing'}")
        if time.monotonic() > deadline:
            raise NotRolled(f"{node} ({instance}): still {status} at the end of the time allowed")
        pause()


class _Pause:
    """Between two questions: short at first, and never long."""

    def __init__(self) -> None:
        self._next_s = _FIRST_POLL_S

    def __call__(self) -> None:
        time.sleep(self._next_s)
        self._next_s = min(_LONGEST_POLL_S, 2 * self._next_s)


def _code(error: ClientError) -> str:
    return str(error.response.get("Error", {}).get("Code"))
