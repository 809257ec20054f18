"""From resources to a view. Each kind of resource is one file and a line in ``EXTRACTORS``."""

from collections.abc import Iterator, Sequence
from dataclasses import fields, replace

from policies.extract import (
    fleet_files,
    fleets,
    lab,
    machines,
    networks,
    operations,
    parameters,
    strimzi,
    topics,
    volumes,
)
from policies.extract.claim import Extractor
from policies.reading import opened
from policies.resource import Resource
from policies.view import View

EXTRACTORS: tuple[Extractor, ...] = (
    *fleet_files.EXTRACTORS,
    *fleets.EXTRACTORS,
    *lab.EXTRACTORS,
    *machines.EXTRACTORS,
    *networks.EXTRACTORS,
    *operations.EXTRACTORS,
    *parameters.EXTRACTORS,
    *strimzi.EXTRACTORS,
    *topics.EXTRACTORS,
    *volumes.EXTRACTORS,
)


def view_of(resources: Sequence[Resource]) -> View:
    """The view of one resource, or of all of a stack.

    Never raises: what claims to be Kafka's and cannot be read is in ``View.unreadable``.
    """
    views = [seen for resource in resources for seen in _views(resource)]
    return View(
        **{
            one.name: tuple(item for seen in views for item in getattr(seen, one.name))
            for one in fields(View)
        }
    )


def _views(resource: Resource) -> Iterator[View]:
    for extractor in EXTRACTORS:
        if extractor.claims(resource):
            whole = opened(resource)
            seen = extractor.read(whole)
            yield replace(seen, unreadable=seen.unreadable + tuple(whole.unreadable))
