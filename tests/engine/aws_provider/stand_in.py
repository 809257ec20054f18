"""The executable that the engine finds on PATH, and the moto that stands behind it."""

import select
import subprocess
import sys
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
    """Start moto and write the provider's executable; moto ends with the block or this process.

    Args:
        folder: A folder for its log and the executable.

    Raises:
        RuntimeError: It did not start within a minute; the text is its log.
    """
    log = folder / "moto.log"
    command = [sys.executable, "-m", "tests.engine.aws_provider.moto_process"]
    with (
        log.open("wb") as errors,
        subprocess.Popen(
            command, cwd=_ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors
        ) as process,
    ):
        try:
            endpoint = _endpoint(process, log)
            yield Moto(endpoint, StandIn(_executable(folder / "bin"), {ENDPOINT: endpoint}))
        finally:
            process.kill()


def _endpoint(process: "subprocess.Popen[bytes]", log: Path) -> str:
    """Its first line, which it says once it answers."""
    assert process.stdout is not None
    said, _, _ = select.select([process.stdout], [], [], _START_TIMEOUT_S)
    line = process.stdout.readline().decode().strip() if said else ""
    if not line:
        raise RuntimeError(f"moto did not start within {_START_TIMEOUT_S} s: {log.read_text()}")
    return line


def _executable(folder: Path) -> Path:
    folder.mkdir()
    script = folder / "pulumi-resource-aws"
    script.write_text(
        "#!/bin/sh\n"
        f'PYTHONPATH="{_ROOT}" exec "{sys.executable}" -m tests.engine.aws_provider "$@"\n'
    )
    script.chmod(0o755)
    return folder
