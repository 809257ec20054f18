"""The pack over the analyzer protocol, asked as the engine asks it, with no CLI."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2

from policies.pack import EXPIRED
from policies.resource import UNKNOWN, Resource
from tests.policies.asking import (
    ACKS,
    CRASH,
    THREE,
    Asking,
    asking,
    pack_of,
    struct,
    urn_of,
)

_ROOT = Path(__file__).parents[2]
#: The promise, of 500 resources and every rule.
MOST_S = 2.0


@pytest.fixture
def asked() -> Iterator[Asking]:
    """A pack of three small rules."""
    with asking(pack_of(ACKS, THREE, CRASH)) as one:
        one.configure_stack({})
        yield one


def test_the_pack_lists_every_rule_and_its_own(asked: Asking) -> None:
    """With severity, scope and evidence; it takes no configuration."""
    info = asked.info()
    assert (info.name, info.supportsConfig) == ("quorate", False)
    assert [one.name for one in info.policies] == [
        *("acks-all", "three-topics", "crash"),
        EXPIRED.name,
    ]
    acks, three = info.policies[:2]
    assert acks.enforcementLevel == analyzer_pb2.MANDATORY
    assert acks.policy_type == analyzer_pb2.POLICY_TYPE_RESOURCE
    assert acks.message == "python -m chaos run control-acks-1"
    assert three.enforcementLevel == analyzer_pb2.ADVISORY
    assert three.policy_type == analyzer_pb2.POLICY_TYPE_STACK
    assert three.message == "no experiment: counting needs no cluster"
    assert asked.plugin().version == info.version


def test_a_violation_says_what_why_how_shown_and_how_waived(asked: Asking) -> None:
    """Every part of the message, of a mandatory rule."""
    [told] = asked.analyze("orders", struct(acks="1"))
    assert (told.policyName, told.urn) == ("acks-all", urn_of("orders"))
    assert told.enforcementLevel == analyzer_pb2.MANDATORY
    assert told.message.splitlines() == [
        "orders (quorate:test:Topic): acks is '1'; it must be 'all'.",
        "Why: What one broker alone has acknowledged is gone with it.",
        "Shown by: python -m chaos run control-acks-1",
        "To waive it: in stacks/Pulumi.test.yaml, quorate:waivers: "
        "[{rule: acks-all, resource: orders, reason: ..., owner: ..., expires: YYYY-MM-DD}]",
    ]


def test_what_complies_is_not_told_of(asked: Asking) -> None:
    """Neither by itself, nor as a part of the whole."""
    assert asked.analyze("orders", struct(acks="all")) == []
    assert asked.analyze_stack(dict.fromkeys("abc", struct(acks="all"))) == []


def test_a_rule_over_the_whole_stack_is_judged_at_the_end(asked: Asking) -> None:
    """Of no resource in particular, as advice."""
    assert asked.analyze("orders", struct()) == []
    [told] = asked.analyze_stack({"orders": struct()})
    assert (told.policyName, told.urn) == ("three-topics", "")
    assert told.enforcementLevel == analyzer_pb2.ADVISORY
    assert told.message.startswith("the stack: topics is 1; it must be 3.")
    assert "no experiment: counting needs no cluster" in told.message


def test_what_is_unknown_at_the_preview_is_judged_once_it_is_known() -> None:
    """Neither a violation nor a crash before; then it is told once."""
    with asking(pack_of(ACKS)) as asked:
        asked.configure_stack({})
        assert asked.analyze("orders", struct(acks=UNKNOWN)) == []
        assert asked.analyze_stack({"orders": struct(acks=UNKNOWN)}) == []
        asked.configure_stack({}, dry_run=False)
        assert asked.analyze("orders", struct(acks=UNKNOWN)) == []
        [told] = asked.analyze_stack({"orders": struct(acks="1")})
        assert told.policyName == "acks-all"
        # What was known when it was analyzed has been told then.
        asked.configure_stack({}, dry_run=False)
        assert len(asked.analyze("orders", struct(acks="1", id=UNKNOWN))) == 1
        assert asked.analyze_stack({"orders": struct(acks="1", id="7")}) == []


def test_inputs_stand_where_outputs_are_silent(asked: Asking) -> None:
    """A provider that returns less than it was given hides nothing from the whole's rules."""
    with asking(pack_of(ACKS)) as one:
        one.configure_stack({})
        assert len(one.analyze("orders", struct(acks="1", id=UNKNOWN))) == 1
        assert one.analyze_stack({"orders": struct(id="7")}) == []
        one.configure_stack({})
        [told] = one.analyze_stack({"orders": struct(acks="1")})
        assert told.policyName == "acks-all"


def test_a_rule_that_crashes_is_a_violation_and_no_pass(asked: Asking) -> None:
    """By its name, without what the error says, which may be a secret; the others still judge."""
    told = asked.analyze("orders", struct(acks="1", crash=True))
    assert [one.policyName for one in told] == ["acks-all", "crash"]
    assert told[1].enforcementLevel == analyzer_pb2.MANDATORY
    assert "not judged: a KeyError" in told[1].message
    assert "the-secret-in-it" not in told[1].message


def test_a_secret_is_judged(asked: Asking) -> None:
    """It is wrapped, and its value is what counts."""
    assert asked.analyze("orders", struct([("acks",)], acks="all")) == []
    assert len(asked.analyze("orders", struct([("acks",)], acks="1"))) == 1


def waivers(**changed: object) -> dict[str, str]:
    """The stack's settings with one waiver."""
    waiver = {
        "rule": "acks-all",
        "resource": "orders",
        "reason": "a migration is under way",
        "owner": "shop team",
        "expires": "2030-06-15",
    }
    return {"quorate:waivers": json.dumps([waiver | changed])}


