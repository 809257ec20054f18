"""A pack that is asked over the engine's protocol, and rules small enough to see through."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date

import grpc
from google.protobuf import empty_pb2
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from policies.analyzer import running
from policies.pack import Pack
from policies.resource import UNKNOWN, Resource, Secret
from policies.rule import Rule, Scope, Severity
from policies.view import View
from policies.violation import Violation
from tests.engine.provider_protocol import values

TODAY = date(2030, 6, 15)
TOPIC = "quorate:test:Topic"
STACK_URN = "urn:pulumi:test::quorate::"


@dataclass(frozen=True)
class Seen(View):
    """A view that hides nothing."""

    resources: tuple[Resource, ...] = ()


def seen(resources: Iterable[Resource]) -> View:
    """Reads every resource as it is."""
    return Seen(resources=tuple(resources))


def urn_of(name: str) -> str:
    """The URN of a topic of the test's stack."""
    return f"{STACK_URN}{TOPIC}::{name}"


def topic(name: str) -> Resource:
    """A topic of the test's stack; what it is made of is sent with it."""
    return Resource(urn_of(name), TOPIC, name, {})


def _resources(view: View) -> tuple[Resource, ...]:
    assert isinstance(view, Seen)
    return view.resources


def _acks(view: View) -> Iterator[Violation]:
    for one in _resources(view):
        acks = one.properties.get("acks", "all")
        acks = acks.value if isinstance(acks, Secret) else acks
        if acks not in ("all", UNKNOWN):
            yield Violation(one.urn, "acks", repr(acks), "'all'")


def _three(view: View) -> Iterator[Violation]:
    found = sum(one.type == TOPIC for one in _resources(view))
    if found != 3:
        yield Violation("", "topics", str(found), "3")


def _crash(view: View) -> Iterator[Violation]:
    for one in _resources(view):
        if "crash" in one.properties:
            raise KeyError("the-secret-in-it")
    yield from ()


ACKS = Rule(
    name="acks-all",
    family="durability",
    why="What one broker alone has acknowledged is gone with it.",
    judge=_acks,
    experiment="control-acks-1",
)
THREE = Rule(
    name="three-topics",
    family="sizing",
    why="Three are counted faster than many.",
    judge=_three,
    no_experiment="counting needs no cluster",
    scope=Scope.STACK,
    severity=Severity.ADVISORY,
)
CRASH = Rule(
    name="crash",
    family="sizing",
    why="A rule may have a mistake.",
    judge=_crash,
    no_experiment="it is a mistake",
)


def pack_of(*rules: Rule) -> Pack:
    """A pack of these rules, on the test's day."""
    return Pack(rules, seen, lambda: TODAY)


class Asking:
    """The engine's side of the protocol."""

    def __init__(self, port: int) -> None:
        """Ask on this port."""
        self._channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self._stub = analyzer_pb2_grpc.AnalyzerStub(self._channel)

    def close(self) -> None:
        """Ask no more."""
        self._channel.close()

    def handshake(self, address: str) -> None:
        """Say where the engine is."""
        self._stub.Handshake(analyzer_pb2.AnalyzerHandshakeRequest(engine_address=address))

    def info(self) -> analyzer_pb2.AnalyzerInfo:
        """What the pack says of itself."""
        info: analyzer_pb2.AnalyzerInfo = self._stub.GetAnalyzerInfo(empty_pb2.Empty(), timeout=30)
        return info

    def plugin(self) -> plugin_pb2.PluginInfo:
        """What the plugin says of itself."""
        info: plugin_pb2.PluginInfo = self._stub.GetPluginInfo(empty_pb2.Empty(), timeout=30)
        return info

    def disable(self, *rules: str) -> None:
        """Try to switch rules off."""
        off = analyzer_pb2.PolicyConfig(enforcementLevel=analyzer_pb2.DISABLED)
        policies = dict.fromkeys(rules, off)
        self._stub.Configure(analyzer_pb2.ConfigureAnalyzerRequest(policyConfig=policies))

    def configure_stack(self, config: Mapping[str, str], dry_run: bool = True) -> None:
        """Begin an operation on the stack ``test``."""
        self._stub.ConfigureStack(
            analyzer_pb2.AnalyzerStackConfigureRequest(
                stack="test", project="quorate", dry_run=dry_run, config=config
            )
        )

    def tell(self, resource: Resource, sent: Struct) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        """What is told of one resource, whose properties are sent so."""
        asked = analyzer_pb2.AnalyzeRequest(
            urn=resource.urn, type=resource.type, name=resource.name, properties=sent
        )
        return list(self._stub.Analyze(asked, timeout=30).diagnostics)

    def tell_all(
        self, resources: Iterable[tuple[Resource, Struct]]
    ) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        """What is told of all of them together."""
        all_of_them = [
            analyzer_pb2.AnalyzerResource(
                urn=one.urn, type=one.type, name=one.name, properties=sent
            )
            for one, sent in resources
        ]
        asked = analyzer_pb2.AnalyzeStackRequest(resources=all_of_them)
        return list(self._stub.AnalyzeStack(asked, timeout=30).diagnostics)

    def analyze(self, name: str, sent: Struct) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        """What is told of a topic of this name."""
        return self.tell(topic(name), sent)

    def analyze_stack(self, topics: Mapping[str, Struct]) -> list[analyzer_pb2.AnalyzeDiagnostic]:
        """What is told of these topics together."""
        return self.tell_all((topic(name), sent) for name, sent in topics.items())

    def remediate(self, name: str, properties: Struct) -> analyzer_pb2.RemediateResponse:
        """What would be put right."""
        asked = analyzer_pb2.AnalyzeRequest(urn=urn_of(name), type=TOPIC, properties=properties)
        put_right: analyzer_pb2.RemediateResponse = self._stub.Remediate(asked, timeout=30)
        return put_right


@contextmanager
def asking(pack: Pack) -> Iterator[Asking]:
    """A server of the pack, and somebody who asks it."""
    with running(pack) as (_, port):
        asked = Asking(port)
        try:
            yield asked
        finally:
            asked.close()


def struct(secrets: Iterable[values.Path] = (), /, **fields: object) -> Struct:
    """Properties as the engine sends them; UNKNOWN is what is not known yet."""
    wired = {name: values.UNKNOWN if one is UNKNOWN else one for name, one in fields.items()}
    return values.marshal(values.Properties(wired, frozenset(secrets)))
