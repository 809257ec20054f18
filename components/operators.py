"""A first look at a cluster: are the operators there whose kinds a stack declares objects of?

Without it Pulumi makes what it can and then says ``no matches for kind``, of one object at a time.
Asked at each preview and each ``up``, before anything else is made on the cluster. A cluster that
cannot be asked, since it is yet to be made or does not answer, is no problem here: whatever comes
next says so itself.
"""

import http.client
import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pulumi
from pulumi.dynamic import CheckFailure, CheckResult, DiffResult, Resource

from blueprint.operators import OPERATORS, Operator, Served, operator_problems
from components.kafka_admin import known
from components.kubeconfig import Access, NoAccess, access
from components.remembering import RememberingProvider

#: A preview must not hang on a cluster that is away.
_ANSWER_S = 5.0
_APIS, _KUBECONFIG, _CONTEXT = "apis", "kubeconfig", "context"
_NAMES = (_APIS, _KUBECONFIG, _CONTEXT)


class OperatorsThereProvider(RememberingProvider):
    """Looks, and makes nothing."""

    def check(self, _olds: dict[str, Any], news: dict[str, Any]) -> CheckResult:
        """Refuse a cluster that was asked and lacks a kind."""
        if not all(known(news.get(name)) for name in _NAMES):
            return CheckResult(news, [])
        wanted = [one for one in OPERATORS if one.api in news[_APIS]]
        try:
            reached = access(news.get(_KUBECONFIG), news.get(_CONTEXT))
            problems = operator_problems(wanted, served_kinds(reached, wanted))
        except NoAccess:
            problems = ()
        return CheckResult(news, [CheckFailure("", str(problem)) for problem in problems])

    def diff(self, _id: str, _olds: dict[str, Any], _news: dict[str, Any]) -> DiffResult:
        """Whatever changes is remembered in its place."""
        return DiffResult(changes=any(_olds.get(one) != _news.get(one) for one in _NAMES))

    def named(self, _props: Mapping[str, Any]) -> str:
        """One of a stack."""
        return "operators"


class OperatorsThere(Resource, module="quorate", name="OperatorsThere"):
    """The look; whatever is made on the cluster is to depend on it."""

    def __init__(
        self,
        name: str,
        wanted: Sequence[Operator],
        kubeconfig: pulumi.Input[str] | None,
        context: str | None = None,
        opts: pulumi.ResourceOptions | None = None,
    ) -> None:
        """Declare it.

        Args:
            name: Of the resource.
            wanted: What is looked for.
            kubeconfig: Its text or path; what ``$KUBECONFIG`` or the home folder has if None.
            context: Its name; the one in force if None.
            opts: Of the resource.
        """
        inputs = {
            _APIS: [operator.api for operator in wanted],
            _KUBECONFIG: None if kubeconfig is None else pulumi.Output.secret(kubeconfig),
            _CONTEXT: context,
        }
        super().__init__(OperatorsThereProvider(), name, inputs, opts)


def served_kinds(reached: Access, wanted: Iterable[Operator]) -> Served:
    """Every kind of the operators' groups that a cluster serves, by group and version.

    Raises:
        NoAccess: It does not answer, or not to whom asks.
    """
    groups = {operator.group for operator in wanted}
    listed = _get(reached, "/apis").get("groups", [])
    apis = [
        version["groupVersion"]
        for group in listed
        if group["name"] in groups
        for version in group["versions"]
    ]
    return {
        api: frozenset(one["kind"] for one in _get(reached, f"/apis/{api}")["resources"])
        for api in apis
    }


def _get(reached: Access, path: str) -> dict[str, Any]:
    headers = {"Accept": "application/json"}
    if reached.token:
        headers["Authorization"] = f"Bearer {reached.token}"
    request = urllib.request.Request(reached.server + path, headers=headers)
    handler = urllib.request.HTTPSHandler(context=reached.context)
    try:
        with urllib.request.build_opener(handler).open(request, timeout=_ANSWER_S) as answer:
            said = json.load(answer)
    except (OSError, ValueError, http.client.HTTPException) as error:
        raise NoAccess(str(error)) from None
    return dict(said)
