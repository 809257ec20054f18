"""Between the properties of a resource and the object of the API server."""

from collections.abc import Iterable, Mapping
from copy import deepcopy
from typing import Any

from tests.engine.control_plane.api import Object, Reference
from tests.engine.provider_protocol.provider import Naming, Refused, Resource
from tests.engine.provider_protocol.values import UNKNOWN, Properties

#: The real provider's own mark: a name that was made up stays for as long as the object does.
_AUTONAMED = "pulumi.com/autonamed"
_SERVERS_METADATA = (
    "creationTimestamp",
    "deletionGracePeriodSeconds",
    "deletionTimestamp",
    "generation",
    "managedFields",
    "resourceVersion",
    "selfLink",
    "uid",
)


def body(properties: Properties) -> Object:
    """The object to apply: what is null was never said."""
    stripped = _without_nulls(properties.values)
    return dict(stripped)


def reference(values: Mapping[str, Any]) -> Reference:
    """Which object these inputs or outputs are of."""
    return Reference.of(values)


def reference_of(resource: Resource, id_: str) -> Reference:
    """Which object it is where only type and id are known, as for an import."""
    _, version, kind = resource.type.split(":")
    namespace, _, name = id_.rpartition("/")
    return Reference(version.removeprefix("core/"), kind, name, namespace or None)


def id_of(values: Mapping[str, Any]) -> str:
    """``NAMESPACE/NAME``, or the name alone where there is no namespace."""
    metadata = values["metadata"]
    namespace = metadata.get("namespace")
    return f"{namespace}/{metadata['name']}" if namespace else str(metadata["name"])


def named(
    inputs: Mapping[str, Any], old: Properties | None, resource: Resource, naming: Naming
) -> Object:
    """The inputs with a name: their own, the one made up before, or one made up now.

    Raises:
        Refused: There is none, and none may be made up.
    """
    metadata = inputs.get("metadata") or {}
    if metadata is UNKNOWN or "name" in metadata:
        return dict(inputs)
    made_up = old.at("metadata", "name") if old is not None and autonamed(old) else None
    name = made_up or naming.name(resource)
    if not name:
        raise Refused(f"{resource.name} has no metadata.name, and no names are to be made up")
    annotations = {**(metadata.get("annotations") or {}), _AUTONAMED: "true"}
    return {**inputs, "metadata": {**metadata, "name": name, "annotations": annotations}}


def autonamed(inputs: Properties) -> bool:
    """Was the name of this object made up?"""
    return inputs.at("metadata", "annotations", _AUTONAMED) == "true"


def built_in(values: Mapping[str, Any]) -> bool:
    """Is the kind, if it exists at all, one of Kubernetes' own?"""
    group, slash, _ = values["apiVersion"].rpartition("/")
    return not slash or "." not in group or group.endswith(".k8s.io")


def guarded(properties: Properties) -> Properties:
    """What a Secret holds is secret, whether or not the program says so."""
    if properties.values.get("kind") != "Secret":
        return properties
    return Properties(properties.values, properties.secrets | {("data",), ("stringData",)})


def outputs(live: Object, inputs: Properties) -> Properties:
    """The object as it is, secret where its inputs are."""
    metadata = {key: item for key, item in live["metadata"].items() if key != "managedFields"}
    return guarded(inputs.having({**live, "metadata": metadata}))


def declared(live: Object) -> Object:
    """The inputs that would make an object, for one that was not made by its resource."""
    metadata = {k: v for k, v in live["metadata"].items() if k not in _SERVERS_METADATA}
    return {**{k: v for k, v in live.items() if k != "status"}, "metadata": metadata}


def drifted(inputs: object, live: object) -> object:
    """The inputs with what the API server has now in each of their places."""
    if isinstance(inputs, Mapping) and isinstance(live, Mapping):
        return {key: drifted(item, live.get(key)) for key, item in inputs.items()}
    if isinstance(inputs, list) and isinstance(live, list) and len(inputs) == len(live):
        return [drifted(item, other) for item, other in zip(inputs, live, strict=True)]
    return live


def leaving(
    inputs: Mapping[str, Any], live: Object, ignored: Iterable[tuple[str, ...]], manager: str
) -> Object:
    """The inputs that leave these paths as they are, as the real provider does on an update.

    Where another manager owns the field it is not said at all; where nobody else does, it is said
    as it is now, for what an owner no longer says is taken away.
    """
    changed = deepcopy(dict(inputs))
    for path in ignored:
        parent, place = _at(changed, path[:-1]), _at(live, path)
        if not isinstance(parent, dict) or path[-1] not in parent:
            continue
        if place is None or _owned_by_another(live, path, manager):
            del parent[path[-1]]
        else:
            parent[path[-1]] = place
    return changed


def _owned_by_another(live: Object, path: tuple[str, ...], manager: str) -> bool:
    """Whether the API server has another manager down for the field."""
    fields = tuple(f"f:{part}" for part in path)
    return any(
        _at(entry.get("fieldsV1", {}), fields) is not None
        for entry in live["metadata"].get("managedFields", ())
        if entry["manager"] != manager
    )


def _at(tree: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any JSON.
    for part in path:
        if not isinstance(tree, Mapping):
            return None
        tree = tree.get(part)
    return tree


def same(one: Object, other: Object) -> bool:
    """Are they the same but for the API server's bookkeeping?"""
    return declared(one) == declared(other)


def _without_nulls(tree: Any) -> Any:  # noqa: ANN401 - any JSON.
    if isinstance(tree, Mapping):
        return {key: _without_nulls(item) for key, item in tree.items() if item is not None}
    return [_without_nulls(item) for item in tree] if isinstance(tree, list) else tree
