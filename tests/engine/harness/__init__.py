'''The real Pulumi engine for tests, over stand-in providers.

A component is tested alone by a small program; it runs in the test's own process, so it may be a
closure, and ``become`` is the edit before the next ``up``:

    @pytest.mark.engine
    def test_a_changed_tag_is_an_update(aws_engine: Engines, aws: Moto) -> None:
        """A tag that changes is one update of that tag."""
        engine = aws_engine(lambda: declare("old"))     # config={...}, stack="..." may be given
        assert engine.preview().counts == {"create": 2}
        assert engine.up().counts == {"create": 2}
        assert engine.up().counts == {"same": 2}
        engine.become(lambda: declare("new"))
        assert engine.up().differences() == {
            "vpc": {"tags.Name": Difference("update", "old", "new")}
        }
        assert aws.client("ec2").describe_vpcs()        # moto really holds it
        engine.destroy()

Fixtures, in ``tests/engine/conftest.py``:

- ``aws``: moto on a loopback port, emptied before the test; ``aws.client("ec2")`` is boto3 on it.
- ``aws_engine(program, config=None, stack="test")``: an `Engine` with the AWS stand-in on PATH.
- ``program_engine(program, *stand_ins, config=None, stack="test")``: any stand-ins, or none.
- ``project_engine(stack, *stand_ins, config=None)``: the project's own ``__main__.py`` with
  ``stacks/Pulumi.STACK.yaml``, run by the CLI and the language host as a user runs them.

An operation returns a `Result`: ``counts`` by operation without the stack itself, ``changes`` with
inputs, outputs and differences by property path, ``one(name)``, ``of_type("Vpc")``, ``messages``.
A failed one raises `EngineFailed` with the ``result`` until then. In a preview what is not known
yet is `UNKNOWN`; a secret is `SECRET`. ``engine.state()`` is the deployment, secrets in clear;
``engine.kept()`` is the text of all that is kept, where no secret may stand in clear.
Each test has a backend, a PULUMI_HOME and a passphrase of its own, and leaves nothing behind.
'''

from tests.engine.harness.engine import Engine, EngineFailed, Room, StandIn
from tests.engine.harness.results import SECRET, UNKNOWN, Change, Difference, Result, Violated

__all__ = [
    "SECRET",
    "UNKNOWN",
    "Change",
    "Difference",
    "Engine",
    "EngineFailed",
    "Result",
    "Room",
    "StandIn",
    "Violated",
]
