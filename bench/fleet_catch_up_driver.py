"""A fleet at a handler of which half the work may be put off: as usual, or catching up.

Prints how many records are done with as time goes on; times are the machine's monotonic seconds.
"""

import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from blueprint.outputs import load
from fleet.placing import Place
from fleet.record import Record
from fleet.running import FleetProcess
from fleet.settings import fleet_settings
from fleet.signals import unheard
from fleet.split import Split

_MOST_WAIT_S = 60.0
_SAMPLE_S = 0.02
Work = Callable[[float], None]


def compute(work_s: float) -> None:
    """Hold the interpreter."""
    until_ns = time.thread_time_ns() + int(work_s * 1e9)
    while time.thread_time_ns() < until_ns:
        pass


def split_of(kind: str, call_s: float, record_s: float, many: bool) -> Split:
    """Both parts cost the same: something for each call, and something for each record.

    Args:
        kind: ``wait`` or ``cpu``.
        call_s: What a call costs, however many records it is for.
        record_s: What each record costs.
        many: Whether the essential part of many records can be done in one call.
    """
    work: Work = time.sleep if kind == "wait" else compute

    def part(_: Record) -> None:
        work(call_s + record_s)

    def part_of_many(records: Sequence[Record]) -> None:
        work(call_s + record_s * len(records))

    return Split(essential=part, rest=part, essential_many=part_of_many if many else None)


def main() -> None:
    """Work until the span is over."""
    outputs, topic, group, contender, kind, call_us, record_us, span = sys.argv[1:9]
    split = split_of(kind, float(call_us) / 1e6, float(record_us) / 1e6, contender == "many")
    fields = {
        "topics": (topic,),
        "group": group,
        "protocol": "cooperative",
        "dead_letters": f"{topic}-dead-letter",
        "deferred": f"{topic}-deferred",
        "catch_up": {"when": "never" if contender == "normal" else "now"},
    }
    place = Place(load(Path(outputs).read_text()))
    process = FleetProcess(fleet_settings(fields), place, split, tell=unheard)
    threading.Thread(target=process.run, daemon=True).start()
    samples: list[tuple[float, int]] = []
    deadline_s = time.monotonic() + _MOST_WAIT_S
    for _ in itertools.count():
        time.sleep(_SAMPLE_S)
        done = process.member.figures().crew.finished.records
        if done:
            samples.append((time.monotonic(), done))
        if time.monotonic() > deadline_s or (
            samples and samples[-1][0] - samples[0][0] > float(span)
        ):
            break
    figures = process.member.figures()
    print(json.dumps({"samples": samples, "deferred": figures.crew.deferred}), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
