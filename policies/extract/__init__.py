"""Views of resources, whatever they come from."""

from collections.abc import Iterable

from policies.resource import Resource
from policies.view import View


def view_of(resources: Iterable[Resource]) -> View:
    """The settings of these resources."""
    return View()