@pytest.fixture
def legal_names(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small rules may be waived."""
    monkeypatch.setattr("blueprint.waivers.POLICY_NAMES", frozenset({"acks-all", "three-topics"}))


@pytest.mark.usefixtures("legal_names")
def test_a_waived_violation_is_advice_with_reason_owner_and_end(asked: Asking) -> None:
    """On its resource and on no other, up to its last day."""
    asked.configure_stack(waivers())
    [told] = asked.analyze("orders", struct(acks="1"))
    assert told.enforcementLevel == analyzer_pb2.ADVISORY
    assert "waived until 2030-06-15 by shop team: a migration is under way" in told.message
    [other] = asked.analyze("payments", struct(acks="1"))
    assert other.enforcementLevel == analyzer_pb2.MANDATORY
    names = [one.policyName for one in asked.analyze_stack({"orders": struct()})]
    assert names == ["three-topics"]


@pytest.mark.usefixtures("legal_names")
def test_an_expired_waiver_fails_by_itself(asked: Asking) -> None:
    """What it let off is mandatory again, and the waiver is a violation even if nothing is left."""
    asked.configure_stack(waivers(expires="2030-06-14"))
    [told] = asked.analyze("orders", struct(acks="1"))
    assert told.enforcementLevel == analyzer_pb2.MANDATORY
    asked.analyze("orders", struct(acks="all"))
    found = asked.analyze_stack(dict.fromkeys("abc", struct()))
    assert [one.policyName for one in found] == [EXPIRED.name]
    assert found[0].enforcementLevel == analyzer_pb2.MANDATORY
    assert "waiver of acks-all on orders is expired on 2030-06-14" in found[0].message


@pytest.mark.usefixtures("legal_names")
def test_bad_waivers_are_refused_all_at_once(asked: Asking) -> None:
    """With the path of each; nothing is judged without them."""
    bad = [{"rule": "acks", "reason": "short", "owner": "", "expires": "soon", "colour": "blue"}]
    with pytest.raises(grpc.RpcError) as refused:
        asked.configure_stack({"quorate:waivers": json.dumps(bad)})
    assert refused.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    for part in ("rule", "reason", "owner", "expires", "colour"):
        assert f"Pulumi.test.yaml: waivers.0.{part}" in (refused.value.details() or "")


def test_rules_are_not_switched_off_by_configuration(asked: Asking) -> None:
    """A waiver has a reason, an owner and an end; a configuration has none of them."""
    with pytest.raises(grpc.RpcError, match="quorate:waivers"):
        asked.disable("acks-all")


def test_nothing_is_put_right(asked: Asking) -> None:
    """A remediation would change what somebody declared."""
    assert list(asked.remediate("orders", struct(acks="1")).remediations) == []


def test_junk_is_no_crash(asked: Asking) -> None:
    """Empty messages, and properties of every kind at once."""
    everything = struct([("a", "b")], a={"b": [1, None, {"c": ""}]}, d=UNKNOWN, e=2.5, f=[])
    assert asked.tell(Resource("", "", "", {}), Struct()) == []
    assert asked.analyze("orders", everything) == []
    assert [one.policyName for one in asked.analyze_stack({"": Struct()})] == ["three-topics"]


@pytest.fixture
def engine() -> Iterator[tuple[grpc.Server, str]]:
    """Somebody who answers at an address."""
    server = grpc.server(ThreadPoolExecutor(1))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield server, f"127.0.0.1:{port}"
    server.stop(grace=None)


@contextmanager
def started(command: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[str]]:
    """A process of the pack; killed at the end if it still runs."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def port_of(process: subprocess.Popen[str]) -> int:
    """The first line of what it says."""
    assert process.stdout is not None
    return int(process.stdout.readline())


@pytest.mark.parametrize("start", ["module", "folder", "executable"])
def test_the_pack_starts_as_engines_start_it(start: str, engine: tuple[grpc.Server, str]) -> None:
    """By its module, in its folder as a language host does, as an executable; it says its port."""
    pack = _ROOT / "policies"
    command, folder = {
        "module": ([sys.executable, "-m", "policies"], _ROOT),
        "folder": ([sys.executable, "-u", "-m", "pulumi.policy", engine[1], "."], pack),
        "executable": ([str(pack / "pulumi-analyzer-quorate"), "-v=9", engine[1]], Path("/")),
    }[start]
    with started(command, folder) as process:
        asked = Asking(port_of(process))
        assert asked.info().name == "quorate"
        asked.close()
        process.terminate()
        assert process.wait(timeout=20) == 0


@pytest.mark.parametrize("told", ["by argument", "by handshake"])
def test_the_pack_ends_with_its_engine(told: str, engine: tuple[grpc.Server, str]) -> None:
    """Where nobody answers at the engine's address any more, the process ends by itself."""
    server, address = engine
    arguments = [address] if told == "by argument" else []
    with started([sys.executable, "-m", "policies", *arguments], _ROOT) as process:
        asked = Asking(port_of(process))
        if not arguments:
            asked.handshake(address)
        assert asked.info().name == "quorate"
        asked.close()
        server.stop(grace=None)
        assert process.wait(timeout=20) == 0


def test_five_hundred_resources_are_judged_in_two_seconds(asked: Asking) -> None:
    """Each by itself and all together, over the protocol: seconds of a processor, both sides."""
    fields = struct(**{f"field-{one}": [str(one)] * 3 for one in range(30)})
    names = [f"topic-{one}" for one in range(500)]
    asked.info()
    began = time.process_time()
    for name in names:
        asked.analyze(name, fields)
    asked.analyze_stack(dict.fromkeys(names, fields))
    assert time.process_time() - began <= MOST_S
