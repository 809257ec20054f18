"""Builds the pack and serves it; the engine starts this in the pack's own folder."""

import sys
from datetime import UTC, datetime
from pathlib import Path

_PACK = Path(__file__).resolve().parent


def main() -> None:
    """Serve the rules until the engine ends."""
    # From its own folder a script finds no package, and a `resource` that is not the standard one.
    sys.path[:] = [str(_PACK.parent), *(one for one in sys.path if Path(one).resolve() != _PACK)]

    from policies.analyzer import serve
    from policies.extract import view_of
    from policies.pack import Pack
    from policies.rules import RULES

    serve(Pack(RULES, view_of, lambda: datetime.now(UTC).date()), sys.argv[1:])


if __name__ == "__main__":
    main()
