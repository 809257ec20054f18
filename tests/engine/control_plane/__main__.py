"""Build the control plane ahead of the tests: ``python -m tests.engine.control_plane``."""

import sys

from lab.problem import LabError
from tests.engine.control_plane.binaries import binaries


def main() -> int:
    """Print where the commands are; what takes long is said on the error stream."""
    print("Kubernetes: built once per user, about six minutes on two cores", file=sys.stderr)
    try:
        print(binaries().apiserver.parent)
    except LabError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
