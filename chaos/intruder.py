"""Someone who reads beside the group: his process, and the quota that he has or has not."""

from contextlib import suppress
from pathlib import Path
from typing import Any

from blueprint.outputs import StackOutputs
from blueprint.topology import Role
from chaos.crew import Worker, launch
from chaos.live import Live
from chaos.targets.target import TargetError
from chaos.wire import NoAnswer, Wire
from chaos.workload.spec import GreedySpec

_ASK_TIMEOUT_S = 5.0
END_TIMEOUT_S = 10.0
#: To each broker: as many as a broker has threads to answer requests with.
CONNECTIONS = 8


class GreedyReader:
    """One consumer without manners; an :class:`~chaos.faults.fault.Intruder`."""

    def __init__(
        self,
        run_dir: Path,
        outputs: StackOutputs,
        topic: str,
        quota_bytes_per_s: int | None,
        live: Live,
    ) -> None:
        """Bind to a topic; nobody reads yet."""
        self.quota_bytes_per_s = quota_bytes_per_s
        self.read_bytes, self.throttled = 0, False
        self._run_dir, self._outputs, self._live = run_dir, outputs, live
        self._topic, self._client = topic, f"{topic}-greedy"
        self._worker: Worker | None = None

    def start(self, zone: str) -> None:
        """Set his quota, if he has one, and let him read.

        Raises:
            TargetError: No broker took the quota.
        """
        if self.quota_bytes_per_s is not None:
            self._set_quota(self.quota_bytes_per_s)
        outputs = str(self._run_dir / "outputs.json")
        spec = GreedySpec(outputs, self._topic, self._client, CONNECTIONS)
        started = launch(self._run_dir, spec)
        self._worker = Worker(self._run_dir, "greedy", zone, started, self._hear)

    def end(self) -> None:
        """End him; the quota goes with him."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.stop()
            if not worker.wait(END_TIMEOUT_S):
                worker.kill()
        if self.quota_bytes_per_s is not None:
            # It is of a client id that nobody else has: left behind it bounds nobody.
            with suppress(TargetError):
                self._set_quota(None)

    def _hear(self, said: dict[str, Any]) -> None:
        if said.get("e") == "greedy":
            self.read_bytes = int(said["read_bytes"])
            self.throttled = float(said["throttled_s"]) > 0
        self._live.hear(said)

    def _set_quota(self, fetch_bytes_per_s: int | None) -> None:
        refused = []
        with Wire(self._outputs) as wire:
            for node in self._outputs.nodes:
                if node.role is not Role.BROKER:
                    continue
                try:
                    wire.set_fetch_quota(node, self._client, fetch_bytes_per_s, _ASK_TIMEOUT_S)
                except NoAnswer as error:
                    refused.append(str(error))
                else:
                    return
        raise TargetError(f"the quota of {self._client} could not be set: {'; '.join(refused)}")
