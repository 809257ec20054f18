"""Who may connect to a running cluster, and what each may do there: users and access rules."""

from collections.abc import Iterable
from typing import Any

import pulumi
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import (
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
)
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialDeletion,
    UserScramCredentialUpsertion,
)
from pulumi.dynamic import (
    CreateResult,
    DiffResult,
    ReadResult,
    Resource,
    ResourceProvider,
    UpdateResult,
)

from blueprint.access import Access, Pattern, Principal
from blueprint.access import Resource as Accessed
from components.kafka_admin import (
    CALL_TIMEOUT_S,
    KafkaConnection,
    admin_of,
    changed_connection,
    gone,
    looked_at,
    note,
    refusals,
)

#: Kafka's own default, and the least it takes.
_ITERATIONS = 4096
#: librdkafka calls the cluster by the number that it has in other requests: that of a broker.
_RESOURCES = {
    Accessed.TOPIC: ResourceType.TOPIC,
    Accessed.GROUP: ResourceType.GROUP,
    Accessed.CLUSTER: ResourceType.BROKER,
    Accessed.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
}
_PATTERNS = {
    Pattern.LITERAL: ResourcePatternType.LITERAL,
    Pattern.PREFIXED: ResourcePatternType.PREFIXED,
}
#: One rule, as it stands in the stack.
Rule = list[str]


class ScramUserProvider(ResourceProvider):
    """Lets one user in by password."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another name is another user; a new password is set in place."""
        replaced = ["user"] if _olds.get("user") != _news.get("user") else []
        changed = bool(replaced) or _olds.get("password") != _news.get("password")
        return DiffResult(changed or changed_connection(_olds, _news), replaced)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Let him in."""
        _set_password(props)
        return CreateResult(str(props["user"]), props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Set the password anew."""
        _set_password(_news)
        return UpdateResult(_news)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """Whether the cluster knows him; the password it never says."""
        admin = looked_at(props)
        if admin is None:
            note(f"user {id_}: the cluster does not answer; left as it was known")
            return ReadResult(id_, props, props)
        try:
            asked = admin.describe_user_scram_credentials([id_])
            if isinstance(asked, dict):
                asked[id_].result(CALL_TIMEOUT_S)
        except KafkaException:
            return ReadResult("", {})
        return ReadResult(id_, props, props)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Let him in no more."""
        if gone(_props):
            return
        removal = UserScramCredentialDeletion(_id, ScramMechanism.SCRAM_SHA_512)
        with refusals(f"user {_id} could not be removed"):
            admin_of(_props).alter_user_scram_credentials([removal])[_id].result(CALL_TIMEOUT_S)


class ScramUser(Resource, module="quorate", name="ScramUser"):
    """One principal that proves itself by a password."""

    def __init__(
        self,
        name: str,
        connection: KafkaConnection,
        principal: Principal,
        password: pulumi.Input[str],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it; the password is kept as a secret."""
        inputs = {"user": principal.name, "password": pulumi.Output.secret(password)}
        super().__init__(ScramUserProvider(), name, connection.inputs() | inputs, opts)


