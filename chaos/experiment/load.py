"""Reads experiments: shipped ones by name, others by file, with ``--set path=value`` on top."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from blueprint.problem import BadInput, Problem, validated
from chaos.experiment.model import Experiment

SHIPPED = Path(__file__).parents[1] / "experiments"
_MOST_BYTES = 1_000_000


def shipped() -> list[Experiment]:
    """The experiments that come with the project, by name."""
    return [load(path.stem) for path in sorted(SHIPPED.glob("*.yaml"))]


def load(name_or_file: str, overrides: Sequence[str] = (), seed: int | None = None) -> Experiment:
    """Read and validate an experiment.

    Args:
        name_or_file: The name of a shipped experiment or the path of a YAML file.
        overrides: ``path=value`` each; the value is YAML, list items by their index.
        seed: Overrides the file's seed.

    Raises:
        BadInput: Every problem at once.
    """
    path = _find(name_or_file)
    fields = read_mapping(path)
    problems = [p for p in (_override(fields, one) for one in overrides) if p is not None]
    if problems:
        raise BadInput(problems)
    if seed is not None:
        fields["seed"] = seed
    return parse(fields, str(path))


def parse(fields: object, source: str) -> Experiment:
    """Validate what a file said.

    Raises:
        BadInput: Every problem at once.
    """
    return validated(Experiment, fields, source)


def read_mapping(path: Path) -> dict[str, Any]:
    """The fields of a YAML file.

    Raises:
        BadInput: It cannot be read or is not a mapping.
    """
    try:
        if path.stat().st_size > _MOST_BYTES:
            raise BadInput([Problem(str(path), "a file of more than 1 MB", "an experiment")])
        fields = yaml.safe_load(path.read_text())
    except (OSError, ValueError, RecursionError, yaml.YAMLError) as error:
        reason = " ".join(str(error).split())[:160]
        raise BadInput([Problem(str(path), reason, "a readable YAML file")]) from None
    if not isinstance(fields, dict):
        raise BadInput([Problem(str(path), type(fields).__name__, "a mapping with a name")])
    return {str(name): value for name, value in fields.items()}


def _find(name_or_file: str) -> Path:
    known = sorted(path.stem for path in SHIPPED.glob("*.yaml"))
    if name_or_file in known:
        return SHIPPED / f"{name_or_file}.yaml"
    try:
        path = Path(name_or_file)
        if path.suffix in (".yaml", ".yml") and path.is_file():
            return path
    except (OSError, ValueError):
        pass
    raise BadInput(
        [
            Problem(
                "experiment",
                repr(name_or_file)[:120],
                f"{', '.join(known)}, or the path of a .yaml file",
                "`python -m chaos list` describes them",
            )
        ]
    )


def _override(fields: dict[str, Any], said: str) -> Problem | None:
    path, equals, text = said.partition("=")
    where = f"--set {said[:80]}"
    if not equals or not path:
        return Problem(where, repr(said)[:80], "path=value, such as workload.rate_per_s=1000")
    try:
        value = yaml.safe_load(text)
    except (ValueError, RecursionError, yaml.YAMLError):
        return Problem(where, repr(text)[:80], "a YAML value")
    *parents, last = path.split(".")
    at: Any = fields
    for parent in parents:
        at = _inside(at, parent)
        if at is None:
            return Problem(where, repr(path)[:80], "a path into the experiment")
    if isinstance(at, list) and last.isdecimal() and int(last) < len(at):
        at[int(last)] = value
    elif isinstance(at, dict):
        at[last] = value
    else:
        return Problem(where, repr(path)[:80], "a path into the experiment")
    return None


def _inside(at: object, name: str) -> object:
    if isinstance(at, dict):
        found = at.setdefault(name, {})
        return found if isinstance(found, dict | list) else None
    if isinstance(at, list) and name.isdecimal() and int(name) < len(at):
        return at[int(name)] if isinstance(at[int(name)], dict | list) else None
    return None
