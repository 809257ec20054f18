"""What is said of an input that is refused, and what is not."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from blueprint.broker_settings import BrokerSettings, settings_problems
from blueprint.problem import BadInput
from blueprint.stack_config import AwsConfig, parse_stack
from blueprint.topology import three_zones

TOKEN = "tok-3f9a"
KUBECONFIG = {"users": [{"user": {"token": TOKEN}}]}
AWS = {
    "region": "eu-central-1",
    "availability_zones": ["eu-central-1a", "eu-central-1b", "eu-central-1c"],
    "kafka": {"bucket": "artifacts", "key": "kafka.tgz", "sha512": "0" * 128},
}


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"aws": AWS | {"kubeconfig": KUBECONFIG}}, "aws.kubeconfig"),
        ({"aws": AWS | {"kubeconfig": [TOKEN]}}, "aws.kubeconfig"),
        ({"aws": AWS | {"kube_config": TOKEN}}, "aws.kube_config"),
        ({"aws": [KUBECONFIG]}, "aws"),
        ({"aws": TOKEN}, "aws"),
        ({"kubeconfig": TOKEN}, "kubeconfig"),
        ([KUBECONFIG], "the whole"),
        (f'{{"aws": {TOKEN}', "the whole"),
    ],
)
def test_a_secret_is_never_said(fields: object, path: str) -> None:
    """Wherever it was put, and however it was misspelt; its type helps to find it."""
    with pytest.raises(BadInput) as refused:
        parse_stack(fields, "stack")
    assert TOKEN not in str(refused.value)
    (problem,) = (one for one in refused.value.problems if one.path == f"stack: {path}")
    assert problem.given.startswith("what is not shown here, of type ")


def test_what_is_no_secret_is_said_beside_one() -> None:
    """Of the same section."""
    with pytest.raises(BadInput, match=r"stack: aws\.region: got 'nowhere'"):
        parse_stack({"aws": AWS | {"region": "nowhere"}}, "stack")
    assert TOKEN not in repr(AwsConfig.model_validate(AWS | {"kubeconfig": TOKEN}))


@given(st.sampled_from(["ssl.keystore.password", "sasl.jaas.config", "My.Secret.Provider"]))
def test_the_value_of_a_setting_that_may_be_a_secret_is_not_said(name: str) -> None:
    """Of an override that is refused."""
    settings = BrokerSettings(overrides={name: f"{TOKEN}\n"})
    (problem,) = settings_problems(three_zones(1), settings)
    assert name in problem.path
    assert TOKEN not in str(problem)


def test_nothing_waits_for_a_slow_machine() -> None:
    """The profile of tests/conftest.py is in force: no example has a deadline of its own."""
    assert settings.default is not None
    assert settings.default.deadline is None
