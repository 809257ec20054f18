"""A zone's subnets behind a network ACL that denies everything, and back again.

Both ways are walked by looking: EC2 is asked which network ACL rules each subnet, what differs is
changed, and EC2 is asked again until nothing differs. So either way may be cut short at any point
and walked again from wherever it stands, and its end is read back and not believed.
"""

import time
from collections.abc import Iterable, Mapping, Sequence

from chaos.leases import RestoreAcls
from chaos.targets.aws_vpc import AwsVpc, NetworkAcl, Outdated
from chaos.targets.target import TargetError

#: The tag of a network ACL that a cut made; its value is the step of the run.
MARK = "quorate:cut"
#: From the first change to subnets that EC2 itself says to be moved.
CUT_TIMEOUT_S = 20.0
RESTORE_TIMEOUT_S = 30.0
#: How long a network ACL that was just made may be unseen by the next question (AWS names no figure
#: and calls EC2 eventually consistent). An unseen one rules no subnet that is seen as moved.
SETTLE_S = 5.0
POLL_S = 0.5


def deny_all(vpc: AwsVpc, undo: RestoreAcls, tags: Mapping[str, str]) -> None:
    """Let a new network ACL that denies everything rule every subnet of a zone.

    Network ACLs are stateless: what is open stalls, like what is new. Traffic inside of one subnet
    and to AWS's own DNS passes.

    Args:
        vpc: Where.
        undo: The subnets and what rules them now; already in a lease.
        tags: What the new network ACL carries besides its mark.

    Raises:
        TargetError: AWS said no, or somebody else moves subnets too; it may be half done.
    """
    acl_id = vpc.make_acl({**tags, MARK: undo.mark})
    deadline = time.monotonic() + CUT_TIMEOUT_S
    while True:
        acls = vpc.acls()
        _refuse_company(acls, acl_id)
        ruled = rulers(acls)
        left = [subnet for subnet in undo.original if ruled.get(subnet, ("", ""))[0] != acl_id]
        if not left:
            return
        if time.monotonic() > deadline:
            raise TargetError(f"not behind {acl_id} after {CUT_TIMEOUT_S:g} s: {', '.join(left)}")
        if not _move(vpc, left, ruled, dict.fromkeys(left, acl_id)):
            time.sleep(POLL_S)


def restore_acls(undo: RestoreAcls) -> list[str]:
    """Give every subnet of a cut its own network ACL back and delete the cut's.

    Only subnets that the cut's network ACL rules are moved: what somebody else did to one in the
    meantime stays.

    Returns:
        A line for each thing done or found; none where nothing was left to do.

    Raises:
        TargetError: AWS said no, or not all of it could be undone; it may be repeated.
    """
    vpc = AwsVpc(undo.region, undo.vpc_id)
    began_s = time.monotonic()
    done: set[str] = set()
    seen = False
    while True:
        acls = vpc.acls()
        if not acls:
            return _vanished(vpc, undo)
        cut = [acl for acl in acls if acl.tags.get(MARK) == undo.mark]
        strangers = _strangers(undo, acls)
        waited_s = time.monotonic() - began_s
        if not cut and (waited_s > SETTLE_S or (seen and not strangers)):
            return [*_told(done), *strangers]
        if waited_s > RESTORE_TIMEOUT_S:
            raise TargetError(_stuck(undo, acls, cut))
        seen = seen or bool(cut)
        if not cut or not _back(vpc, undo, cut, done):
            time.sleep(POLL_S)


def rulers(acls: Iterable[NetworkAcl]) -> dict[str, tuple[str, str]]:
    """For each subnet the network ACL that rules it, and the id of their association."""
    return {
        subnet: (acl.id, association)
        for acl in acls
        for subnet, association in acl.associations.items()
    }


def _back(vpc: AwsVpc, undo: RestoreAcls, cut: Sequence[NetworkAcl], done: set[str]) -> bool:
    """Move the subnets of a cut back, then delete what ruled them; whether all was up to date."""
    ruled = rulers(cut)
    mine = [subnet for subnet in ruled if subnet in undo.original]
    current = _move(vpc, mine, ruled, undo.original)
    done.update(mine)
    for acl in cut:
        try:
            vpc.delete_acl(acl.id)
        except Outdated:
            current = False
    return current


def _move(
    vpc: AwsVpc,
    subnets: Iterable[str],
    ruled: Mapping[str, tuple[str, str]],
    to: Mapping[str, str],
) -> bool:
    """Move each subnet, whatever becomes of the others; whether each was as it had been seen.

    Raises:
        TargetError: AWS said no to at least one.
    """
    current = True
    refused = []
    for subnet in subnets:
        try:
            vpc.associate(ruled[subnet][1], to[subnet])
        except Outdated:
            current = False
        except TargetError as error:
            refused.append(f"{subnet} to {to[subnet]}: {error}")
    if refused:
        raise TargetError("; ".join(refused))
    return current


def _refuse_company(acls: Iterable[NetworkAcl], acl_id: str) -> None:
    others = [acl for acl in acls if MARK in acl.tags and acl.id != acl_id]
    if others:
        named = ", ".join(f"{acl.id} of {acl.tags[MARK]}" for acl in others)
        raise TargetError(f"another run cuts a zone of this VPC: {named}; never two at once")


def _stuck(undo: RestoreAcls, acls: Iterable[NetworkAcl], cut: Iterable[NetworkAcl]) -> str:
    known = {acl.id for acl in acls}
    rest = []
    for subnet, (acl_id, _) in sorted(rulers(cut).items()):
        own = undo.original.get(subnet)
        why = "which no lease moved there" if own is None else f"whose own is {own}"
        gone = f"{why}, and gone" if own is not None and own not in known else why
        rest.append(f"{acl_id} still rules {subnet}, {gone}")
    named = "; ".join(rest) or f"{', '.join(acl.id for acl in cut)} cannot be deleted"
    return f"after {RESTORE_TIMEOUT_S:g} s {named}"


def _told(done: set[str]) -> list[str]:
    return [f"back on their own network ACLs: {', '.join(sorted(done))}"] if done else []


def _strangers(undo: RestoreAcls, acls: Iterable[NetworkAcl]) -> list[str]:
    """A line for each subnet that is ruled by neither its own network ACL nor the cut's."""
    ruled = rulers(acls)
    lines = []
    for subnet, own in undo.original.items():
        now = ruled.get(subnet, ("nothing", ""))[0]
        if now != own:
            lines.append(f"{subnet} was moved from {own} to {now} by somebody else; left so")
    return lines


def _vanished(vpc: AwsVpc, undo: RestoreAcls) -> list[str]:
    """Nothing of the VPC is seen: it was destroyed, or these are somebody else's credentials."""
    account_id = vpc.account_id()
    if account_id != undo.account_id:
        raise TargetError(
            f"these credentials are of account {account_id}, the lease of {undo.account_id}"
        )
    return [f"{undo.vpc_id} is gone from {undo.region}, and what was cut with it"]
