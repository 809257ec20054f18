"""Build it ahead of the tests: ``python -m tests.pipeline.actionlint``."""

import sys

from lab.problem import LabError
from tests.pipeline.actionlint import actionlint


def main() -> int:
    """Print where the command is."""
    try:
        print(actionlint())
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
