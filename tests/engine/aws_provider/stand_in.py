"""The executable that the engine finds on PATH, and the moto that stands behind it."""

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3
import requests

from tests.engine.aws_provider.cloud import ENDPOINT
from tests.engine.harness.engine import StandIn

REGION = "eu-west-1"
_START_TIMEOUT_S = 60
_ROOT = Path(__file__).parents[3]
_RUNNING = re.compile(r"Running on (http://127\.0\.0\.1:\d+)")


@dataclass(frozen=True, slots=True)
class Moto:
    """An AWS of our own on a loopback port.

    Attributes:
        endpoint: Where it answers.
        provider: The stand-in for the AWS provider, in front of it.
    """

    endpoint: str
    provider: StandIn

    def client(self, service: str, region: str = REGION) -> Any:  # noqa: ANN401 boto3 has no types
        """A boto3 client of it."""
        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=region,
            aws_access_key_id="stand-in",
            aws_secret_access_key="stand-in",
        )

    def reset(self) -> None:
        """Empty it."""
        requests.post(f"{self.endpoint}/moto-api/reset", timeout=30).raise_for_status()


@contextmanager
def running_moto(folder: Path) -> Iterator[Moto]:
    """Start moto and write the provider's executable; both end with the block.

    Args:
        folder: An empty folder for its log and the executable.
    """
    log = folder / "moto.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as out:
        process = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
    try:
        endpoint = _endpoint(process, log)
        yield Moto(endpoint, StandIn(_executable(folder / "bin"), {ENDPOINT: endpoint}))
    finally:
        process.terminate()
        process.wait(timeout=30)


def _endpoint(process: "subprocess.Popen[bytes]", log: Path) -> str:
    deadline = time.monotonic() + _START_TIMEOUT_S
    while time.monotonic() < deadline and process.poll() is None:
        found = _RUNNING.search(log.read_text(errors="replace"))
        if found:
            return found[1]
        time.sleep(0.05)
    raise RuntimeError(f"moto did not start within {_START_TIMEOUT_S} s: {log.read_text()}")


def _executable(folder: Path) -> Path:
    folder.mkdir()
    script = folder / "pulumi-resource-aws"
    script.write_text(
        "#!/bin/sh\n"
        f'PYTHONPATH="{_ROOT}" exec "{sys.executable}" -m tests.engine.aws_provider "$@"\n'
    )
    script.chmod(0o755)
    return folder
