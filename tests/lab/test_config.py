"""What a lab may be asked for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from blueprint.listeners import Ports
from blueprint.problem import BadInput
from lab.addresses import LabAddresses
from lab.config import LabConfig, load, parse


def test_every_problem_is_named_at_once() -> None:
    """With its path and what is legal."""
    with pytest.raises(BadInput) as refused:
        parse({"name": "A b", "profile": "x", "cross_zone_latency_ms": -1, "more": 1}, "lab.yaml")
    said = str(refused.value)
    for expected in ("lab.yaml: name", "balanced", "cross_zone_latency_ms", "lab.yaml: more"):
        assert expected in said


@given(st.dictionaries(st.text(max_size=10), st.none() | st.integers() | st.text(max_size=10)))
def test_any_mapping_is_taken_or_refused(fields: dict[str, object]) -> None:
    """Never anything but BadInput."""
    try:
        config = parse(fields, "fuzz")
    except BadInput as refused:
        config = None
        said = refused.problems
    assert config is None or isinstance(config, LabConfig)
    assert config is not None or said


@pytest.mark.parametrize("text", ["[1]", "\t", "a: [", "\x00"])
def test_a_file_that_is_no_mapping_is_refused(text: str, tmp_path: Path) -> None:
    """The file is named."""
    file = tmp_path / "lab.yaml"
    file.write_text(text)
    with pytest.raises(BadInput, match=r"lab\.yaml"):
        load(file)


def test_nodes_of_one_zone_have_addresses_of_their_own() -> None:
    """However many there are, and whichever zone looks at them."""
    config = parse({"broker_zones": list("aaabc"), "controller_zones": list("aaa")}, "lab.yaml")
    topology = config.topology()
    addresses = LabAddresses(topology, 77, Ports())
    for zone in topology.zones:
        seen = [addresses.host_from(zone, node) for node in topology.nodes]
        assert len(set(seen)) == len(topology.nodes)


def test_nodes_that_cannot_be_placed_are_refused() -> None:
    """In the words of the topology."""
    with pytest.raises(BadInput, match="broker_zones: got a, b"):
        parse({"broker_zones": ["a", "b"]}, "lab.yaml")
