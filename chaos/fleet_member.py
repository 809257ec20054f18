"""A member of the group as a process of the real fleet: ``python -m fleet run`` with our handler.

The suite knows the fleet by its door alone, as any user does; what members say of themselves is
turned into the history's events here.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from blueprint.fleets import DEAD_LETTERS
from blueprint.security import Credentials
from chaos.crew import SECRET, Launch
from chaos.experiment.model import Workload
from chaos.workload.spec import MEMBER, MemberSpec

_MODULE = "chaos.workload.member"
#: Signals of the fleet that belong into the history, and the events they are there.
_ASSIGNMENTS = {"assigned": "assign", "revoked": "revoke", "lost": "lost-partitions"}
_ENDING = frozenset({"abandoned", "uncommitted", "unburied"})


def dead_letters_of(group: str) -> str:
    """The topic that a group's fleet wants to be there."""
    return f"{group}{DEAD_LETTERS}"


def fleet_member(
    run_dir: Path,
    spec: MemberSpec,
    topic: str,
    group: str,
    zone: str,
    workload: Workload,
    own: Credentials | None,
) -> Launch:
    """How one member is started in a zone; it leaves in order when its input ends.

    Where the cluster asks for credentials, ``own`` are the suite's.
    """
    settings = run_dir / "fleet.yaml"
    # Every commit is said: the verdict compares them with what was processed.
    settings.write_text(json.dumps({"quiet": []}))
    arguments = [
        *("-m", "fleet", "run", f"{_MODULE}:process", "--key", f"{_MODULE}:key"),
        f"--outputs={run_dir}/outputs.json",
        f"--settings={settings}",
        *("--topic", topic, "--group", group, "--zone", zone),
        *("--protocol", workload.protocol.value, "--follow"),
    ]
    if own is not None:
        arguments += ["--credentials", SECRET]
    return Launch(
        tuple(arguments),
        environment={MEMBER: json.dumps(asdict(spec))},
        secret=own.to_json() if own is not None else "",
    )


def event_of(member: int, said: Mapping[str, Any]) -> dict[str, Any]:
    """What one line of a member is to the history; its own reports are events already."""
    signal, partition = said.get("signal"), said.get("partition")
    if signal in _ASSIGNMENTS:
        return {"e": _ASSIGNMENTS[signal], "member": member, "partitions": [partition]}
    if signal == "committed":
        return {"e": "commit", "member": member, "offsets": {partition: said["offset"]}}
    if signal is not None:
        return {"e": "fleet-signal", "member": member, **said}
    if said.keys() >= _ENDING:
        return {"e": "member-exit", "member": member, **said}
    return dict(said)
