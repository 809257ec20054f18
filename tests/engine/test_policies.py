"""The policies in the real engine: what they stop, what they let through, and what they say."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from lab.tools.pulumi import PulumiTools
from policies.pack import EXPIRED
from tests.engine.conftest import ProjectEngines
from tests.engine.harness import Engine, EngineFailed, Room, Violated
from tests.engine.paper_topic import Later, PaperTopic
from tests.engine.previews import pack_of

pytestmark = pytest.mark.engine

FOLDER = (Path(__file__).parents[2] / "policies",)
RULE = "two-in-sync"
#: Legal for a new topic, and a violation all the same.
ONE_IN_SYNC = [
    {"name": "orders", "min_insync_replicas": 1},
    {"name": "orders.failed", "partitions": 3},
]


def of_rule(failure: EngineFailed, rule: str = RULE) -> list[Violated]:
    """What was told by one rule until an operation failed."""
    return [one for one in failure.result.violated if one.rule == rule]


def waiver(expires: str) -> str:
    """A waiver of that topic, as a setting."""
    said = {
        "rule": RULE,
        "resource": "topic-orders",
        "reason": "the topic is emptied on Friday and goes",
        "owner": "shop team",
        "expires": expires,
    }
    return json.dumps([said])


@pytest.fixture(scope="module")
def pack(pulumi_tools: PulumiTools) -> tuple[Path, ...]:
    """The pack as this machine's CLI starts it beside the project's own program."""
    return pack_of(pulumi_tools)


def test_a_shipped_stack_passes_its_preview(
    project_engine: ProjectEngines, pack: tuple[Path, ...]
) -> None:
    """As a user runs it, by the project's own program; nothing is told."""
    previewed = project_engine("local").preview(pack)
    assert previewed.violated == ()
    assert previewed.counts["create"] > 0


def test_a_mandatory_violation_fails_the_preview_with_its_message(
    project_engine: ProjectEngines, pack: tuple[Path, ...]
) -> None:
    """Resource, setting, what it is and must be, why, what shows it, how to waive it."""
    engine = project_engine("local", config={"quorate:topics": json.dumps(ONE_IN_SYNC)})
    with pytest.raises(EngineFailed) as failure:
        engine.preview(pack)
    [told] = failure.value.result.violated
    assert (told.rule, told.level, told.name) == (RULE, "mandatory", "topic-orders")
    for part in (
        "min.insync.replicas is '1'",
        "it must be 2",
        "Why: ",
        "python -m chaos run control-min-isr-1",
        "stacks/Pulumi.local.yaml, quorate:waivers: [{rule: two-in-sync, resource: topic-orders",
    ):
        assert part in told.message
    assert "Traceback" not in failure.value.said


def test_a_waiver_lets_it_through_until_its_day(
    project_engine: ProjectEngines, pack: tuple[Path, ...]
) -> None:
    """As advice with reason, owner and end; after that day both fail; a bad one is refused."""
    engine = project_engine("local", config={"quorate:topics": json.dumps(ONE_IN_SYNC)})
    engine.configure({"quorate:waivers": waiver("2999-12-31")})
    [told] = engine.preview(pack).violated
    assert (told.rule, told.level) == (RULE, "advisory")
    assert "waived until 2999-12-31 by shop team: the topic is emptied on Friday" in told.message

    engine.configure({"quorate:waivers": waiver("2020-12-31")})
    with pytest.raises(EngineFailed) as failure:
        engine.preview(pack)
    levels = {one.rule: one.level for one in failure.value.result.violated}
    assert levels == {RULE: "mandatory", EXPIRED.name: "mandatory"}

    engine.configure({"quorate:waivers": waiver("some day")})
    with pytest.raises(EngineFailed, match=r"waivers\.0\.expires") as refused:
        engine.preview(pack)
    assert "Traceback" not in refused.value.said


def test_a_waiver_may_stand_in_the_stacks_file_as_the_page_shows_it(
    project_engine: ProjectEngines, pack: tuple[Path, ...], tmp_path: Path
) -> None:
    """A list with a day that has no quotes, which the engine makes a timestamp of."""
    engine = project_engine("local", config={"quorate:topics": json.dumps(ONE_IN_SYNC)})
    file = tmp_path / "project-local" / "stacks" / "Pulumi.local.yaml"
    [waived] = json.loads(waiver("2999-12-31"))
    entry = "".join(f"      {name}: {said}\n" for name, said in waived.items())
    listed = f"config:\n  quorate:waivers:\n    - {entry.lstrip()}"
    file.write_text(file.read_text().replace("config:\n", listed, 1))
    [told] = engine.preview(pack).violated
    assert (told.rule, told.level) == (RULE, "advisory")
    assert "waived until 2999-12-31 by shop team" in told.message


@pytest.fixture
def folder_engine(tmp_path: Path, pulumi_tools: PulumiTools) -> Engine:
    """An engine without a language host that is older than itself: it starts folders then."""
    tools = replace(pulumi_tools, language_host_dir=pulumi_tools.scripts_dir)
    return Engine.of_program(declare_sound, Room(tmp_path, tools))


def declare_sound() -> None:
    """A topic that promises what it must."""
    PaperTopic("orders", "2")


def declare_broken() -> None:
    """One that does not."""
    PaperTopic("orders", "1")


def declare_unknown() -> None:
    """One of which nobody knows it before the update."""
    PaperTopic("orders", Later("later", "1").later)


def test_the_folder_is_a_pack(folder_engine: Engine) -> None:
    """By its PulumiPolicy.yaml; the environment of the project is what it runs in."""
    told = violations(folder_engine)
    folder_engine.become(declare_broken)
    assert {*violations(folder_engine)} - {*told} == {(RULE, "mandatory", "orders")}


def test_what_is_unknown_at_the_preview_is_judged_at_the_update(folder_engine: Engine) -> None:
    """The preview tells nothing of it; the update fails before the topic is made."""
    folder_engine.become(declare_unknown)
    assert RULE not in {rule for rule, _, _ in violations(folder_engine)}
    with pytest.raises(EngineFailed) as failure:
        folder_engine.up(FOLDER)
    assert [(one.level, one.name) for one in of_rule(failure.value)] == [("mandatory", "orders")]
    made = [one.name for one in failure.value.result.changed()]
    assert "orders" not in made


def violations(engine: Engine) -> list[tuple[str, str, str]]:
    """What a preview tells, whether it fails or not: rule, level, resource."""
    try:
        result = engine.preview(FOLDER)
    except EngineFailed as failure:
        result = failure.result
    return [(one.rule, one.level, one.name) for one in result.violated]
