"""What is common to Kubernetes objects: names, labels, and who is chosen by them."""

from policies.reading import Part
from policies.resource import UNKNOWN
from policies.view_fleets import Labels


def labels_of(part: Part) -> Labels:
    """Labels, or what is chosen by them."""
    if part.unknown:
        return UNKNOWN
    return {name: one.said() for name, one in part.items()}
