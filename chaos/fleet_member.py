"""A member of the group as a process of the real fleet: ``python -m fleet run`` with our handler.

The suite knows the fleet by its door alone, as any user does; what members say of themselves is
turned into the history's events here.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from blueprint.fleet_options import SQLITE
from blueprint.fleets import DEAD_LETTERS, DEFERRED
from blueprint.security import Credentials
from chaos.crew import SECRET, Launch
from chaos.effects import dedup_of
from chaos.experiment.model import Source, Workload
from chaos.experiment.work import LANES, Effects
from chaos.workload.spec import MEMBER, MemberSpec

_MODULE = "chaos.workload.member"
_SPLIT_MODULE = "chaos.workload.split_member"
_EFFECT_MODULE = "chaos.workload.effect_member"
#: What is read and not done, in each member that may catch up: what is in flight already when it
#: begins to is still done in full, and shall take a second or two.
_IN_FLIGHT_S = 1.0
#: Handlers of one database that has one writer take turns: more lanes make more transactions of the
#: same records, each with a wait for the disk.
EFFECT_LANES = 4
#: The group's lag is asked for so often.
_LAG_LOOK_S = 0.5
#: Signals of the fleet that belong into the history, and the events they are there.
_ASSIGNMENTS = {"assigned": "assign", "revoked": "revoke", "lost": "lost-partitions"}
_ENDING = frozenset({"abandoned", "uncommitted", "unburied"})


def topics_beside(group: str, workload: Workload) -> tuple[str, ...]:
    """The topics that a group's fleet wants: of what failed, and of what it puts off."""
    deferred = () if workload.work.catch_up is None else (f"{group}{DEFERRED}",)
    return (f"{group}{DEAD_LETTERS}", *deferred)


def member_spec(
    run_dir: Path, run: int, index: int, workload: Workload, database: str = ""
) -> MemberSpec:
    """What one member's handler is told; the database is that of its effects."""
    record_s = workload.work.record_s(len(workload.members), workload.rate_per_s)
    return MemberSpec(str(run_dir / "history"), run, index, record_s, database)


def handler_of(workload: Workload) -> tuple[str, ...]:
    """The handler and the key of members, as the fleet's door takes them."""
    effects = workload.work.effects
    if effects is not None:
        handler = f"{_EFFECT_MODULE}:{effects.name.lower()}"
    else:
        module = _MODULE if workload.work.catch_up is None else _SPLIT_MODULE
        handler = f"{module}:handle"
    return handler, "--key", f"{_MODULE}:key"


def settings_of(workload: Workload, database: str = "") -> dict[str, object]:
    """The fleet's settings that differ from its own."""
    # Every commit is said: the verdict compares them with what was processed.
    chosen: dict[str, object] = {"quiet": [], "lanes": LANES}
    if workload.work.effects is Effects.EXACTLY_ONCE:
        # What comes out of an outbox may be in the log twice, and is known by its id.
        by = "ids" if workload.source is Source.OUTBOX else "keys"
        chosen["dedup"] = dedup_of(database, by)
        chosen["lanes"] = EFFECT_LANES if database.startswith(SQLITE) else LANES
    if workload.work.catch_up is not None:
        each = workload.rate_per_s / len(workload.members)
        chosen["in_flight_records"] = max(LANES, round(_IN_FLIGHT_S * each))
        catch_up = workload.work.catch_up.model_dump(mode="json")
        chosen["catch_up"] = {**catch_up, "look_every_s": _LAG_LOOK_S}
    return chosen


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
    settings.write_text(json.dumps(settings_of(workload, spec.effects)))
    arguments = [
        *("run", *handler_of(workload)),
        f"--settings={settings}",
        *("--topic", topic, "--group", group, "--zone", zone),
        *("--protocol", workload.protocol.value, "--follow"),
    ]
    return fleet_door(run_dir, own, arguments, spec)


def fleet_door(
    run_dir: Path,
    own: Credentials | None,
    arguments: Sequence[str],
    spec: MemberSpec | None = None,
) -> Launch:
    """How the fleet's door is called on the run's cluster, and what its handler is told.

    Where the cluster asks for credentials, ``own`` are the suite's.
    """
    asked = () if own is None else ("--credentials", SECRET)
    return Launch(
        ("-m", "fleet", *arguments, f"--outputs={run_dir}/outputs.json", *asked),
        environment={} if spec is None else {MEMBER: json.dumps(asdict(spec))},
        secret="" if own is None else own.to_json(),
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
