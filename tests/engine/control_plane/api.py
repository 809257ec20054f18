"""A client of the API server: objects of any kind, applied, read, listed, changed and deleted."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar
from urllib.parse import quote

import requests

from tests.engine.control_plane.connection import session
from tests.engine.control_plane.kubeconfig import Access

#: An object as the API server has it; what is in it, the API server has judged.
Object = dict[str, Any]
Found = TypeVar("Found")

_CONNECT_S, _ANSWER_S = 5.0, 60.0
_POLL_S = 0.05
_MERGE = "application/merge-patch+json"
_APPLY = "application/apply-patch+yaml"


class ApiError(Exception):
    """The API server said no; the text is everything that it had to say.

    Attributes:
        status: The HTTP status, such as 422.
        causes: One line each, with the field.
    """

    def __init__(self, status: int, message: str, causes: tuple[str, ...] = ()) -> None:
        self.status = status
        self.causes = causes
        super().__init__("\n".join((f"{status}: {message}", *(f"- {cause}" for cause in causes))))


class UnknownKind(ApiError):
    """The API server has no such kind: it is misspelt, or its definition is not installed."""


@dataclass(frozen=True, slots=True)
class Reference:
    """Which object.

    Attributes:
        api_version: Such as ``apps/v1``.
        namespace: None for the namespace of the kubeconfig, and for kinds that have none.
    """

    api_version: str
    kind: str
    name: str
    namespace: str | None = None

    @classmethod
    def of(cls, body: Mapping[str, Any]) -> "Reference":
        """Of an object that says what it is."""
        metadata = body["metadata"]
        namespace = metadata.get("namespace")
        return cls(body["apiVersion"], body["kind"], metadata["name"], namespace)


@dataclass(frozen=True, slots=True)
class _Resource:
    plural: str
    namespaced: bool


class Api:
    """One API server; may be used from several threads."""

    def __init__(self, access: Access) -> None:
        """Nothing is sent yet."""
        self.access = access
        self._session = session(access)
        self._resources: dict[str, dict[str, _Resource]] = {}
        self._lock = threading.Lock()

    def close(self) -> None:
        """End the connections."""
        self._session.close()

    def ready(self) -> bool:
        """Does the API server answer, and say it is ready?"""
        try:
            answer = self._session.get(f"{self.access.server}/readyz", timeout=_CONNECT_S)
        except requests.RequestException:
            return False
        return answer.ok

    def request(
        self,
        method: str,
        path: str,
        parameters: Mapping[str, str] | None = None,
        body: object = None,
        content_type: str = "application/json",
    ) -> Any:  # noqa: ANN401 - JSON of whichever shape the path has.
        """One call, and its answer.

        Raises:
            ApiError: The API server said no.
        """
        answer = self._session.request(
            method,
            self.access.server + path,
            params=parameters,
            json=body,
            headers={"Content-Type": content_type},
            timeout=(_CONNECT_S, _ANSWER_S),
        )
        if not answer.ok:
            raise _error(answer)
        return answer.json()

    def apply(
        self, body: Mapping[str, Any], manager: str = "test", *, dry_run: bool = False
    ) -> Object:
        """Server-side apply: make the object, or give it these fields and no others of ``manager``.

        Fields that the kind does not have are refused, not dropped.

        Raises:
            ApiError: It was refused; 422 for an illegal value.
        """
        parameters = {"fieldManager": manager, "force": "true", "fieldValidation": "Strict"}
        parameters |= {"dryRun": "All"} if dry_run else {}
        reference = Reference.of(body)
        try:
            applied: Object = self.request("PATCH", self.path(reference), parameters, body, _APPLY)
        except ApiError as error:
            if "field not declared in schema" in str(error):
                # An apply stops at the first field that the kind has not; a create names all.
                self.create(body, dry_run=True)
            raise
        return applied

    def get(self, reference: Reference) -> Object | None:
        """The object, or None."""
        try:
            found: Object = self.request("GET", self.path(reference))
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return found

    def objects(
        self, api_version: str, kind: str, namespace: str | None = None, **selectors: str
    ) -> list[Object]:
        """Every object of a kind, of one namespace or of all.

        Args:
            api_version: Such as ``apps/v1``.
            kind: Such as ``Deployment``.
            namespace: None for all.
            selectors: ``labelSelector``, ``fieldSelector``.
        """
        items = self.request("GET", self._collection(api_version, kind, namespace), selectors)
        # The items of a list do not say what they are.
        return [{"apiVersion": api_version, "kind": kind, **item} for item in items["items"]]

    def create(self, body: Mapping[str, Any], *, dry_run: bool = False) -> Object:
        """Make an object that is not there yet.

        Raises:
            ApiError: It was refused; 409 if it is there.
        """
        namespace = body["metadata"].get("namespace") or self.access.namespace
        parameters = {"fieldValidation": "Strict"} | ({"dryRun": "All"} if dry_run else {})
        path = self._collection(body["apiVersion"], body["kind"], namespace)
        created: Object = self.request("POST", path, parameters, body)
        return created

    def patch(self, reference: Reference, change: object, subresource: str = "") -> Object:
        """A merge patch: these fields, the others as they are.

        Raises:
            ApiError: It was refused, or there is no such object.
        """
        path = self.path(reference) + (f"/{subresource}" if subresource else "")
        patched: Object = self.request("PATCH", path, body=change, content_type=_MERGE)
        return patched

    def delete(
        self, reference: Reference, grace_s: int | None = None, propagation: str = "Background"
    ) -> None:
        """Ask for the object to go; none there is no error.

        Args:
            reference: Which.
            grace_s: How long its processes may take; None for its own time.
            propagation: Its dependents go after it (``Background``) or before it (``Foreground``).
        """
        options: Object = {"propagationPolicy": propagation}
        if grace_s is not None:
            options["gracePeriodSeconds"] = grace_s
        try:
            self.request("DELETE", self.path(reference), body=options)
        except ApiError as error:
            if error.status != 404:
                raise

    @contextmanager
    def watch(self, path: str, parameters: Mapping[str, str]) -> Iterator[requests.Response]:
        """The lines of a watch, as they come; bounded by its ``timeoutSeconds``."""
        timeout = (_CONNECT_S, _ANSWER_S)
        wanted = {"watch": "true", **parameters}
        with self._session.get(
            self.access.server + path, params=wanted, stream=True, timeout=timeout
        ) as answer:
            if not answer.ok:
                raise _error(answer)
            yield answer

    def knows(self, api_version: str, kind: str) -> bool:
        """Is there such a kind?"""
        try:
            self._resource(api_version, kind)
        except UnknownKind:
            return False
        return True

    def namespaced(self, api_version: str, kind: str) -> bool:
        """Are objects of this kind in a namespace?

        Raises:
            UnknownKind: There is no such kind.
        """
        return self._resource(api_version, kind).namespaced

    def path(self, reference: Reference) -> str:
        """Where an object is.

        Raises:
            UnknownKind: There is no such kind.
        """
        collection = self._collection(
            reference.api_version, reference.kind, reference.namespace or self.access.namespace
        )
        return f"{collection}/{quote(reference.name, safe='')}"

    def _collection(self, api_version: str, kind: str, namespace: str | None) -> str:
        resource = self._resource(api_version, kind)
        within = f"/namespaces/{namespace}" if namespace and resource.namespaced else ""
        return f"{_root(api_version)}{within}/{resource.plural}"

    def _resource(self, api_version: str, kind: str) -> _Resource:
        with self._lock:
            if kind not in self._resources.get(api_version, {}):
                # A definition may have been installed since.
                self._resources[api_version] = self._discovered(api_version)
            found = self._resources[api_version].get(kind)
        if found is None:
            raise UnknownKind(404, f"the API server has no {kind} of {api_version}")
        return found

    def _discovered(self, api_version: str) -> dict[str, _Resource]:
        try:
            answer = self.request("GET", _root(api_version))
        except ApiError as error:
            if error.status == 404:
                return {}
            raise
        return {
            entry["kind"]: _Resource(entry["name"], entry["namespaced"])
            for entry in answer["resources"]
            if "/" not in entry["name"]
        }


def wait_for(what: str, condition: Callable[[], Found | None], timeout_s: float = 60) -> Found:
    """Wait until a condition gives something, and return that.

    Raises:
        TimeoutError: It still gave nothing after ``timeout_s``; says ``what``.
    """
    deadline = time.monotonic() + timeout_s
    while True:
        found = condition()
        if found:
            return found
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {timeout_s:.0f} s for {what}")
        time.sleep(_POLL_S)


def _root(api_version: str) -> str:
    return f"/apis/{api_version}" if "/" in api_version else f"/api/{api_version}"


def _error(answer: requests.Response) -> ApiError:
    try:
        said = answer.json()
    except requests.JSONDecodeError:
        return ApiError(answer.status_code, answer.text.strip())
    causes = (said.get("details") or {}).get("causes") or []
    lines = (f"{cause.get('field', '')}: {cause.get('message', '')}" for cause in causes)
    message = said.get("message", "")
    # Of several errors the message is all of them in one line; the causes are one line each.
    head, invalid, _ = message.partition(" is invalid:")
    return ApiError(answer.status_code, head + invalid if causes else message, tuple(lines))
