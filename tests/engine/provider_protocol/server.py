"""The gRPC side of a provider: the port on standard output, and an end when the engine ends."""

import os
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol, TypeVar

import grpc
from google.protobuf import empty_pb2
from pulumi.runtime.proto import plugin_pb2, provider_pb2, provider_pb2_grpc

from tests.engine.provider_protocol.difference import Differences, Kind
from tests.engine.provider_protocol.provider import (
    Check,
    Create,
    Delete,
    Diff,
    Naming,
    Provider,
    Read,
    Refused,
    Resource,
    Update,
    known,
)
from tests.engine.provider_protocol.values import marshal, unmarshal

_WORKERS = 32
#: Of an engine that is killed nobody tells its plugins: they look.
_ORPHAN_CHECK_S = 1.0
#: What the engine itself allows a message, in bytes.
_MESSAGE_BYTES = 400 * 1024 * 1024
_OPTIONS = [
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
]
_KINDS = {
    Kind.ADD: (provider_pb2.PropertyDiff.ADD, provider_pb2.PropertyDiff.ADD_REPLACE),
    Kind.DELETE: (provider_pb2.PropertyDiff.DELETE, provider_pb2.PropertyDiff.DELETE_REPLACE),
    Kind.UPDATE: (provider_pb2.PropertyDiff.UPDATE, provider_pb2.PropertyDiff.UPDATE_REPLACE),
}

Servicer = TypeVar("Servicer")
Request = TypeVar("Request")
Answer = TypeVar("Answer")
Call = Callable[[Servicer, Request, grpc.ServicerContext], Answer]


class _Named(Protocol):
    """What every message about a resource tells."""

    urn: str
    type: str
    name: str


