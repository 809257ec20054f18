"""What stands behind the provider ends when it should."""

import subprocess
import sys
from pathlib import Path

import psutil
import pytest

_PROGRAM = """
import sys
from pathlib import Path
from tests.engine.aws_provider.stand_in import running_moto
with running_moto(Path(sys.argv[1])) as moto:
    print(moto.client("sts").get_caller_identity()["Account"], flush=True)
    sys.stdin.read()
"""


@pytest.mark.engine
def test_moto_ends_with_whoever_started_it(tmp_path: Path) -> None:
    """A run of the tests that is killed leaves no moto behind."""
    with subprocess.Popen(
        [sys.executable, "-c", _PROGRAM, str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=Path(__file__).parents[3],
        text=True,
    ) as run:
        assert run.stdout is not None
        assert run.stdout.readline().strip() == "123456789012"
        children = psutil.Process(run.pid).children(recursive=True)
        run.kill()
        assert len(children) == 1
        _, alive = psutil.wait_procs(children, timeout=30)
        assert alive == []
