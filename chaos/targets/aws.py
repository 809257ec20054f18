"""A stack on AWS as a target: a zone of it can be cut off."""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from blueprint.outputs import NodeOutput, StackOutputs
from blueprint.problem import BadInput
from chaos.interrupt import wait_until
from chaos.leases import Place, RestoreAcls
from chaos.targets.aws_acls import MARK, deny_all, restore_acls, rulers
from chaos.targets.aws_permit import reasons_against
from chaos.targets.aws_vpc import AwsVpc
from chaos.targets.target import Ability, Effect, TargetError, Untouchable
from chaos.targets.tcp_probe import Answer, Probe, probe

#: Long against a round trip within a region (about a millisecond), short against a fault.
PROBE_TIMEOUT_S = 1.0
#: From an association that EC2 reports to packets that are dropped AWS names no time. A cut that
#: has not bitten by then is called one that does not bite.
BITE_TIMEOUT_S = 15.0
_MOST_PROBES_AT_ONCE = 64


class AwsTarget(Untouchable):
    """One stack on AWS, within its own VPC and only where its chaos tag is."""

    abilities = frozenset({Ability.ZONE_CUT})

    def __init__(self, outputs: StackOutputs, probe: Probe = probe) -> None:
        """Bind to a stack; AWS is not asked yet.

        Args:
            outputs: The stack's; ``aws`` is there.
            probe: How a node is asked from outside.
        """
        assert outputs.aws is not None
        self.outputs = outputs
        self.place = Place(target="aws", name=outputs.stack)
        self._aws = outputs.aws
        self._vpc = AwsVpc(self._aws.region, self._aws.vpc_id)
        self._probe = probe

    @classmethod
    def of(cls, outputs: StackOutputs) -> "AwsTarget":
        """The stack that outputs describe."""
        return cls(outputs)

    def permit_cut(self, zones: Sequence[str]) -> None:
        """Make sure that each of these zones may be cut off; only asks.

        Raises:
            BadInput: Every reason why not.
            TargetError: AWS could not be asked.
        """
        problems = reasons_against(self._vpc, self.outputs, zones)
        if problems:
            raise BadInput(problems)

    def zone_cut(self, zone: str, mark: str) -> "AclCut":
        """The subnets of a zone, to be put behind a network ACL that denies everything.

        Raises:
            TargetError: It may not be, or AWS could not be asked; nothing was changed.
        """
        try:
            self.permit_cut([zone])
        except BadInput as refused:
            raise TargetError(f"zone {zone} may not be cut off: {refused}") from None
        ruled, subnets = rulers(self._vpc.acls()), self._aws.subnet_ids[zone]
        unruled = sorted(set(subnets) - ruled.keys())
        if unruled:
            raise TargetError(f"no network ACL of {self._vpc.id} rules {', '.join(unruled)}")
        undo = RestoreAcls(
            region=self._aws.region,
            account_id=self._aws.account_id,
            vpc_id=self._aws.vpc_id,
            mark=mark,
            original={subnet: ruled[subnet][0] for subnet in subnets},
        )
        nodes = [node for node in self.outputs.nodes if node.zone == zone]
        assert self._aws.chaos_tag is not None
        return AclCut(self._vpc, undo, dict([self._aws.chaos_tag]), nodes, self._probe)


class AclCut:
    """One zone's subnets and a network ACL to be: a :class:`~chaos.targets.target.ZoneCut`."""

    def __init__(
        self,
        vpc: AwsVpc,
        undo: RestoreAcls,
        tags: Mapping[str, str],
        nodes: Sequence[NodeOutput],
        probe: Probe,
    ) -> None:
        """Bind to subnets; nothing happens."""
        self._vpc, self._undo, self._tags = vpc, undo, tags
        self._nodes, self._probe = nodes, probe
        self._answered: frozenset[int] = frozenset()

    def undo(self) -> tuple[RestoreAcls, ...]:
        """Give every subnet its own network ACL back."""
        return (self._undo,)

    def make(self) -> None:
        """Remember who answers, then put the subnets behind a network ACL that denies everything.

        Raises:
            TargetError: It did not come to that; it may be half done.
        """
        self._answered = self._those_that(Answer.CONNECTED)
        deny_all(self._vpc, self._undo, self._tags)

    def effects(self) -> tuple[Effect, Effect]:
        """Read the associations back, and try to connect to every node of the zone."""
        behind = self._subnets_behind()
        silent: frozenset[int] = frozenset()

        def bites() -> bool:
            nonlocal silent
            silent = self._those_that(Answer.SILENT) & self._answered
            return len(silent) == len(self._nodes)

        if self._answered:
            wait_until(bites, BITE_TIMEOUT_S)
        return (
            Effect("subnets that deny everything", "subnets", len(self._undo.original), behind),
            Effect("nodes that answered and are silent", "nodes", len(self._nodes), len(silent)),
        )

    def mend(self) -> list[str]:
        """Give every subnet its own network ACL back and delete the cut's."""
        return restore_acls(self._undo)

    def _subnets_behind(self) -> int:
        """How many of the subnets a network ACL of this cut rules that lets nothing through."""
        ours = [acl for acl in self._vpc.acls() if acl.tags.get(MARK) == self._undo.mark]
        ruled = rulers(acl for acl in ours if not acl.allows)
        return sum(subnet in ruled for subnet in self._undo.original)

    def _those_that(self, answer: Answer) -> frozenset[int]:
        """The ids of the nodes of the zone that answer so."""
        with ThreadPoolExecutor(min(_MOST_PROBES_AT_ONCE, max(1, len(self._nodes)))) as pool:
            found = pool.map(lambda n: self._probe(n.host, n.port, PROBE_TIMEOUT_S), self._nodes)
            return frozenset(
                node.id for node, said in zip(self._nodes, found, strict=True) if said is answer
            )
