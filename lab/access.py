"""Makes users and access rules on a running lab, as its administrator."""

from collections.abc import Iterable, Mapping

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.admin._acl import AclBinding, AclOperation, AclPermissionType
from confluent_kafka.admin._resource import ResourcePatternType, ResourceType
from confluent_kafka.admin._scram import (
    ScramCredentialInfo,
    ScramMechanism,
    UserScramCredentialUpsertion,
)

from blueprint.access import Access, Pattern, Resource
from blueprint.security import Credentials
from lab.problem import LabError

CALL_TIMEOUT_S = 30.0
#: Kafka's own default, and the least it takes.
ITERATIONS = 4096

#: librdkafka calls the cluster by the number that it has in other requests: that of a broker.
_RESOURCES: Mapping[Resource, ResourceType] = {
    Resource.TOPIC: ResourceType.TOPIC,
    Resource.GROUP: ResourceType.GROUP,
    Resource.CLUSTER: ResourceType.BROKER,
    Resource.TRANSACTIONAL_ID: ResourceType.TRANSACTIONAL_ID,
}
_PATTERNS = {
    Pattern.LITERAL: ResourcePatternType.LITERAL,
    Pattern.PREFIXED: ResourcePatternType.PREFIXED,
}


def grant(admin: AdminClient, accesses: Iterable[Access]) -> None:
    """Allow what is listed; what is allowed already stays so.

    Raises:
        LabError: The cluster refused.
    """
    bindings = [
        AclBinding(
            _RESOURCES[access.resource],
            access.name,
            _PATTERNS[access.pattern],
            str(access.principal),
            "*",
            AclOperation[operation.name],
            AclPermissionType.ALLOW,
        )
        for access in accesses
        for operation in access.operations
    ]
    try:
        for made in admin.create_acls(bindings).values():
            made.result(CALL_TIMEOUT_S)
    except (KafkaException, TimeoutError) as error:
        raise LabError(f"access rules could not be made: {error}") from None


def set_password(admin: AdminClient, own: Credentials) -> None:
    """Let a user in with the password of these credentials, from now on.

    Raises:
        LabError: The cluster refused.
    """
    info = ScramCredentialInfo(ScramMechanism.SCRAM_SHA_512, ITERATIONS)
    wanted = UserScramCredentialUpsertion(own.username, info, own.password.encode())
    try:
        for done in admin.alter_user_scram_credentials([wanted]).values():
            done.result(CALL_TIMEOUT_S)
    except (KafkaException, TimeoutError) as error:
        raise LabError(f"user {own.username} could not be made: {error}") from None
