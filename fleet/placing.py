"""Where and as whom a command works, from its flags."""

from pathlib import Path

from blueprint.outputs import load
from blueprint.problem import BadInput, Problem
from blueprint.security import credentials_of
from fleet.running import Place


def place_of(outputs: Path, zone: str | None, credentials: Path | None) -> Place:
    """The stack, the zone and the credentials that were named.

    Raises:
        BadInput: A file cannot be read, or is not what it should be.
    """
    own = None
    if credentials is not None:
        own = credentials_of(text_of(credentials), str(credentials))
    return Place(load(text_of(outputs)), zone, own)


def text_of(path: Path) -> str:
    """What a file says.

    Raises:
        BadInput: It cannot be read.
    """
    try:
        return path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        said = str(getattr(error, "strerror", None) or "it is no text")
        raise BadInput([Problem(str(path), "nothing readable", "a file", said)]) from None
