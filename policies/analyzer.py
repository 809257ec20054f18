"""The pack over the protocol by which the engine asks its analyzers; it only translates."""

import re
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from signal import SIGINT, SIGTERM, signal
from types import FrameType
from typing import Final, Protocol

import grpc
from google.protobuf import empty_pb2, struct_pb2
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc, plugin_pb2

from blueprint.problem import BadInput
from policies.decode import decoded
from policies.message import evidence_of
from policies.pack import NAME, VERSION, Pack, Told
from policies.resource import Resource
from policies.rule import Rule, Scope, Severity

#: What the engine itself allows a message, in bytes.
_MESSAGE_BYTES: Final = 400 * 1024 * 1024
_OPTIONS: Final = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
]
_STOP_S: Final = 2.0
_ADDRESS: Final = re.compile(r"\S+:\d+")
_LEVELS: Final = {
    Severity.MANDATORY: analyzer_pb2.MANDATORY,
    Severity.ADVISORY: analyzer_pb2.ADVISORY,
}
_TYPES: Final = {
    Scope.RESOURCE: analyzer_pb2.POLICY_TYPE_RESOURCE,
    Scope.STACK: analyzer_pb2.POLICY_TYPE_STACK,
}


class _Sent(Protocol):
    """What both messages about a resource tell."""

    urn: str
    type: str
    name: str

    @property
    def properties(self) -> struct_pb2.Struct: ...


class Analyzer(analyzer_pb2_grpc.AnalyzerServicer):
    """One pack; the engine asks it one thing after another."""

    def __init__(self, pack: Pack, engine: "EngineWatch | None" = None) -> None:
        """Answer with this pack.

        Args:
            pack: What judges.
            engine: Is told where the engine is, once it says so.
        """
        self._pack = pack
        self._engine = engine

    def Handshake(
        self, request: analyzer_pb2.AnalyzerHandshakeRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzerHandshakeResponse:
        """The first call: where the engine is."""
        if self._engine is not None:
            self._engine.watch(request.engine_address)
        return analyzer_pb2.AnalyzerHandshakeResponse()

    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """The pack's version."""
        return plugin_pb2.PluginInfo(version=VERSION)

    def GetAnalyzerInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzerInfo:
        """Every rule; they are waived in the stack's settings and configured nowhere else."""
        return analyzer_pb2.AnalyzerInfo(
            name=NAME,
            displayName="Quorate",
            version=VERSION,
            description="What a three-zone Kafka platform must hold, each rule with its evidence.",
            supportsConfig=False,
            policies=[_info(rule) for rule in self._pack.rules],
        )

    def Configure(
        self, request: analyzer_pb2.ConfigureAnalyzerRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Refused: a rule that is switched off has no reason, no owner and no end."""
        if request.policyConfig:
            context.abort(
                grpc.StatusCode.INVALID_ARGUMENT,
                "rules are not configured; what a stack is let off stands in its quorate:waivers",
            )
        return empty_pb2.Empty()

    def ConfigureStack(
        self, request: analyzer_pb2.AnalyzerStackConfigureRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzerStackConfigureResponse:
        """The stack's settings, its waivers among them."""
        try:
            self._pack.configure(request.stack, request.config)
        except BadInput as refused:
            context.abort(grpc.StatusCode.INVALID_ARGUMENT, str(refused))
        return analyzer_pb2.AnalyzerStackConfigureResponse()

    def Analyze(
        self, request: analyzer_pb2.AnalyzeRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        """One resource, before it is made."""
        return _response(self._pack.of_resource(_resource(request)))

    def AnalyzeStack(
        self, request: analyzer_pb2.AnalyzeStackRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.AnalyzeResponse:
        """Every resource, at the end."""
        return _response(self._pack.of_stack(map(_resource, request.resources)))

    def Remediate(
        self, request: analyzer_pb2.AnalyzeRequest, context: grpc.ServicerContext
    ) -> analyzer_pb2.RemediateResponse:
        """Nothing is put right behind its owner's back."""
        return analyzer_pb2.RemediateResponse()

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """What is under way is short, and ends by itself."""
        return empty_pb2.Empty()


class EngineWatch:
    """Ends a server whose engine is gone: of one that is killed, nobody tells its plugins."""

    def __init__(self, server: grpc.Server) -> None:
        """Nothing is watched yet."""
        self._server = server
        self._channel: grpc.Channel | None = None

    def watch(self, address: str) -> None:
        """From now on the server ends when nobody answers at this address any more."""
        if self._channel is None and address:
            self._channel = grpc.insecure_channel(address)
            self._channel.subscribe(self._changed, try_to_connect=True)

    def _changed(self, state: grpc.ChannelConnectivity) -> None:
        if state is grpc.ChannelConnectivity.TRANSIENT_FAILURE:
            self._server.stop(grace=None)
        elif state is grpc.ChannelConnectivity.IDLE and self._channel is not None:
            # Closed by the other side, or unused for long: only a new attempt can tell.
            self._channel.unsubscribe(self._changed)
            self._channel.subscribe(self._changed, try_to_connect=True)


@contextmanager
def running(pack: Pack, engine: str = "") -> Iterator[tuple[grpc.Server, int]]:
    """A server of this pack on a loopback port of its own choice; stopped at the end.

    Args:
        pack: What judges.
        engine: The engine's address, where it is known before the engine says it.
    """
    # One at a time: the pack remembers what it was asked, and judging is not what takes time.
    server = grpc.server(ThreadPoolExecutor(1), options=_OPTIONS)
    watch = EngineWatch(server)
    analyzer_pb2_grpc.add_AnalyzerServicer_to_server(Analyzer(pack, watch), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    watch.watch(engine)
    try:
        yield server, port
    finally:
        server.stop(grace=None).wait(_STOP_S)


def serve(pack: Pack, arguments: Sequence[str]) -> None:
    """Say the port on standard output, as the engine expects, and answer until told to end.

    Args:
        pack: What judges.
        arguments: Of the command line; the engine's address is among them if it started this.
    """
    engine = next(filter(_ADDRESS.fullmatch, arguments), "")
    with running(pack, engine) as (server, port):

        def end(number: int, frame: FrameType | None) -> None:
            server.stop(grace=None)

        for number in (SIGTERM, SIGINT):
            signal(number, end)
        sys.stdout.write(f"{port}\n")
        sys.stdout.flush()
        server.wait_for_termination()


def _resource(sent: _Sent) -> Resource:
    name = sent.name or sent.urn.rpartition("::")[2]
    return Resource(sent.urn, sent.type, name, decoded(sent.properties))


def _response(told: list[Told]) -> analyzer_pb2.AnalyzeResponse:
    return analyzer_pb2.AnalyzeResponse(diagnostics=[_diagnostic(one) for one in told])


def _diagnostic(told: Told) -> analyzer_pb2.AnalyzeDiagnostic:
    return analyzer_pb2.AnalyzeDiagnostic(
        policyName=told.rule.name,
        policyPackName=NAME,
        policyPackVersion=VERSION,
        description=told.rule.why,
        message=told.message,
        enforcementLevel=_LEVELS[told.severity],
        urn=told.urn,
    )


def _info(rule: Rule) -> analyzer_pb2.PolicyInfo:
    return analyzer_pb2.PolicyInfo(
        name=rule.name,
        displayName=rule.name,
        description=rule.why,
        message=evidence_of(rule),
        enforcementLevel=_LEVELS[rule.severity],
        policy_type=_TYPES[rule.scope],
        tags=[rule.family],
    )
