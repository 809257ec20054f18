"""What nodes of a lab print when they start."""

import re

from blueprint.topology import Node
from lab.cluster import Lab


def log_of(lab: Lab, node: Node) -> str:
    """Everything that a node has said."""
    return (lab.plan.state.logs / f"{node.name}.log").read_text()


def known_settings(lab: Lab, node: Node) -> set[str]:
    """The names of all settings that a node knows."""
    return set(
        re.findall(r"^\t(\S+) = ", log_of(lab, node).partition("KafkaConfig values:")[2], re.M)
    )