def serve(provider: Provider) -> None:
    """Answer until the engine that started this process is gone."""
    engine = os.getppid()
    server = grpc.server(ThreadPoolExecutor(_WORKERS), options=_OPTIONS)
    provider_pb2_grpc.add_ResourceProviderServicer_to_server(_Servicer(provider), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    sys.stdout.write(f"{port}\n")
    sys.stdout.flush()
    while os.getppid() == engine:
        if not server.wait_for_termination(timeout=_ORPHAN_CHECK_S):
            return
    server.stop(grace=None)


def _refusing(call: Call[Servicer, Request, Answer]) -> Call[Servicer, Request, Answer]:
    """A refusal is what the user reads; anything else is a defect, and gRPC tells of it."""

    def answer(servicer: Servicer, request: Request, context: grpc.ServicerContext) -> Answer:
        try:
            return call(servicer, request, context)
        except Refused as refusal:
            context.abort(grpc.StatusCode.UNKNOWN, str(refusal))
            raise

    return answer


class _Servicer(provider_pb2_grpc.ResourceProviderServicer):
    """Translates; every decision is the provider's."""

    def __init__(self, provider: Provider) -> None:
        self._provider = provider

    def Handshake(
        self, request: provider_pb2.ProviderHandshakeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ProviderHandshakeResponse:
        """Secrets are understood; references and output values are sent as what they hold."""
        return provider_pb2.ProviderHandshakeResponse(
            accept_secrets=True, supports_autonaming_configuration=True
        )

    def GetPluginInfo(
        self, request: empty_pb2.Empty, context: grpc.ServicerContext
    ) -> plugin_pb2.PluginInfo:
        """A version that a program may ask for."""
        return plugin_pb2.PluginInfo(version=self._provider.version)

    def CheckConfig(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Any configuration is taken; ``configure`` judges it."""
        return provider_pb2.CheckResponse(inputs=request.news)

    def DiffConfig(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """Another configuration is no reason to make resources anew."""
        return provider_pb2.DiffResponse(changes=provider_pb2.DiffResponse.DIFF_UNKNOWN)

    @_refusing
    def Configure(
        self, request: provider_pb2.ConfigureRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ConfigureResponse:
        """The answer must agree with the handshake's."""
        self._provider.configure(known(unmarshal(request.args).values))
        return provider_pb2.ConfigureResponse(
            acceptSecrets=True, supportsPreview=True, supports_autonaming_configuration=True
        )

    @_refusing
    def Check(
        self, request: provider_pb2.CheckRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CheckResponse:
        """Failures are an answer, not an error."""
        old = unmarshal(request.olds) if request.olds.fields else None
        checked = self._provider.check(
            Check(_resource(request), old, unmarshal(request.news), _naming(request))
        )
        failures = [
            provider_pb2.CheckFailure(property=failure.property, reason=failure.reason)
            for failure in checked.failures
        ]
        return provider_pb2.CheckResponse(inputs=marshal(checked.inputs), failures=failures)

    @_refusing
    def Diff(
        self, request: provider_pb2.DiffRequest, context: grpc.ServicerContext
    ) -> provider_pb2.DiffResponse:
        """The engine shows the paths, and replaces where one says so."""
        asked = Diff(
            _resource(request),
            request.id,
            unmarshal(request.old_inputs),
            unmarshal(request.olds),
            unmarshal(request.news),
        )
        return _difference_response(self._provider.diff(asked))

    @_refusing
    def Create(
        self, request: provider_pb2.CreateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.CreateResponse:
        """Nothing is made in a preview."""
        inputs = unmarshal(request.properties)
        created = self._provider.create(
            Create(_resource(request), inputs, request.preview, request.timeout)
        )
        return provider_pb2.CreateResponse(id=created.id, properties=marshal(created.outputs))

    @_refusing
    def Update(
        self, request: provider_pb2.UpdateRequest, context: grpc.ServicerContext
    ) -> provider_pb2.UpdateResponse:
        """Nothing is changed in a preview."""
        asked = Update(
            _resource(request),
            request.id,
            unmarshal(request.old_inputs),
            unmarshal(request.olds),
            unmarshal(request.news),
            request.preview,
            request.timeout,
            tuple(request.ignoreChanges),
        )
        return provider_pb2.UpdateResponse(properties=marshal(self._provider.update(asked)))

    @_refusing
    def Read(
        self, request: provider_pb2.ReadRequest, context: grpc.ServicerContext
    ) -> provider_pb2.ReadResponse:
        """An empty id says that the resource is gone."""
        inputs, outputs = unmarshal(request.inputs), unmarshal(request.properties)
        found = self._provider.read(Read(_resource(request), request.id, inputs, outputs))
        if found is None:
            return provider_pb2.ReadResponse()
        return provider_pb2.ReadResponse(
            id=found.id, inputs=marshal(found.inputs), properties=marshal(found.outputs)
        )

    @_refusing
    def Delete(
        self, request: provider_pb2.DeleteRequest, context: grpc.ServicerContext
    ) -> empty_pb2.Empty:
        """Returns once it is gone."""
        inputs, outputs = unmarshal(request.old_inputs), unmarshal(request.properties)
        self._provider.delete(
            Delete(_resource(request), request.id, inputs, outputs, request.timeout)
        )
        return empty_pb2.Empty()

    @_refusing
    def Invoke(
        self, request: provider_pb2.InvokeRequest, context: grpc.ServicerContext
    ) -> provider_pb2.InvokeResponse:
        """A function; what it returns stands in a field with the name of a keyword."""
        answer = marshal(self._provider.invoke(request.tok, unmarshal(request.args)))
        fields: dict[str, Any] = {"return": answer}
        return provider_pb2.InvokeResponse(**fields)

    def Cancel(self, request: empty_pb2.Empty, context: grpc.ServicerContext) -> empty_pb2.Empty:
        """What is under way ends by its own limits."""
        return empty_pb2.Empty()


def _resource(request: "_Named") -> Resource:
    type_, _, name = request.urn.rpartition("::")
    return Resource(request.urn, request.type or type_, request.name or name)


def _naming(request: provider_pb2.CheckRequest) -> Naming:
    options = request.autonaming
    disabled = options.mode == provider_pb2.CheckRequest.AutonamingOptions.DISABLE
    return Naming(options.proposed_name, not disabled, request.randomSeed)


def _difference_response(answer: Differences) -> provider_pb2.DiffResponse:
    detailed = {
        str(difference): provider_pb2.PropertyDiff(
            kind=_KINDS[difference.kind][difference.replaces], inputDiff=True
        )
        for difference in answer.found
    }
    changed = (
        provider_pb2.DiffResponse.DIFF_SOME if detailed else provider_pb2.DiffResponse.DIFF_NONE
    )
    return provider_pb2.DiffResponse(
        changes=changed,
        diffs=list(dict.fromkeys(str(difference.path[0]) for difference in answer.found)),
        replaces=[str(difference) for difference in answer.found if difference.replaces],
        deleteBeforeReplace=answer.delete_first,
        detailedDiff=detailed,
        hasDetailedDiff=True,
    )
