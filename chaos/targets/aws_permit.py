"""Whether zones of a stack on AWS may be cut off: its tag on everything, one zone, never two."""

import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from ipaddress import IPv4Address

from blueprint.outputs import AwsOutput, NodeOutput, StackOutputs
from blueprint.problem import Problem
from chaos.targets.aws_acls import MARK
from chaos.targets.aws_vpc import AwsVpc, NetworkAcl, Subnet

_BY_HAND = "run `python -m chaos restore` where it was started; docs/game-day-aws.md has the rest"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What is to be cut off, and what AWS says of it.

    Attributes:
        subnets: The zones' subnets, as the outputs name them and AWS knows them.
    """

    outputs: StackOutputs
    aws: AwsOutput
    zones: Sequence[str]
    subnets: Mapping[str, Subnet]

    def ids(self, zone: str) -> tuple[str, ...]:
        """The ids of a zone's subnets."""
        return self.aws.subnet_ids.get(zone, ())


def reasons_against(vpc: AwsVpc, outputs: StackOutputs, zones: Sequence[str]) -> list[Problem]:
    """Every reason why these zones may not be cut off; none when each may. Changes nothing.

    Raises:
        TargetError: AWS could not be asked.
    """
    aws = outputs.aws
    assert aws is not None
    account_id = vpc.account_id()
    if account_id != aws.account_id:
        # What another account says of these ids would only mislead.
        remedy = "use credentials of the stack's account"
        return [Problem("outputs.aws.account_id", account_id, aws.account_id, remedy)]
    tags = vpc.tags()
    if tags is None:
        given = f"{vpc.id} is not in {vpc.region}"
        return [Problem("outputs.aws.vpc_id", given, "a VPC of that account and region")]
    wanted = [subnet for zone in zones for subnet in aws.subnet_ids.get(zone, ())]
    found = {subnet.id: subnet for subnet in vpc.subnets(wanted)} if wanted else {}
    asked = _Asked(outputs, aws, zones, found)
    return [
        *_untagged(asked, vpc.id, tags),
        *_misplaced(asked),
        *_two_zones(asked),
        *_nodes_elsewhere(asked),
        *_inside(asked),
        *_company(vpc.acls()),
    ]


def _untagged(asked: _Asked, vpc_id: str, tags: Mapping[str, str]) -> Iterator[Problem]:
    if asked.aws.chaos_tag is None:
        remedy = "allow chaos in the stack's settings, if it may be disturbed at all"
        yield Problem("outputs.aws.chaos_tag", "nothing", "the tag of what may be touched", remedy)
        return
    key, value = asked.aws.chaos_tag
    bare = [] if tags.get(key) == value else [vpc_id]
    bare += sorted(s.id for s in asked.subnets.values() if s.tags.get(key) != value)
    if bare:
        legal = f"only resources with the tag {key}={value}"
        yield Problem("outputs.aws", f"without the tag: {', '.join(bare)}", legal)


def _misplaced(asked: _Asked) -> Iterator[Problem]:
    for zone in asked.zones:
        where = f"outputs.aws.subnet_ids.{zone}"
        ids = asked.ids(zone)
        if not ids:
            yield Problem(where, "no subnet", "the subnets of the zone's brokers and controllers")
        unknown = [one for one in ids if one not in asked.subnets]
        if unknown:
            yield Problem(where, f"{', '.join(unknown)}: not in {asked.aws.region}", "its subnets")
        for one in (asked.subnets[one] for one in ids if one in asked.subnets):
            if one.vpc_id != asked.aws.vpc_id:
                yield Problem(where, f"{one.id} of {one.vpc_id}", f"subnets of {asked.aws.vpc_id}")


def _two_zones(asked: _Asked) -> Iterator[Problem]:
    """A cut takes whole subnets: each is to be of one zone, here and at AWS."""
    uses = Counter(one for ids in asked.aws.subnet_ids.values() for one in set(ids))
    for zone in asked.zones:
        where = f"outputs.aws.subnet_ids.{zone}"
        shared = sorted(one for one in asked.ids(zone) if uses[one] > 1)
        if shared:
            yield Problem(where, f"{', '.join(shared)} of another zone too", "one zone a subnet")
        spread = {asked.subnets[one].zone for one in asked.ids(zone) if one in asked.subnets}
        if len(spread) > 1:
            yield Problem(where, f"subnets in {' and '.join(sorted(spread))}", "one zone, not two")


def _nodes_elsewhere(asked: _Asked) -> Iterator[Problem]:
    """Each node of a zone is in a subnet of its own, and no other node is."""
    legal = "an address in a subnet of its own zone"
    owner = {one: zone for zone in asked.zones for one in asked.ids(zone)}
    for node in asked.outputs.nodes:
        where = f"outputs.nodes, {node.name} of zone {node.zone}"
        address = _address(node)
        if address is None:
            remedy = "run the suite where the cluster's names are known"
            yield Problem(where, f"{node.host}, which has no address here", legal, remedy)
            continue
        holding = [subnet for subnet in asked.subnets.values() if address in subnet.cidr]
        for subnet in holding:
            if owner[subnet.id] != node.zone:
                given = f"{address} in {subnet.id} of zone {owner[subnet.id]}"
                yield Problem(where, given, legal)
        if node.zone in asked.zones and not holding:
            yield Problem(where, f"{address}, in no subnet that would be cut off", legal)


def _inside(asked: _Asked) -> Iterator[Problem]:
    """Whoever is cut off himself can ask AWS for nothing any more, least of all to undo it."""
    mine = {_own_address(node) for node in asked.outputs.nodes} - {None}
    for subnet in asked.subnets.values():
        for address in mine:
            if address in subnet.cidr:
                given = f"{address}, which is in {subnet.id}"
                legal = "a machine outside of every subnet that may be cut off"
                yield Problem("the machine of the suite", given, legal)


def _company(acls: Sequence[NetworkAcl]) -> Iterator[Problem]:
    for acl in acls:
        if MARK in acl.tags:
            rules = ", ".join(sorted(acl.associations)) or "no subnet yet"
            given = f"{acl.id} of {acl.tags[MARK]} rules {rules}"
            yield Problem("outputs.aws.vpc_id", given, "no zone that is cut off already", _BY_HAND)


def _address(node: NodeOutput) -> IPv4Address | None:
    try:
        found = socket.getaddrinfo(node.host, node.port, socket.AF_INET, socket.SOCK_STREAM)
    except OSError:
        return None
    return IPv4Address(found[0][4][0])


def _own_address(node: NodeOutput) -> IPv4Address | None:
    """The address of this machine from which it reaches a node; nothing is sent."""
    with closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as asking:
        try:
            asking.connect((node.host, node.port))
        except OSError:
            return None
        return IPv4Address(asking.getsockname()[0])
