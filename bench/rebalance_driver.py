"""A member of the rebalance benchmark: how long each record waited, the worst of each moment.

Prints, when it is told to end, for each ``MOMENT_S`` in which a record was handled: when it began,
in seconds since the epoch, and the longest that one of its records had waited since produced.
"""

import json
import os
import signal
import sys
import threading
import time
from collections import defaultdict
from pathlib import Path

from blueprint.outputs import load
from fleet.placing import Place
from fleet.record import Record
from fleet.running import FleetProcess
from fleet.settings import fleet_settings
from fleet.signals import unheard

MOMENT_S = 0.05


def main() -> None:
    """Work until SIGTERM; then leave the group in order."""
    outputs, topic, group, protocol = sys.argv[1:5]
    worst_s: dict[int, float] = defaultdict(float)
    lock = threading.Lock()

    def handle(record: Record) -> None:
        now_s = time.time()
        waited_s = now_s - record.timestamp()[1] / 1000
        moment = int(now_s / MOMENT_S)
        with lock:
            worst_s[moment] = max(worst_s[moment], waited_s)

    fields = {
        "topics": (topic,),
        "group": group,
        "protocol": protocol,
        "dead_letters": f"{topic}-dead-letter",
    }
    place = Place(load(Path(outputs).read_text()))
    process = FleetProcess(fleet_settings(fields), place, handle, tell=unheard)
    signal.signal(signal.SIGTERM, lambda *_: process.member.stop())
    process.run()
    with lock:
        said = [(moment * MOMENT_S, waited_s) for moment, waited_s in sorted(worst_s.items())]
    print(json.dumps(said), flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
