"""One VPC as EC2 tells of it and lets it be changed. The one file of this room that knows boto3."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Network
from typing import Any

import boto3
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from chaos.targets.target import TargetError

#: A call takes tens of milliseconds; one that takes seconds is asked again, three times in all.
CONNECT_TIMEOUT_S = 2.0
READ_TIMEOUT_S = 4.0
ATTEMPTS = 3
#: Rows a page: AWS gives 1,000 at most.
_PAGE = 200
_LONGEST_SAID = 300

#: An association or network ACL that is known no more, or not yet, wherever EC2 is asked.
_GONE = frozenset({"InvalidAssociationID.NotFound", "InvalidNetworkAclID.NotFound"})
_IN_USE = "DependencyViolation"


@dataclass(frozen=True, slots=True)
class Subnet:
    """A subnet; ``zone`` is AWS's own name of its availability zone."""

    id: str
    vpc_id: str
    zone: str
    cidr: IPv4Network
    tags: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class NetworkAcl:
    """A network ACL.

    Attributes:
        associations: The id of the association of each subnet that it rules, by subnet id.
        allows: Whether an entry of it lets anything through.
    """

    id: str
    tags: Mapping[str, str]
    associations: Mapping[str, str]
    allows: bool


class AwsVpc:
    """One VPC. Every call is bounded in time and raises ``TargetError`` when AWS says no.

    Where AWS is, is said in the ordinary way: AWS_ENDPOINT_URL, AWS_PROFILE and the like.
    """

    def __init__(self, region: str, vpc_id: str) -> None:
        """Bind to a VPC; AWS is not asked yet."""
        self.region, self.id = region, vpc_id
        with self._translated("a client"):
            self._ec2 = self._client("ec2")

    def account_id(self) -> str:
        """Whose credentials these are."""
        with self._translated("GetCallerIdentity"):
            return str(self._client("sts").get_caller_identity()["Account"])

    def tags(self) -> dict[str, str] | None:
        """The VPC's tags; None where there is no such VPC."""
        with self._translated("DescribeVpcs"):
            found = self._ec2.describe_vpcs(Filters=self._here())["Vpcs"]
        return _tags(found[0]) if found else None

    def subnets(self, ids: Iterable[str]) -> list[Subnet]:
        """Those of these subnets that there are, of whichever VPC."""
        with self._translated("DescribeSubnets"):
            pages = self._pages("describe_subnets", [_filter("subnet-id", sorted(ids))])
            return [
                Subnet(
                    id=row["SubnetId"],
                    vpc_id=row["VpcId"],
                    zone=row["AvailabilityZone"],
                    cidr=IPv4Network(row["CidrBlock"]),
                    tags=_tags(row),
                )
                for page in pages
                for row in page["Subnets"]
            ]

    def acls(self) -> list[NetworkAcl]:
        """Every network ACL of the VPC; EC2 may be some seconds behind its own changes."""
        with self._translated("DescribeNetworkAcls"):
            pages = self._pages("describe_network_acls", self._here())
            return [_acl(row) for page in pages for row in page["NetworkAcls"]]

    def make_acl(self, tags: Mapping[str, str]) -> str:
        """Make a network ACL, which denies everything as long as it has no entries; its id."""
        with self._translated("CreateNetworkAcl"):
            made = self._ec2.create_network_acl(
                VpcId=self.id,
                TagSpecifications=[
                    {
                        "ResourceType": "network-acl",
                        "Tags": [{"Key": key, "Value": value} for key, value in tags.items()],
                    }
                ],
            )
        return str(made["NetworkAcl"]["NetworkAclId"])

    def associate(self, association_id: str, acl_id: str) -> None:
        """Let a network ACL rule the subnet of an association, which gets another id by this."""
        with self._translated("ReplaceNetworkAclAssociation"):
            self._ec2.replace_network_acl_association(
                AssociationId=association_id, NetworkAclId=acl_id
            )

    def delete_acl(self, acl_id: str) -> None:
        """Delete a network ACL that rules no subnet."""
        with self._translated("DeleteNetworkAcl"):
            self._ec2.delete_network_acl(NetworkAclId=acl_id)

    def _here(self) -> list[dict[str, Any]]:
        return [_filter("vpc-id", [self.id])]

    def _client(self, service: str) -> BaseClient:
        config = Config(
            region_name=self.region,
            connect_timeout=CONNECT_TIMEOUT_S,
            read_timeout=READ_TIMEOUT_S,
            retries={"mode": "standard", "total_max_attempts": ATTEMPTS},
        )
        return boto3.client(service, config=config)

    def _pages(self, operation: str, filters: Sequence[Mapping[str, Any]]) -> Iterable[Any]:
        paginator = self._ec2.get_paginator(operation)
        pages: Iterable[Any] = paginator.paginate(
            Filters=filters, PaginationConfig={"PageSize": _PAGE}
        )
        return pages

    @contextmanager
    def _translated(self, operation: str) -> Iterator[None]:
        try:
            yield
        except ClientError as error:
            said = error.response.get("Error", {})
            code, message = str(said.get("Code")), str(said.get("Message"))[:_LONGEST_SAID]
            where = f"AWS, {operation} in {self.region}: {code}: {message}"
            raise (Outdated if code in _GONE or code == _IN_USE else TargetError)(where) from None
        except BotoCoreError as error:
            said_s = " ".join(str(error).split())[:_LONGEST_SAID]
            raise TargetError(f"AWS, {operation} in {self.region}: {said_s}") from None


class Outdated(TargetError):
    """What was asked for no longer holds or does not hold yet: look again."""


def _filter(name: str, values: Sequence[str]) -> dict[str, Any]:
    return {"Name": name, "Values": list(values)}


def _tags(row: Mapping[str, Any]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in row.get("Tags", [])}


def _acl(row: Mapping[str, Any]) -> NetworkAcl:
    return NetworkAcl(
        id=row["NetworkAclId"],
        tags=_tags(row),
        associations={a["SubnetId"]: a["NetworkAclAssociationId"] for a in row["Associations"]},
        allows=any(entry["RuleAction"] == "allow" for entry in row["Entries"]),
    )
