"""What is in the Kafka of a stack on AWS: topics, users, what each may do, and how much of it."""

from collections.abc import Iterable
from dataclasses import dataclass

import pulumi

from blueprint.access import LAG, SUITE, Access, Principal, suite_accesses
from blueprint.blueprint import Blueprint
from blueprint.security import Security
from components.access import PrincipalAccess, ScramUser
from components.aws_principals import Principals
from components.kafka_admin import KafkaConnection
from components.quotas import ClientQuota
from components.topics import Topic


@dataclass(frozen=True, slots=True)
class ContentsArgs:
    """Whose.

    Attributes:
        connection: How the cluster is administered.
        cluster: What everything in it goes with when it goes.
    """

    blueprint: Blueprint
    connection: KafkaConnection
    principals: Principals
    cluster: pulumi.Resource


class AwsContents(pulumi.ComponentResource):
    """Topics, users, access rules and quotas.

    Attributes:
        topics: By name.
        users: For each principal what has to be there before it can connect.
    """

    def __init__(
        self, name: str, args: ContentsArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:aws:Contents", name, {}, opts)
        self._args = args
        blueprint = args.blueprint
        # What is in the cluster goes with it: nobody need ask one that is on its way out.
        self._within = pulumi.ResourceOptions(
            parent=self, depends_on=[args.cluster], deleted_with=args.cluster
        )
        self.topics = {
            topic.name: Topic(f"topic-{topic.name}", args.connection, topic, self._within)
            for topic in blueprint.topics
        }
        self.users: dict[str, list[pulumi.Resource]] = {}
        for user in blueprint.config.users:
            self._user(Principal(user.name), user.accesses)
        if blueprint.config.chaos:
            self._user(SUITE, suite_accesses())
        if blueprint.config.lag_image is not None:
            self._user(LAG, blueprint.config.lag_accesses)
        for quota in blueprint.quotas:
            security = blueprint.broker_settings.security
            ClientQuota(f"quota-{quota.user}", args.connection, quota, security, self._within)
        self.register_outputs({})

    def _user(self, who: Principal, may: Iterable[Access]) -> None:
        args = self._args
        needed: list[pulumi.Resource] = [
            PrincipalAccess(f"access-{who.name}", args.connection, who, may, self._within)
        ]
        if args.blueprint.broker_settings.security is Security.SCRAM:
            password = args.principals.identities[who.name].password
            needed.append(
                ScramUser(f"user-{who.name}", args.connection, who, password, self._within)
            )
        self.users[who.name] = needed
