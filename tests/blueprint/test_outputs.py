"""StackOutputs: the meeting point of provisioning and chaos."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.outputs import json_schema, load
from blueprint.problem import BadInput

DOCS = Path(__file__).parents[2] / "docs"

GOOD: dict[str, object] = {
    "schema": 1,
    "stack": "local",
    "target": "lab",
    "cluster_id": "cluster",
    "zones": ["a", "b"],
    "nodes": [
        {"id": 1, "name": "broker-1", "role": "broker", "zone": "a", "host": "h", "port": 9092},
        {"id": 2, "name": "broker-2", "role": "broker", "zone": "b", "host": "h", "port": 9092},
    ],
    "bootstrap_servers": {"a": "h:9092", "b": "h:9092"},
    "lab": {"name": "default", "state_dir": "labs/default"},
}


def test_outputs_survive_a_round_trip() -> None:
    """What is written is read back equal, and written again to the same text."""
    outputs = load(json.dumps(GOOD))
    assert load(outputs.to_json()) == outputs
    assert load(outputs.to_json()).to_json() == outputs.to_json()


def test_every_contradiction_is_reported_with_its_path() -> None:
    """Unknown zones and nodes are named together."""
    bad = json.loads(json.dumps(GOOD))
    bad["nodes"][0]["zone"] = "x"
    bad["bootstrap_servers"] = {"a": "h:1", "y": "h:1"}
    bad["links"] = [
        {
            "name": "l",
            "source_zone": "z",
            "node_id": 9,
            "plane": "client",
            "listen": "h:1",
            "upstream": "h:2",
            "api": "h:3",
        }
    ]
    del bad["lab"]
    with pytest.raises(BadInput) as refused:
        load(json.dumps(bad))
    assert {problem.path for problem in refused.value.problems} == {
        "nodes.0.zone",
        "bootstrap_servers.b",
        "bootstrap_servers.y",
        "links.0.source_zone",
        "links.0.node_id",
        "lab",
    }


@pytest.mark.parametrize(
    ("authority", "problems"),
    [
        ({"ca_pem": "PEM"}, []),
        ({"ca_secret": "quorate/kafka-cluster-ca-cert"}, []),
        ({}, ["neither"]),
        ({"ca_pem": "PEM", "ca_secret": "quorate/kafka-cluster-ca-cert"}, ["both"]),
    ],
)
def test_the_authority_is_given_or_said_where(
    authority: dict[str, str], problems: list[str]
) -> None:
    """The authority's certificate is in the outputs, or where it is kept is; one of them."""
    secured = json.loads(json.dumps(GOOD))
    kept = {"source": "kubernetes-secret", "at": "quorate/quorate-chaos"}
    secured["security"] = {"protocol": "SSL", "credentials": kept, **authority}
    try:
        load(json.dumps(secured))
        found = []
    except BadInput as refused:
        found = [problem.given for problem in refused.problems]
    assert found == problems


@given(
    st.text()
    | st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from([*GOOD, "x"]), inner),
    ).map(json.dumps)
)
def test_junk_is_refused_with_a_path_and_never_a_crash(text: str) -> None:
    """Whatever the text is, the answer is a list of problems."""
    with pytest.raises(BadInput) as refused:
        load(text)
    assert all(problem.path and problem.legal for problem in refused.value.problems)


def test_the_written_schema_is_current() -> None:
    """docs/stack-outputs.schema.json is what the code says."""
    assert (DOCS / "stack-outputs.schema.json").read_text() == json_schema()


@pytest.mark.parametrize("target", ["lab", "aws", "kubernetes"])
def test_a_target_says_what_it_is(target: str) -> None:
    """Outputs that name a target and do not describe it cannot be acted on."""
    bad = json.loads(json.dumps(GOOD)) | {"target": target}
    del bad["lab"]
    with pytest.raises(BadInput, match=f"{target}: got nothing"):
        load(json.dumps(bad))
