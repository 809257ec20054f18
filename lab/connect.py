"""One Kafka Connect with Debezium on this machine: started, killed, found again, taken down."""

import http.client
import json
import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psycopg

from blueprint.connector import (
    SLOT,
    MadeTopics,
    OutboxDatabase,
    Worker,
    WorkerMode,
    outbox_connector,
    properties,
    worker_settings,
)
from blueprint.failover_profile import FailoverProfile
from lab import process
from lab.jvm import Jvm
from lab.postgres import DATABASE, HOST, USER, Postgres
from lab.problem import LabError
from lab.tools.java import java
from lab.tools.kafka import connect_jars, jars

START_TIMEOUT_S = 120.0
STOP_TIMEOUT_S = 20.0
NAME = "outbox"
#: Measured: 165 to 220 MB in all.
_HEAP_MB = 192
_CALL_TIMEOUT_S = 30.0
_POLL_S = 0.05
_MAIN = {
    WorkerMode.STANDALONE: "org.apache.kafka.connect.cli.ConnectStandalone",
    WorkerMode.DISTRIBUTED: "org.apache.kafka.connect.cli.ConnectDistributed",
}


Answer = dict[str, object]


@dataclass(frozen=True, slots=True)
class Connect:
    """A worker with the outbox connector of one database; every method may be repeated.

    Attributes:
        folder: Of its files; the database's own, so that both are found and go together.
        port: Of its API on loopback.
    """

    folder: Path
    database: Postgres
    bootstrap: str
    mode: WorkerMode
    port: int
    profile: FailoverProfile
    topics: MadeTopics
    slot: str = SLOT

    @property
    def mark(self) -> str:
        """What it is found by."""
        return process.mark(self.folder, f"connect-{self.mode}")

    @property
    def log(self) -> Path:
        """What it says."""
        return self.folder / "log" / f"connect-{self.mode}.log"

    def pid(self) -> int | None:
        """Its process, or None when it has none."""
        found = process.find(self.mark)
        return found.pid if found else None

    def start(self) -> None:
        """Start it unless it runs, and wait until changes flow.

        Raises:
            LabError: It ended, its connector failed, or nothing flowed in time.
        """
        deadline_s = time.monotonic() + START_TIMEOUT_S
        if self.pid() is None:
            self._spawn()
        if self.mode is WorkerMode.DISTRIBUTED:
            self._put_connector(deadline_s)
        self.await_streaming(deadline_s - time.monotonic())

    def await_streaming(self, timeout_s: float = START_TIMEOUT_S) -> None:
        """Wait until the connector runs and reads from its slot: RUNNING alone is not streaming.

        Raises:
            LabError: It ended, its connector failed, or nothing flowed in time.
        """
        deadline_s = time.monotonic() + timeout_s
        while not (self._running() and self._reading()):
            self._check(deadline_s)
            time.sleep(_POLL_S)

    def kill(self) -> None:
        """SIGKILL."""
        process.kill(process.find_all(self.mark, exact=True))

    def stop(self) -> None:
        """End it in order."""
        process.terminate(process.find_all(self.mark, exact=True), STOP_TIMEOUT_S)

    def down(self) -> None:
        """End it, and remove its files."""
        self.kill()
        shutil.rmtree(self.folder / "connect", ignore_errors=True)

    def _spawn(self) -> None:
        files = self.folder / "connect"
        files.mkdir(parents=True, exist_ok=True)
        worker = files / f"{self.mode}.properties"
        described = Worker(
            self.mode,
            self.bootstrap,
            group=f"{self.slot}-connect",
            rest=f"{HOST}:{self.port}",
            offsets_file=str(files / "offsets"),
        )
        settings = worker_settings(described, self.profile, self.topics.replicas)
        worker.write_text(properties(settings))
        # No cache of a quick start: it was made for another class path.
        jvm = Jvm(java(), jars(_untold), None)
        marked = f"-Dquorate.process={self.mark}"
        beside = connect_jars(_untold)
        command = [*jvm.command(_MAIN[self.mode], _HEAP_MB, marked, beside=beside), str(worker)]
        if self.mode is WorkerMode.STANDALONE:
            connector = files / "connector.properties"
            connector.write_text(properties({"name": NAME, **self._connector()}))
            command.append(str(connector))
        process.spawn(command, self.log)

    def _connector(self) -> dict[str, str]:
        place = OutboxDatabase(HOST, self.database.port, DATABASE, USER)
        return outbox_connector(place, self.mode, self.topics, self.slot)

    def _put_connector(self, deadline_s: float) -> None:
        path, body = f"/connectors/{NAME}/config", json.dumps(self._connector())
        while True:
            status, said = self._call("PUT", path, body)
            if status in (200, 201):
                return
            if status == 400:
                raise LabError(f"Connect refused the connector: {said.get('message')}")
            self._check(deadline_s)
            time.sleep(_POLL_S)

    def _running(self) -> bool:
        status, said = self._call("GET", f"/connectors/{NAME}/status")
        if status != 200:
            return False
        tasks = said.get("tasks")
        states = [task["state"] for task in tasks] if isinstance(tasks, list) else []
        if "FAILED" in states and isinstance(tasks, list):
            trace = str(tasks[0].get("trace", "")).splitlines() or ["it said nothing"]
            # Java's last cause is the first one.
            reason = [trace[0], *(line for line in trace if line.startswith("Caused by: "))][-1]
            raise LabError(f"the connector failed: {reason}; see {self.log}")
        return states == ["RUNNING"]

    def _reading(self) -> bool:
        with suppress(psycopg.OperationalError), psycopg.connect(self.database.dsn) as connection:
            found = connection.execute(
                "select active from pg_replication_slots where slot_name = %s", (self.slot,)
            ).fetchone()
            return found == (True,)
        return False

    def _check(self, deadline_s: float) -> None:
        if self.pid() is None:
            raise LabError(f"Connect ended while it started; {self.log} says why")
        if time.monotonic() > deadline_s:
            raise LabError(f"no change flowed through Connect in time; see {self.log}")

    def _call(self, method: str, path: str, body: str | None = None) -> tuple[int, Answer]:
        """The status and what was said; 0 while it does not listen."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=_CALL_TIMEOUT_S)
        try:
            connection.request(method, path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
            return answer.status, json.loads(text) if text else {}
        except (OSError, http.client.HTTPException, ValueError):
            return 0, {}
        finally:
            connection.close()


def _untold(_: int, __: int) -> None:
    """Nobody looks."""
