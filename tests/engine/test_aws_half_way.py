"""A deployment to AWS that breaks off in its middle and is repeated."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from tests.engine.aws_provider.provider import FAILS_ONCE
from tests.engine.aws_provider.stand_in import Moto
from tests.engine.aws_stack import STACK, blueprint, foundation, stand_in
from tests.engine.conftest import ProgramEngines
from tests.engine.harness import EngineFailed

pytestmark = pytest.mark.engine


def test_a_half_failed_up_is_repeated_to_the_same_end(
    program_engine: ProgramEngines, aws: Moto, tmp_path: Path
) -> None:
    """What was made stays, what was not is made, and then nothing is left to do."""
    file = tmp_path / "fails-once"
    file.write_text("Instance broker-2")
    there = stand_in(aws)
    there = replace(there, environment={**there.environment, FAILS_ONCE: str(file)})
    engine = program_engine(foundation(blueprint()), there, stack=STACK)
    promised = {(one.type, one.name) for one in engine.preview().changes}
    with pytest.raises(EngineFailed, match="Instance broker-2 could not be made"):
        engine.up()
    half: dict[str, Any] = engine.state()
    begun = _named(half["resources"])
    assert ("aws:ec2/instance:Instance", "broker-1") in begun
    # In turn: nothing behind the one that failed was begun.
    assert ("aws:ec2/instance:Instance", "broker-3") not in begun
    up = engine.up()
    assert set(up.counts) == {"same", "create"}
    made = {(one.type, one.name) for one in up.changed()}
    assert not made & begun
    whole: dict[str, Any] = engine.state()
    assert promised <= _named(whole["resources"])
    assert len(aws.client("ec2").describe_instances()["Reservations"]) == len(
        blueprint().topology.nodes
    )
    assert set(engine.up().counts) == {"same"}


def _named(resources: Iterable[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(one["type"], one["urn"].rpartition("::")[2]) for one in resources}
