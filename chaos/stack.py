"""StackOutputs of a Pulumi stack, asked of its command line: the suite itself needs no Pulumi."""

import json
import os
import re
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from blueprint.outputs import StackOutputs
from blueprint.outputs import load as load_outputs
from blueprint.problem import BadInput, Problem

#: What the program exports them as.
OUTPUT = "quorate"
#: A backend in the cloud and its sign-in; a backend on disk takes a second.
TIMEOUT_S = 60.0
#: What Pulumi prints in place of a secret, unless it is told to show it; it never is from here.
_SECRET = "[secret]"
_INSTEAD = "`pulumi stack ls` lists stacks; --outputs FILE takes them from a file"
_ROOT = Path(__file__).parents[1]
_LONGEST_SAID = 240


def outputs_of_stack(stack: str) -> StackOutputs:
    """What a stack exports as ``quorate``.

    Args:
        stack: Its name, as ``pulumi stack select`` takes it.

    Raises:
        BadInput: Pulumi is missing or says no, or what it says are not the outputs.
    """
    where = f"--stack {stack[:80]}"
    if not stack or stack.startswith("-") or "\0" in stack:
        raise BadInput([Problem("--stack", repr(stack)[:80], "the name of a stack", _INSTEAD)])
    return load_outputs(_as_object(where, _asked(where, stack)))


def _asked(where: str, stack: str) -> str:
    command = ["pulumi", "stack", "output", OUTPUT, "--json", "--stack", stack]
    try:
        process = subprocess.Popen(
            [*command, "--non-interactive", "--color", "never"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,
            cwd=_ROOT,
            env=os.environ | {"PULUMI_SKIP_UPDATE_CHECK": "true"},
        )
    except FileNotFoundError:
        remedy = 'eval "$(stacks/pulumi.sh env)" finds one; or give --outputs FILE'
        raise BadInput(
            [Problem(where, "no `pulumi` on PATH", "its command line", remedy)]
        ) from None
    except OSError as error:
        given = f"`pulumi`: {error.strerror}"
        raise BadInput([Problem(where, given, "a command that starts")]) from None
    with _ended(process):
        try:
            out, err = process.communicate(timeout=TIMEOUT_S)
        except subprocess.TimeoutExpired:
            given = f"no answer of `pulumi` within {TIMEOUT_S:g} s"
            raise BadInput([Problem(where, given, "an answer", _INSTEAD)]) from None
    if process.returncode != 0:
        raise BadInput([_refused(where, err)])
    return out


@contextmanager
def _ended(process: subprocess.Popen[str]) -> Iterator[None]:
    """However the block ends, neither the process nor what it started is left."""
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def _refused(where: str, stderr: str) -> Problem:
    said = _first_error(stderr)
    if "no stack named" in said:
        return Problem(where, said, "a stack of this project", _INSTEAD)
    if "does not have output property" in said:
        remedy = "bring it up with `pulumi up`; a stack of another program has none"
        return Problem(where, said, f"a stack that exports {OUTPUT!r}", remedy)
    return Problem(where, said, "what `pulumi stack output` accepts", _INSTEAD)


def _first_error(stderr: str) -> str:
    """The line that says what is wrong; what stands before an ``@`` in an address is not shown."""
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    errors = [line for line in lines if line.startswith("error:")]
    said = (errors or lines or ["`pulumi` failed and said nothing"])[0].removeprefix("error:")
    return re.sub(r"://[^/@\s]*@", "://", said.strip())[:_LONGEST_SAID]


def _as_object(where: str, text: str) -> str:
    """The text of the exported object; Pulumi says nothing of it when a part of it is secret."""
    try:
        exported = json.loads(text)
    except ValueError:
        given = "an answer of `pulumi` that is no JSON"
        raise BadInput([Problem(where, given, "JSON", "update Pulumi")]) from None
    if exported == _SECRET:
        given = f"{OUTPUT!r} is a secret"
        legal = "outputs without a secret: where credentials are kept, never what they are"
        raise BadInput([Problem(where, given, legal)])
    if not isinstance(exported, dict):
        given = f"{OUTPUT!r} is no object but {type(exported).__name__}"
        raise BadInput([Problem(where, given, "StackOutputs")])
    return json.dumps(exported)
