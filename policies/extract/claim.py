"""What a resource claims to be, and who reads it then."""

from collections.abc import Callable
from dataclasses import dataclass

from policies.reading import Part
from policies.resource import Resource
from policies.view import View


@dataclass(frozen=True)
class Extractor:
    """Reads one kind of resource.

    Attributes:
        claims: Whether a resource says that it is of this kind.
        read: What rules may look at of it; whatever is not as it should be it refuses.
    """

    claims: Callable[[Resource], bool]
    read: Callable[[Part], View]


def of_type(*types: str) -> Callable[[Resource], bool]:
    """Resources of these types, as Pulumi names them."""
    return lambda resource: resource.type in types


def of_dynamic(name: str) -> Callable[[Resource], bool]:
    """Resources of a dynamic provider of our own, such as ``quorate:Topic``."""
    return of_type(f"pulumi-python:dynamic/{name}:{name}", f"pulumi-python:dynamic/{name}")


def of_kind(kind: str, group: str) -> Callable[[Resource], bool]:
    """Kubernetes objects of a kind in any version of an API group; empty for the core's own.

    By their type or by what they say of themselves: manifests that are read from a file have both.
    """

    def claims(resource: Resource) -> bool:
        package, _, rest = resource.type.partition(":")
        api, _, found = rest.partition(":")
        if package == "kubernetes" and found == kind and _group(api) == (group or "core"):
            return True
        said = resource.properties
        version = said.get("apiVersion")
        if said.get("kind") != kind or not isinstance(version, str):
            return False
        return version.rpartition("/")[0] == group

    return claims


def _group(api: str) -> str:
    return api.rpartition("/")[0]
