"""The lab as a resource: the one module of this room that knows it.

The provider is pickled by module and runs in a process of the engine's: importing this creates no
resource. It holds no state; what was asked for stands in the stack, and what is true in the lab.
"""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pulumi
from pulumi.dynamic import (
    CheckFailure,
    CheckResult,
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from blueprint.access import Principal
from blueprint.broker_settings import settings_problems
from blueprint.problem import BadInput
from blueprint.security import Security, credentials_of
from blueprint.topology import three_zones
from components.kafka_admin import KafkaConnection, Refused, forget_clients, note
from lab.cluster import Lab, tear_down
from lab.config import LabConfig, parse
from lab.problem import LabError
from lab.roll import FIXED, not_as_wanted, roll_to, why_dead
from lab.state import state_of

_FIELDS = ("name", "profile", "cross_zone_latency_ms", "broker_overrides", "security")


@dataclass(frozen=True, slots=True)
class LocalClusterArgs:
    """What a lab is asked for.

    Attributes:
        name: The lab's.
        profile: The failover profile of brokers, quorum and clients.
        broker_overrides: Further broker settings by Kafka's own names.
        security: How clients are identified.
        aim: What the stack is to reach, for policies to see.
        cross_zone_latency_ms: One-way delay of every cross-zone hop.
    """

    name: str
    profile: str
    broker_overrides: dict[str, str]
    aim: dict[str, float]
    security: Security = Security.PLAINTEXT
    cross_zone_latency_ms: float = 0.0


def lab_inputs(args: LocalClusterArgs) -> dict[str, Any]:
    """What a lab is asked for, as inputs of a resource."""
    return {
        "name": args.name,
        "profile": args.profile,
        "cross_zone_latency_ms": args.cross_zone_latency_ms,
        "broker_overrides": args.broker_overrides,
        "security": args.security.value,
    }


def lab_config(props: dict[str, Any]) -> LabConfig:
    """The lab that inputs ask for.

    Raises:
        BadInput: No lab can be like that.
    """
    return parse({name: props[name] for name in _FIELDS if name in props}, "local")


class LabProvider(ResourceProvider):
    """Starts, rolls and removes a lab."""

    serialize_as_secret_always = False

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse settings that no lab can have, before anything is started."""
        try:
            settings = lab_config(news).broker_settings()
        except BadInput as refused:
            return CheckResult(news, [CheckFailure("", str(one)) for one in refused.problems])
        problems = settings_problems(three_zones(), settings)
        return CheckResult(news, [CheckFailure("", str(one)) for one in problems])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """What was asked for is compared with what is asked for, and with what really runs."""
        replaced = [name for name in FIXED if _olds.get(name) != _news.get(name)]
        changed = any(_olds.get(name) != _news.get(name) for name in _FIELDS)
        if not changed:
            missing = not_as_wanted(lab_config(_news))
            if missing:
                note(f"lab {_id} is not as it should be: {', '.join(missing)}")
            changed = bool(missing)
        return DiffResult(changes=changed, replaces=replaced, delete_before_replace=True)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Start it, or take over what an interrupted start left; a failed start leaves nothing."""
        name = str(props["name"])
        began = not state_of(name).exists()
        try:
            return CreateResult(name, _made(props))
        except Refused:
            if began:
                tear_down(name)
            raise

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Start what is missing, then restart zone by zone what has old settings."""
        return UpdateResult(_made(_news))

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """A lab whose folder is gone is no more; one that died is started by the next ``up``."""
        if not state_of(id_).exists():
            return ReadResult("", {})
        return ReadResult(id_, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """End every process of it and remove its folder."""
        try:
            tear_down(_id)
        except LabError as error:
            raise Refused(f"lab {_id}: {error}") from None


class _LabResource(Resource, module="quorate", name="Lab"):
    bootstrap: pulumi.Output[str]
    admin_settings: pulumi.Output[str]
    outputs: pulumi.Output[Any]

    def __init__(self, name: str, args: LocalClusterArgs, opts: pulumi.ResourceOptions) -> None:
        known_later = dict.fromkeys(("bootstrap", "admin_settings", "outputs"))
        super().__init__(LabProvider(), name, lab_inputs(args) | known_later, opts)


class LocalCluster(pulumi.ComponentResource):
    """Three zones on this machine.

    Attributes:
        name: The lab's.
        lab: What everything in the cluster goes with when it goes.
        connection: How it is administered.
        outputs: Its StackOutputs, as the lab itself says.
    """

    def __init__(
        self, name: str, args: LocalClusterArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare it."""
        super().__init__("quorate:local:LocalCluster", name, args.aim, opts)
        secret = pulumi.ResourceOptions(parent=self, additional_secret_outputs=["admin_settings"])
        made = _LabResource(name, args, secret)
        self.name, self.lab = args.name, made
        settings = made.admin_settings.apply(json.loads)
        self.connection = KafkaConnection(made.bootstrap, settings, lasting=False)
        self.outputs = made.outputs
        self.register_outputs({**args.aim, "outputs": self.outputs})


class IdentityProvider(ResourceProvider):
    """Issues one principal's credentials by the lab's own authority, into a file beside it."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """A lab that was made anew has another authority, and issues them anew."""
        replaced = [name for name in ("lab", "user") if _olds.get(name) != _news.get(name)]
        changed = _olds.get("cluster_id") != _news.get("cluster_id")
        missing = not Path(str(_olds.get("file"))).exists()
        return DiffResult(bool(replaced) or changed or missing, replaced)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Issue them, or find what an interrupted issue left."""
        return CreateResult(str(props["user"]), _issued(props))

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Issue what is missing."""
        return UpdateResult(_issued(_news))

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Forget them."""
        Path(str(_props["file"])).unlink(missing_ok=True)


class _IdentityResource(Resource, module="quorate", name="LabIdentity"):
    file: pulumi.Output[str]
    password: pulumi.Output[str]

    def __init__(
        self, name: str, cluster: LocalCluster, user: str, opts: pulumi.ResourceOptions
    ) -> None:
        inputs = {
            "lab": cluster.name,
            "cluster_id": cluster.outputs.apply(lambda said: said["cluster_id"]),
            "user": user,
            "file": None,
            "password": None,
        }
        secret = pulumi.ResourceOptions(additional_secret_outputs=["password"])
        merged = pulumi.ResourceOptions.merge(opts, secret)
        super().__init__(IdentityProvider(), name, inputs, merged)


class LocalIdentity(pulumi.ComponentResource):
    """The credentials of one user of the lab.

    Attributes:
        file: Where they are; only its owner may read it.
        password: For a cluster that asks for one.
    """

    def __init__(
        self,
        name: str,
        cluster: LocalCluster,
        principal: Principal,
        opts: pulumi.ResourceOptions,
    ) -> None:
        """Declare it."""
        super().__init__("quorate:local:LocalIdentity", name, None, opts)
        within = pulumi.ResourceOptions(parent=self, deleted_with=cluster.lab)
        made = _IdentityResource(name, cluster, principal.name, within)
        self.file, self.password = made.file, made.password
        self.register_outputs({"file": self.file})


def _issued(props: dict[str, Any]) -> dict[str, Any]:
    lab, user = str(props["lab"]), str(props["user"])
    try:
        keyring = Lab.open(lab).plan.keyring
        file = keyring.folder / "clients" / f"{user}.json"
        if not file.exists():
            _write_secret(file, keyring.new_client(Principal(user)).to_json())
        own = credentials_of(file.read_text(), str(file))
    except (BadInput, LabError, OSError) as error:
        raise Refused(f"user {user} of lab {lab}: {' '.join(str(error).split())}") from None
    said = {name: props[name] for name in ("lab", "cluster_id", "user")}
    return said | {"file": str(file), "password": own.password}


def _write_secret(file: Path, text: str) -> None:
    file.parent.mkdir(mode=0o700, exist_ok=True)
    handle = os.open(new := file.with_suffix(".new"), os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "w") as writing:
        writing.write(text)
    os.replace(new, file)


def _made(props: dict[str, Any]) -> dict[str, Any]:
    name = props.get("name")
    try:
        lab = roll_to(lab_config(props), note)
    except (BadInput, LabError) as error:
        reason = "; ".join(filter(None, [*str(error).splitlines(), why_dead(str(name))]))
        raise Refused(f"lab {name}: {reason}") from None
    forget_clients()
    said = {field: props[field] for field in _FIELDS}
    zones, addresses = lab.plan.topology.zones, lab.plan.addresses
    return said | {
        "bootstrap": ",".join(map(addresses.bootstrap, zones[:1])),
        "admin_settings": json.dumps(lab.plan.admin_settings(), sort_keys=True),
        "outputs": json.loads(lab.outputs.to_json()),
    }
