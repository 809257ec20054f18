"""One node of Kafka on EC2: a machine that may be replaced around a volume that stays."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace

import pulumi
from pulumi_aws import ebs, ec2, iam, route53, ssm

from blueprint.labels import NODE_TAG
from components.aws_policies import NodeRights, node_policy, trust
from components.identities import Identity, IdentityArgs, node_pem
from components.rolling_restart import RolledNode, RolledNodeArgs
from components.secret_store import StoredSecret, StoredSecretArgs
from components.user_data import CLUSTER, SETTINGS, NodeFacts, cluster_env, user_data

#: The machine's own disk: the distribution, Kafka and its logs.
_ROOT_GIB = 16
_DEVICE = "/dev/sdf"
_DNS_TTL_S = 60


@dataclass(frozen=True, slots=True)
class Disk:
    """A data volume, in AWS's own units."""

    gib: int
    iops: int
    mib_per_s: int


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeFrame:
    """What all nodes of a cluster share.

    Attributes:
        shared_parameters: For each of ``SYSCTL``, ``LIMITS`` and ``AUTHORITY`` the digest of what
            its parameter holds.
        document: What Systems Manager may run on a node.
        image_pinned: Whether the stack names the image; else a newer one replaces no machine.
    """

    stack: str
    partition: str
    account_id: pulumi.Output[str]
    key_arn: pulumi.Output[str]
    log_group_arn: pulumi.Output[str]
    zone_id: pulumi.Output[str]
    image_id: pulumi.Input[str]
    image_pinned: bool
    document: pulumi.Output[str]
    cluster_id: pulumi.Output[str]
    voters: pulumi.Output[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class KafkaNodeArgs:
    """One node.

    Attributes:
        facts: What the machine is told; what only AWS knows is put in here.
        server_properties: The text of the file.
        shared: For each further parameter that it reads a digest of what that holds.
        users_secret: Of whom the quorum knows from its first moment on.
        protect_data: Whether its volume refuses to be destroyed.
        after: What comes before it, such as a node: two are never changed at the same time.
    """

    frame: NodeFrame
    facts: NodeFacts
    identity: IdentityArgs
    server_properties: str
    shared: Mapping[str, pulumi.Input[str]]
    users_secret: StoredSecret | None
    instance_type: str
    availability_zone: str
    subnet_id: pulumi.Input[str]
    security_group_id: pulumi.Input[str]
    address: str
    disk: Disk
    protect_data: bool
    after: pulumi.Resource


class KafkaNode(pulumi.ComponentResource):
    """Machine, volume, certificate, settings, rights and name of one node.

    Attributes:
        rolled: Done when the node runs with what is declared.
    """

    instance_id: pulumi.Output[str]

    def __init__(
        self, name: str, args: KafkaNodeArgs, opts: pulumi.ResourceOptions | None = None
    ) -> None:
        """Declare everything."""
        super().__init__("quorate:aws:KafkaNode", name, {}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._in_turn = pulumi.ResourceOptions(parent=self, depends_on=[args.after])
        secret = self._secret()
        settings, others = self._settings(), self._others()
        volume = self._volume()
        self._record()
        profile = self._profile(secret)
        instance = self._instance(volume, profile, needed=[secret, settings, others])
        attachment = ec2.VolumeAttachment(
            name,
            device_name=_DEVICE,
            instance_id=instance.id,
            volume_id=volume.id,
            # Kafka ends cleanly before its disk goes.
            stop_instance_before_detaching=True,
            opts=pulumi.ResourceOptions(parent=self, delete_before_replace=True),
        )
        runs_with = {
            "server.properties": _digest(args.server_properties),
            "certificate": secret.version_id,
            "machine": args.instance_type,
            "volume": f"{args.disk.gib} GiB",
            **args.shared,
        }
        frame = args.frame
        self.rolled = RolledNode(
            f"{name}-rolled",
            RolledNodeArgs(args.facts.region, name, frame.document, instance.id, runs_with),
            pulumi.ResourceOptions(parent=self, depends_on=[attachment, settings, others]),
        )
        self.instance_id = instance.id
        self.register_outputs({"instance_id": instance.id, "volume_id": volume.id})

    def _secret(self) -> StoredSecret:
        args = self._args
        identity = Identity(self._name, args.identity, self._child)
        stored = StoredSecretArgs(
            path=args.facts.node_secret,
            value=node_pem(identity),
            kms_key_arn=args.frame.key_arn,
            description=f"key and certificate of {args.facts.host}",
        )
        # In turn, for a machine that starts again before its time takes up what is there.
        return StoredSecret(f"{self._name}-certificate", stored, self._in_turn)

    def _settings(self) -> ssm.Parameter:
        args = self._args
        return ssm.Parameter(
            f"{self._name}-settings",
            name=args.facts.settings[SETTINGS],
            type="String",
            # Beyond 4 KB a parameter costs, and whether it is beyond is AWS's to see.
            tier="Intelligent-Tiering",
            value=args.server_properties,
            description=f"server.properties of {args.facts.host}",
            tags={"Name": args.facts.settings[SETTINGS]},
            opts=self._in_turn,
        )

    def _others(self) -> ssm.Parameter:
        """Apart from the settings: it changes with the cluster, and restarts nobody."""
        args = self._args
        return ssm.Parameter(
            f"{self._name}-others",
            name=args.facts.settings[CLUSTER],
            type="String",
            value=cluster_env(args.facts),
            description=f"where {args.facts.host} finds its cluster",
            tags={"Name": args.facts.settings[CLUSTER]},
            opts=self._in_turn,
        )

    def _volume(self) -> ebs.Volume:
        disk, frame = self._args.disk, self._args.frame
        return ebs.Volume(
            self._name,
            availability_zone=self._args.availability_zone,
            type="gp3",
            size=disk.gib,
            iops=disk.iops,
            throughput=disk.mib_per_s,
            encrypted=True,
            kms_key_id=frame.key_arn,
            tags={"Name": f"{frame.stack}-{self._name}-data", NODE_TAG: self._name},
            opts=pulumi.ResourceOptions(parent=self, protect=self._args.protect_data),
        )

    def _record(self) -> None:
        route53.Record(
            self._name,
            zone_id=self._args.frame.zone_id,
            name=self._args.facts.host,
            type="A",
            ttl=_DNS_TTL_S,
            records=[self._args.address],
            opts=self._child,
        )

    def _profile(self, secret: StoredSecret) -> iam.InstanceProfile:
        frame, name = self._args.frame, f"{self._args.frame.stack}-{self._name}"
        role = iam.Role(
            self._name,
            description=f"quorate {frame.stack}: what {self._name} may do",
            assume_role_policy=trust("ec2.amazonaws.com"),
            tags={"Name": name},
            opts=self._child,
        )
        iam.RolePolicy(self._name, role=role.name, policy=self._policy(secret), opts=self._child)
        return iam.InstanceProfile(
            self._name, role=role.name, tags={"Name": name}, opts=self._child
        )

    def _policy(self, secret: StoredSecret) -> pulumi.Output[str]:
        args = self._args
        users = [args.users_secret.arn] if args.users_secret else []
        known = pulumi.Output.all(
            account=args.frame.account_id,
            key=args.frame.key_arn,
            group=args.frame.log_group_arn,
            secrets=pulumi.Output.all(secret.arn, *users),
        )

        def rendered(given: Mapping[str, object]) -> str:
            frame, region = args.frame, args.facts.region
            prefix = f"arn:{frame.partition}:ssm:{region}:{given['account']}:parameter"
            secrets = given["secrets"]
            assert isinstance(secrets, list)
            return node_policy(
                NodeRights(
                    partition=frame.partition,
                    region=region,
                    key_arn=str(given["key"]),
                    secret_arns=secrets,
                    parameter_arns=[prefix + path for path in args.facts.settings.values()],
                    log_group_arn=str(given["group"]),
                    artifact=args.facts.artifact,
                )
            )

        return known.apply(rendered)

    def _instance(
        self, volume: ebs.Volume, profile: iam.InstanceProfile, needed: list[pulumi.Resource]
    ) -> ec2.Instance:
        args, frame = self._args, self._args.frame
        return ec2.Instance(
            self._name,
            ami=frame.image_id,
            instance_type=args.instance_type,
            subnet_id=args.subnet_id,
            private_ip=args.address,
            associate_public_ip_address=False,
            vpc_security_group_ids=[args.security_group_id],
            iam_instance_profile=profile.name,
            user_data_base64=self._user_data(volume),
            user_data_replace_on_change=True,
            ebs_optimized=True,
            monitoring=True,
            metadata_options=ec2.InstanceMetadataOptionsArgs(
                http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
            ),
            root_block_device=ec2.InstanceRootBlockDeviceArgs(
                volume_type="gp3",
                volume_size=_ROOT_GIB,
                encrypted=True,
                kms_key_id=frame.key_arn,
                delete_on_termination=True,
            ),
            tags={"Name": f"{frame.stack}-{self._name}", NODE_TAG: self._name},
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[args.after, *needed],
                # Address and volume are one each: the old machine goes before the new one comes.
                delete_before_replace=True,
                ignore_changes=[] if frame.image_pinned else ["ami"],
            ),
        )

    def _user_data(self, volume: ebs.Volume) -> pulumi.Output[str]:
        frame = self._args.frame
        known = pulumi.Output.all(
            volume_id=volume.id, cluster_id=frame.cluster_id, voters=frame.voters
        )
        return known.apply(lambda given: user_data(replace(self._args.facts, **given)))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
