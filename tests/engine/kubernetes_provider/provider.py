"""Resources of any kind, each an object that this provider is the manager of."""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import requests

from tests.engine.control_plane.api import Api, ApiError, Object, Reference, UnknownKind, wait_for
from tests.engine.control_plane.kubeconfig import Access, BadKubeconfig
from tests.engine.kubernetes_provider import objects
from tests.engine.kubernetes_provider.immutable import replaces
from tests.engine.provider_protocol.difference import Differences, differences
from tests.engine.provider_protocol.provider import (
    Check,
    Checked,
    Create,
    Created,
    Delete,
    Diff,
    Failure,
    Found,
    Provider,
    Read,
    Refused,
    Resource,
    Update,
)
from tests.engine.provider_protocol.values import UNKNOWN, Properties
from tests.engine.provider_protocol.values import Path as PropertyPath

#: A kubeconfig in place of whichever is configured: of a cluster that nobody could have started.
INSTEAD_OF_ANY = "STAND_IN_KUBECONFIG"
_MANAGER = "pulumi-kubernetes"
#: The real provider waits ten minutes; nothing that is deleted here takes one.
_GONE_S = 120.0
_SERVED_S = 60.0
_UNSUPPORTED = ("context", "cluster", "renderYamlToDirectory")


class KubernetesStandIn(Provider):
    """Stands in for the provider of the same name."""

    version = version("pulumi_kubernetes")

    def __init__(self) -> None:
        """Reach nothing before ``configure``."""
        self._configured: Api | None = None

    def configure(self, config: Mapping[str, object]) -> None:
        """Take ``kubeconfig`` (its text, or a path; else ``$KUBECONFIG``) and ``namespace``."""
        unsupported = [name for name in _UNSUPPORTED if config.get(name)]
        if unsupported:
            raise Refused(f"not supported by the stand-in: {', '.join(unsupported)}")
        instead = os.environ.get(INSTEAD_OF_ANY)
        given = str(instead or config.get("kubeconfig") or os.environ.get("KUBECONFIG") or "")
        if not given:
            raise Refused("no kubeconfig: give the provider one, or set KUBECONFIG to its path")
        try:
            text = given if "\n" in given or given.startswith("{") else Path(given).read_text()
            access = Access.from_yaml(text)
        except (OSError, BadKubeconfig) as error:
            raise Refused(f"the kubeconfig cannot be used: {error}") from None
        namespace = config.get("namespace")
        self._configured = Api(replace(access, namespace=str(namespace)) if namespace else access)

    def check(self, asked: Check) -> Checked:
        """Name what has no name, and put objects that name no namespace into the default one."""
        inputs = asked.inputs.values
        failures = tuple(
            Failure(key, f"{key} must be set")
            for key in ("apiVersion", "kind")
            if key not in inputs
        )
        if asked.inputs.at("metadata", "generateName") is not None:
            failures += (Failure("metadata.generateName", "not supported: leave it out"),)
        kind = asked.resource.type.rpartition(":")[2]
        if inputs.get("kind", kind) != kind:
            failures += (Failure("kind", f"{kind} is not supported by the stand-in"),)
        if failures:
            return Checked(asked.inputs, failures)
        named = objects.named(inputs, asked.old_inputs, asked.resource, asked.naming)
        if self._lacks_namespace(named):
            named["metadata"] = {**named["metadata"], "namespace": self._api.access.namespace}
        return Checked(objects.guarded(asked.inputs.having(named)))

    def diff(self, asked: Diff) -> Differences:
        """Compare inputs; an object that keeps its name must go before its successor comes."""
        old, new = asked.old_inputs.values, asked.inputs.values
        kind = str(new.get("kind"))

        def replacing(path: PropertyPath) -> bool:
            return replaces(kind, path)

        found = differences(old, new, replacing)
        kept = all(asked.old_inputs.at(*p) == asked.inputs.at(*p) for p in _IDENTITY)
        return Differences(found, delete_first=kept)

    def create(self, asked: Create) -> Created:
        """Apply it; one of the same name that is there already is taken over."""
        if asked.preview:
            self._rehearse_creation(asked)
            return Created("", asked.inputs)
        live = self._apply(asked.resource, asked.inputs)
        return Created(objects.id_of(live), objects.outputs(live, asked.inputs))

    def update(self, asked: Update) -> Properties:
        """Apply it: fields that are no longer there are given up, ignored ones left to others."""
        if asked.preview and asked.inputs.unknown():
            return asked.inputs
        applied = self._leaving(asked)
        if not asked.preview:
            return objects.outputs(self._apply(asked.resource, applied), asked.inputs)
        with _refusing(asked.resource):
            self._api.apply(objects.body(applied), _MANAGER, dry_run=True)
        return asked.inputs

    def _leaving(self, asked: Update) -> Properties:
        """The inputs, with what is ignored as it is now: not said at all where others own it."""
        if not asked.ignored:
            return asked.inputs
        with _refusing(asked.resource):
            live = self._api.get(Reference.of(asked.inputs.values))
        if live is None:
            return asked.inputs
        paths = [tuple(path.split(".")) for path in asked.ignored]
        return asked.inputs.having(objects.leaving(asked.inputs.values, live, paths, _MANAGER))

    def read(self, asked: Read) -> Found | None:
        """Inputs stay as they were written for as long as applying them would change nothing."""
        with _refusing(asked.resource):
            known = asked.inputs.values
            which = Reference.of(known) if known else objects.reference_of(asked.resource, asked.id)
            live = self._api.get(which)
            if live is None:
                return None
            inputs = objects.guarded(asked.inputs.having(self._inputs_now(asked.inputs, live)))
        return Found(asked.id, inputs, objects.outputs(live, inputs))

    def delete(self, asked: Delete) -> None:
        """Ask for it to go, with what it made, and wait until it has."""
        with _refusing(asked.resource):
            which = Reference.of(asked.outputs.values)
            try:
                self._api.delete(which, propagation="Foreground")
            except UnknownKind:
                return  # Its kind is gone, and it with that.
            uid = asked.outputs.at("metadata", "uid")
            wait_for(
                f"{asked.id} to go", lambda: self._gone(which, uid), asked.timeout_s or _GONE_S
            )

    @property
    def _api(self) -> Api:
        if self._configured is None:
            raise Refused("the provider is not configured yet")
        return self._configured

    def _lacks_namespace(self, values: Object) -> bool:
        metadata = values["metadata"]
        if metadata is UNKNOWN or metadata.get("namespace") is not None:
            return False
        try:
            return self._api.namespaced(values["apiVersion"], values["kind"])
        except UnknownKind:
            return False  # Its definition may be of the same stack.

    def _apply(self, resource: Resource, inputs: Properties) -> Object:
        with _refusing(resource):
            applied = self._api.apply(objects.body(inputs), _MANAGER)
            if applied["kind"] == "CustomResourceDefinition":
                # What depends on it is next, and must find it.
                wait_for(f"{resource.name} to be served", lambda: self._served(applied), _SERVED_S)
        return applied

    def _rehearse_creation(self, asked: Create) -> None:
        """Have the API server judge what does not depend on anything that is yet to be made."""
        if asked.inputs.unknown():
            return
        body = objects.body(asked.inputs)
        with _refusing(asked.resource):
            try:
                self._rehearse(body)
            except UnknownKind:
                if objects.built_in(body):
                    raise
                # Its definition may be of the same stack.

    def _rehearse(self, body: Object) -> None:
        metadata = dict(body["metadata"])
        namespace = metadata.get("namespace")
        if namespace and self._api.get(Reference("v1", "Namespace", namespace)) is None:
            # The namespace may be of the same stack: be judged in one that is there.
            metadata["namespace"] = "default"
        elif self._api.get(Reference.of(body)) is not None:
            # It is to replace one that goes before it comes: be judged as another.
            metadata["generateName"] = f"{metadata.pop('name')[:40]}-"
            self._api.create({**body, "metadata": metadata}, dry_run=True)
            return
        self._api.apply({**body, "metadata": metadata}, _MANAGER, dry_run=True)

    def _inputs_now(self, inputs: Properties, live: Object) -> Object:
        if not inputs.values:
            return objects.declared(live)
        body = objects.body(inputs)
        if objects.same(self._api.apply(body, _MANAGER, dry_run=True), live):
            return dict(inputs.values)
        # What a secret was given as text, the API server keeps as data and does not give back.
        return {
            key: objects.drifted(item, live.get(key, item if key == "stringData" else None))
            for key, item in body.items()
        }

    def _served(self, definition: Object) -> bool:
        spec = definition["spec"]
        versions = [version["name"] for version in spec["versions"] if version["served"]]
        kind = spec["names"]["kind"]
        return all(self._api.knows(f"{spec['group']}/{name}", kind) for name in versions)

    def _gone(self, which: Reference, uid: object) -> bool:
        live = self._api.get(which)
        return live is None or live["metadata"]["uid"] != uid


_IDENTITY = (("metadata", "name"), ("metadata", "namespace"), ("kind",))


@contextmanager
def _refusing(resource: Resource) -> Iterator[None]:
    """What the API server says is what the user reads."""
    try:
        yield
    except (ApiError, TimeoutError) as error:
        raise Refused(f"{resource.name}: {error}") from None
    except requests.RequestException as error:
        raise Refused(f"{resource.name}: the API server does not answer: {error}") from None
