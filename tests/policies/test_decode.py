"""Whatever an engine may send, over its protocol: decoded, and judged without a crash."""

from collections.abc import Iterator

import pytest
from google.protobuf.struct_pb2 import ListValue, Struct, Value
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pulumi.runtime import rpc

from policies.decode import decoded
from policies.extract import view_of
from policies.pack import Pack
from policies.resource import UNKNOWN, Secret, has_unknown
from policies.rules import RULES
from tests.policies.asking import TODAY, Asking, asking
from tests.policies.stacks import STACKS, shipped

FUZZ = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
_SIGNATURES = (
    rpc._special_secret_sig,
    rpc._special_output_value_sig,
    rpc._special_asset_sig,
    rpc._special_archive_sig,
    rpc._special_resource_sig,
    "no signature",
)
_NAMES = st.sampled_from(["value", "secret", "spec", "config", "data", "metadata", "x"])


def _struct(fields: dict[str, Value]) -> Value:
    return Value(struct_value=Struct(fields=fields))


def _signed(fields: dict[str, Value], signature: str) -> Value:
    return _struct({**fields, rpc._special_sig_key: Value(string_value=signature)})


LEAVES = st.one_of(
    st.just(Value()),
    st.booleans().map(lambda one: Value(bool_value=one)),
    st.floats().map(lambda one: Value(number_value=one)),
    st.text(max_size=20).map(lambda one: Value(string_value=one)),
    st.just(Value(string_value=rpc.UNKNOWN)),
)
VALUES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda one: Value(list_value=ListValue(values=one))),
        st.dictionaries(_NAMES, inner, max_size=3).map(_struct),
        st.builds(
            _signed, st.dictionaries(_NAMES, inner, max_size=3), st.sampled_from(_SIGNATURES)
        ),
    ),
    max_leaves=12,
)
RESOURCES = [one for stack in STACKS for one in shipped(stack)]


@pytest.fixture(scope="module")
def asked() -> Iterator[Asking]:
    """The pack as it is shipped."""
    with asking(Pack(RULES, view_of, lambda: TODAY)) as one:
        one.configure_stack({})
        yield one


@FUZZ
@given(fields=st.dictionaries(st.text(max_size=8), VALUES, max_size=4))
def test_anything_is_decoded(fields: dict[str, Value]) -> None:
    """Into values of the kinds that rules know, and of no other."""
    values = decoded(Struct(fields=fields))
    assert set(values) == set(fields)
    assert has_unknown(values) in (True, False)
    assert all(map(_known_kind, values.values()))


@FUZZ
@given(data=st.data())
def test_no_rule_crashes_on_a_resource_with_junk_in_it(data: st.DataObject, asked: Asking) -> None:
    """One property of a real resource is something else, or is not there, or one is too many."""
    resource = data.draw(st.sampled_from(RESOURCES))
    names = [*resource.properties, "extra"]
    changed = data.draw(st.dictionaries(st.sampled_from(names), VALUES, min_size=1, max_size=3))
    told = asked.tell(resource, Struct(fields=changed))
    told += asked.tell_all([(resource, Struct(fields=changed))])
    assert [one for one in told if "not judged" in one.message] == []


@pytest.mark.parametrize("stack", STACKS)
def test_no_rule_crashes_on_a_resource_of_nothing(stack: str, asked: Asking) -> None:
    """All properties gone."""
    for resource in shipped(stack):
        told = asked.tell(resource, Struct())
        assert [one for one in told if "not judged" in one.message] == [], resource.urn


def test_what_is_signed_is_what_it_stands_for() -> None:
    """Secrets, outputs with and without a value, and what holds neither."""
    text = Value(string_value="x")
    secret = _signed({"value": text}, rpc._special_secret_sig)
    known = _signed({"value": text}, rpc._special_output_value_sig)
    hidden = {"value": text, "secret": Value(bool_value=True)}
    values = decoded(
        Struct(
            fields={
                "secret": secret,
                "secret-of-nothing": _signed({}, rpc._special_secret_sig),
                "secret-of-unknown": _signed(
                    {"value": Value(string_value=rpc.UNKNOWN)}, rpc._special_secret_sig
                ),
                "output": known,
                "output-unknown": _signed({}, rpc._special_output_value_sig),
                "output-secret": _signed(hidden, rpc._special_output_value_sig),
                "asset": _signed({"text": text}, rpc._special_asset_sig),
            }
        )
    )
    assert values == {
        "secret": Secret("x"),
        "secret-of-nothing": Secret(None),
        "secret-of-unknown": Secret(UNKNOWN),
        "output": "x",
        "output-unknown": UNKNOWN,
        "output-secret": Secret("x"),
        "asset": {"text": "x"},
    }
    assert has_unknown([{"deep": values["secret-of-unknown"]}])
    assert not has_unknown(values["secret"])
    assert repr(values["secret"]) == "[secret]"


def _known_kind(value: object) -> bool:
    if isinstance(value, Secret):
        return _known_kind(value.value)
    if isinstance(value, dict):
        return all(map(_known_kind, value.values()))
    if isinstance(value, list):
        return all(map(_known_kind, value))
    return value is None or value is UNKNOWN or isinstance(value, bool | float | str)
