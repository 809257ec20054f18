"""A restore on AWS meets what it did not expect."""

import socket
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest
from moto.ec2.models import ec2_backends

from blueprint.outputs import StackOutputs
from chaos.leases import RestoreAcls
from chaos.restore import lease_book, restore
from chaos.targets import aws_acls, aws_vpc
from chaos.targets.aws import AwsTarget
from chaos.targets.aws_acls import restore_acls
from chaos.targets.target import TargetError
from tests.chaos.targets.network import (
    REGION,
    cut_acls,
    described,
    ec2,
    move,
    new_acl,
    picture,
    ruled_by,
)
from tests.chaos.targets.playing import (
    Calls,
    Killed,
    cut_and_mend,
    everybody,
    recorded,
)


def test_what_somebody_else_moved_in_the_meantime_stays(
    target: AwsTarget, outputs: StackOutputs
) -> None:
    """A restore moves only what its own network ACL rules, and names the rest."""
    cut = target.zone_cut("a", "run.step")
    cut.make()
    vpc_id, subnet = described(outputs).vpc_id, described(outputs).subnet_ids["a"][0]
    other = new_acl(vpc_id)
    move(subnet, other)
    done = cut.mend()
    assert any(subnet in line and "somebody else" in line for line in done)
    assert ruled_by(vpc_id)[subnet] == other
    assert cut_acls() == []


def test_a_subnet_that_no_lease_moved_there_is_named(
    target: AwsTarget, outputs: StackOutputs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The cut's network ACL cannot be deleted then, and says why; the zone itself is open again."""
    monkeypatch.setattr(aws_acls, "RESTORE_TIMEOUT_S", 0.2)
    cut = target.zone_cut("a", "run.step")
    cut.make()
    vpc_id, stray = described(outputs).vpc_id, described(outputs).subnet_ids["b"][0]
    acl_id = cut_acls()[0]
    move(stray, acl_id)
    with pytest.raises(TargetError, match=rf"{acl_id} still rules {stray}, which no lease moved"):
        cut.mend()
    ruled = ruled_by(vpc_id)
    assert all(ruled[one] != acl_id for one in described(outputs).subnet_ids["a"])


def test_credentials_of_another_account_undo_nothing_and_keep_the_lease(
    target: AwsTarget, run_dir: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the VPC is not seen, the account is asked before anything is called gone."""
    before = picture()
    Calls(9)
    with pytest.raises(Killed):
        cut_and_mend(recorded(target), run_dir)
    Calls()
    monkeypatch.setenv("MOTO_ACCOUNT_ID", "999999999999")
    with pytest.raises(TargetError, match="account 999999999999, the lease of 123456789012"):
        restore(lease_book(), everybody)
    monkeypatch.delenv("MOTO_ACCOUNT_ID")
    assert restore(lease_book(), everybody)
    assert picture() == before


def test_a_vpc_that_was_destroyed_needs_no_restoring(
    target: AwsTarget, outputs: StackOutputs, run_dir: Path
) -> None:
    """The lease ends with it."""
    Calls(9)
    with pytest.raises(Killed):
        cut_and_mend(recorded(target), run_dir)
    Calls()
    for subnets in described(outputs).subnet_ids.values():
        for subnet in subnets:
            ec2().delete_subnet(SubnetId=subnet)
    ec2().delete_vpc(VpcId=described(outputs).vpc_id)
    # moto keeps the network ACLs of a VPC that is gone.
    kept = ec2_backends["123456789012"][REGION].network_acls
    for acl_id in [acl.id for acl in kept.values() if acl.vpc_id == described(outputs).vpc_id]:
        del kept[acl_id]
    (line, last) = restore(lease_book(), everybody)
    assert "is gone from" in line
    assert last.endswith("cut is undone")
    assert lease_book().all() == []


def test_an_aws_that_never_answers_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each call has a time-out and three attempts, whatever the environment says."""
    monkeypatch.setattr(aws_vpc, "READ_TIMEOUT_S", 0.2)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "50")
    undo = RestoreAcls(
        region=REGION,
        account_id="123456789012",
        vpc_id="vpc-1",
        mark="run.step",
        original={"subnet-1": "acl-1"},
    )
    with socket.create_server(("127.0.0.1", 0)) as silent:
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        began_s = time.monotonic()
        with pytest.raises(TargetError, match=f"DescribeNetworkAcls in {REGION}: Read timeout"):
            restore_acls(undo)
        assert time.monotonic() - began_s < 20
        silent.settimeout(1.0)
        asked = 0
        with suppress(TimeoutError):
            while True:
                silent.accept()[0].close()
                asked += 1
    assert asked == aws_vpc.ATTEMPTS


class TestBehind:
    """EC2 may be behind its own changes: what it says is asked again until it holds."""

    @staticmethod
    def hide_first(
        calls: Calls, operation: str, times: int, hide: Callable[[dict[str, object]], None]
    ) -> None:
        """Let an operation's first answers be older than they are."""
        left = [times]

        def after(parsed: dict[str, object], **_: object) -> None:
            if left[0]:
                left[0] -= 1
                hide(parsed)

        calls.session.events.register(f"after-call.ec2.{operation}", after)

    def test_an_acl_that_is_not_seen_yet_is_waited_for(
        self, target: AwsTarget, run_dir: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """Killed right after it was made, it is found and deleted all the same."""
        before = picture()
        Calls(6)
        with pytest.raises(Killed):
            cut_and_mend(recorded(target), run_dir)
        monkeypatch.setattr(aws_acls, "SETTLE_S", 5.0)
        calls = Calls()

        def hide(parsed: dict[str, object]) -> None:
            rows = parsed["NetworkAcls"]
            assert isinstance(rows, list)
            parsed["NetworkAcls"] = [row for row in rows if row["IsDefault"]]

        self.hide_first(calls, "DescribeNetworkAcls", 3, hide)
        restore(lease_book(), everybody)
        assert picture() == before

    def test_an_association_that_is_known_no_more_is_looked_up_again(
        self, target: AwsTarget, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A cut and a restore both go on from what EC2 says next."""
        before = picture()
        calls = Calls()
        refusing = [2]

        def refuse(**_: object) -> object:
            if not refusing[0]:
                return None
            refusing[0] -= 1
            error = {"Code": "InvalidAssociationID.NotFound", "Message": "no such association"}
            return (_Response(400), {"Error": error, "ResponseMetadata": {}})

        calls.session.events.register("before-call.ec2.ReplaceNetworkAclAssociation", refuse)
        again = recorded(target)
        cut = again.zone_cut("a", "run.step")
        cut.make()
        assert cut.effects()[0].measured == 2
        refusing[0] = 2
        cut.mend()
        assert picture() == before


class _Response:
    def __init__(self, status_code: int) -> None:
        self.status_code = status_code
