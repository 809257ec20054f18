"""The moments of a run as its events tell them: faults, heals, ISR and leaders."""

from collections.abc import Mapping
from dataclasses import dataclass

from chaos.history.read import Event, History

NS_PER_S = 1_000_000_000


def whole(event: Event, name: str) -> int:
    """An event's field as an integer; -1 when it is not one."""
    value = event.get(name)
    return value if isinstance(value, int) and not isinstance(value, bool) else -1


def number(event: Mapping[str, object], name: str) -> float | None:
    """An event's field as a number, or None."""
    value = event.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return float(value)


@dataclass(frozen=True, slots=True)
class FaultWindow:
    """One fault as it was lived through, in nanoseconds of the run's clock.

    Attributes:
        id: The step's name, unique in the run.
        fault: Its type.
        zone: The zone it struck, or an empty string.
        inject_ns: When the injection began.
        active_ns: When it was complete; the end of the run if it never was.
        healing_ns: When the undoing began; the end of the run if it never did.
        heal_ns: When the undoing was complete; the end of the run if it never was.
        whole_ns: When the cluster was seen whole again; the end of the run if it never was.
        healed: Whether the undoing came to its end.
    """

    id: str
    fault: str
    zone: str
    inject_ns: int
    active_ns: int
    healing_ns: int
    heal_ns: int
    whole_ns: int
    healed: bool


def fault_windows(history: History) -> tuple[FaultWindow, ...]:
    """Every fault of the run, in order."""
    end_ns = whole(history.events[-1], "t_ns")
    moments: dict[str, dict[str, int]] = {}
    for event in history.of_kind("fault-active", "fault-healing", "fault-healed", "whole"):
        moments.setdefault(str(event.get("id")), {})[str(event["kind"])] = whole(event, "t_ns")
    windows = []
    for event in history.of_kind("fault-inject"):
        seen = moments.get(str(event.get("id")), {})
        heal_ns = seen.get("fault-healed", end_ns)
        windows.append(
            FaultWindow(
                id=str(event.get("id")),
                fault=str(event.get("fault")),
                zone=str(event.get("zone") or ""),
                inject_ns=whole(event, "t_ns"),
                active_ns=seen.get("fault-active", end_ns),
                healing_ns=seen.get("fault-healing", heal_ns),
                heal_ns=heal_ns,
                whole_ns=seen.get("whole", end_ns),
                healed="fault-healed" in seen,
            )
        )
    return tuple(windows)


def load_span_ns(history: History) -> tuple[int, int]:
    """From the steady state to the end of the load: what is judged over time."""
    begin, end = history.one("steady"), history.one("load-end")
    first, last = history.events[0], history.events[-1]
    return whole(begin or first, "t_ns"), whole(end or last, "t_ns")


def leader_at(history: History, partition: int, t_ns: int) -> dict[str, object]:
    """Leader, epoch and ISR of a partition at a moment, as last observed before it."""
    found: dict[str, object] = {"leader": None, "epoch": None, "isr": None}
    for event in history.of_kind("isr"):
        if event.get("partition") != partition:
            continue
        if whole(event, "t_ns") > t_ns and found["leader"] is not None:
            break
        found = {name: event.get(name) for name in ("leader", "epoch", "isr")}
    return found


def isr_changes(
    history: History, partition: int, t_ns: int, before_s: float = 10.0, most: int = 20
) -> list[dict[str, object]]:
    """The changes of a partition's ISR and leader from shortly before a moment on.

    What became of a record may be long after its acknowledgement: a leader that comes back empty
    takes everything with it. Times are relative to the moment.
    """
    since_ns = t_ns - int(before_s * NS_PER_S)
    found = [
        {
            "after_s": round((whole(event, "t_ns") - t_ns) / NS_PER_S, 3),
            "leader": event.get("leader"),
            "epoch": event.get("epoch"),
            "isr": event.get("isr"),
        }
        for event in history.of_kind("isr")
        if event.get("partition") == partition and whole(event, "t_ns") >= since_ns
    ]
    return found[:most]