class AccessProvider(ResourceProvider):
    """Gives one principal exactly the rules that are declared, whatever it had before."""

    serialize_as_secret_always = False

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Another principal's are others; all else is altered in place."""
        replaced = ["principal"] if _olds.get("principal") != _news.get("principal") else []
        changed = bool(replaced) or _olds.get("rules") != _news.get("rules")
        return DiffResult(changed or changed_connection(_olds, _news), replaced)

    def create(self, props: dict[str, Any]) -> CreateResult:
        """Make them so."""
        _ensure(props)
        return CreateResult(str(props["principal"]), props)

    def update(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> UpdateResult:
        """Make them so."""
        _ensure(_news)
        return UpdateResult(_news)

    def read(self, id_: str, props: dict[str, Any]) -> ReadResult:
        """The rules in force; where the cluster does not answer, those that were known."""
        admin = looked_at(props)
        if admin is None:
            note(f"access of {id_}: the cluster does not answer; left as it was known")
            return ReadResult(id_, props, props)
        found = _rules(_in_force(admin, id_))
        if not found:
            return ReadResult("", {})
        seen = props | {"rules": found}
        return ReadResult(id_, seen, seen)

    def delete(self, _id: str, _props: dict[str, Any]) -> None:
        """Take them all away."""
        if gone(_props):
            return
        _delete(admin_of(_props), _in_force(admin_of(_props), _id))


class PrincipalAccess(Resource, module="quorate", name="PrincipalAccess"):
    """Everything that one principal may do."""

    def __init__(
        self,
        name: str,
        connection: KafkaConnection,
        principal: Principal,
        accesses: Iterable[Access],
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it; rules of the same principal that are not among these are taken away."""
        bindings = [binding for access in accesses for binding in _bindings(access)]
        inputs = {"principal": str(principal), "rules": _rules(bindings)}
        super().__init__(AccessProvider(), name, connection.inputs() | inputs, opts)


def _set_password(props: dict[str, Any]) -> None:
    user = str(props["user"])
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, _ITERATIONS)
    wanted = UserScramCredentialUpsertion(user, info, str(props["password"]).encode())
    with refusals(f"user {user} could not be made"):
        admin_of(props).alter_user_scram_credentials([wanted])[user].result(CALL_TIMEOUT_S)


def _ensure(props: dict[str, Any]) -> None:
    admin, principal = admin_of(props), str(props["principal"])
    wanted = {tuple(rule): _binding(principal, rule) for rule in props["rules"]}
    had = {tuple(_rule(binding)): binding for binding in _in_force(admin, principal)}
    made = [binding for rule, binding in wanted.items() if rule not in had]
    # What is new first: a client that is running keeps every right that it had and has.
    if made:
        with refusals(f"access of {principal} could not be given"):
            for done in admin.create_acls(made).values():
                done.result(CALL_TIMEOUT_S)
    _delete(admin, [binding for rule, binding in had.items() if rule not in wanted])


def _in_force(admin: AdminClient, principal: str) -> list[AclBinding]:
    # The library's types know no None, which its documentation gives as "whichever".
    asked = AclBindingFilter(
        ResourceType.ANY,
        None,  # type: ignore[arg-type]
        ResourcePatternType.ANY,
        principal,
        None,  # type: ignore[arg-type]
        AclOperation.ANY,
        AclPermissionType.ANY,
    )
    with refusals(f"access of {principal} could not be read"):
        return list(admin.describe_acls(asked).result(CALL_TIMEOUT_S))


def _delete(admin: AdminClient, bindings: Iterable[AclBinding]) -> None:
    asked = [
        AclBindingFilter(
            one.restype,
            one.name,
            one.resource_pattern_type,
            one.principal,
            one.host,
            one.operation,
            one.permission_type,
        )
        for one in bindings
    ]
    if asked:
        with refusals(f"access of {asked[0].principal} could not be taken away"):
            for done in admin.delete_acls(asked).values():
                done.result(CALL_TIMEOUT_S)


def _bindings(access: Access) -> list[AclBinding]:
    return [
        AclBinding(
            _RESOURCES[access.resource],
            access.name,
            _PATTERNS[access.pattern],
            str(access.principal),
            "*",
            AclOperation[operation.name],
            AclPermissionType.ALLOW,
        )
        for operation in access.operations
    ]


def _rules(bindings: Iterable[AclBinding]) -> list[Rule]:
    return sorted(map(_rule, bindings))


def _rule(one: AclBinding) -> Rule:
    return [
        ResourceType(one.restype).name,
        str(one.name),
        ResourcePatternType(one.resource_pattern_type).name,
        str(one.host),
        AclOperation(one.operation).name,
        AclPermissionType(one.permission_type).name,
    ]


def _binding(principal: str, rule: Rule) -> AclBinding:
    kind, name, pattern, host, operation, permission = rule
    return AclBinding(
        ResourceType[kind],
        name,
        ResourcePatternType[pattern],
        principal,
        host,
        AclOperation[operation],
        AclPermissionType[permission],
    )
