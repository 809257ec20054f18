"""How the administrator reaches a cluster: the stack's settings, and a file that wins over them."""

import json
import socket
import time
from pathlib import Path
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException
from pulumi.runtime import rpc

from blueprint.problem import BadInput
from components.kafka_admin import (
    LOOK_TIMEOUT_S,
    SETTINGS_VARIABLE,
    Refused,
    admin_of,
    changed_connection,
    connected,
    connection_settings,
    gone,
    looked_at,
    refusals,
)


def props(bootstrap: str = "127.0.0.1:1", **settings: str) -> dict[str, Any]:
    """The inputs of a connection, as the engine hands them to a provider."""
    return {"bootstrap": bootstrap, "settings": json.dumps(settings), "lasting": True}


def test_the_file_wins_over_the_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Setting by setting; one that is null there is left out."""
    file = tmp_path / "tunnel.json"
    file.write_text(json.dumps({"bootstrap.servers": "localhost:9", "sasl.password": None}))
    monkeypatch.setenv(SETTINGS_VARIABLE, str(file))
    given = props("private:9092", **{"sasl.username": "admin", "sasl.password": "secret"})
    assert connection_settings(given) == {
        "bootstrap.servers": "localhost:9",
        "sasl.username": "admin",
    }


@pytest.mark.parametrize("text", [None, "{", "[]", '{"password": secret}'])
def test_a_file_that_is_none_is_named_and_not_quoted(
    text: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line with the variable and what is legal; of its content not a word."""
    file = tmp_path / "tunnel.json"
    if text is not None:
        file.write_text(text)
    monkeypatch.setenv(SETTINGS_VARIABLE, str(file))
    with pytest.raises(BadInput, match="a JSON object of librdkafka settings") as refused:
        connection_settings(props())
    assert SETTINGS_VARIABLE in str(refused.value)
    assert "secret" not in str(refused.value)


def test_settings_that_librdkafka_does_not_know_are_bad_input() -> None:
    """It says which."""
    with pytest.raises(BadInput, match=r"no\.such\.setting"):
        admin_of(props(**{"no.such.setting": "1"}))


def test_one_client_for_all_that_share_a_cluster() -> None:
    """Another set of settings is another client."""
    assert admin_of(props()) is admin_of(props())
    assert admin_of(props()) is not admin_of(props("127.0.0.1:2"))


def test_a_silent_cluster_is_looked_for_once() -> None:
    """Within the time-out, and not again for the next resource; one that does not last is gone."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        asked = props("{}:{}".format(*silent.getsockname()))
        began = time.monotonic()
        assert looked_at(asked) is None
        assert time.monotonic() - began < 2 * LOOK_TIMEOUT_S
        began = time.monotonic()
        assert looked_at(asked) is None
        assert time.monotonic() - began < 0.5
        assert not gone(asked)
        assert gone(asked | {"lasting": False})


def test_what_is_not_known_yet_is_not_asked() -> None:
    """A preview of a cluster that is to be made."""
    unknown = props() | {"bootstrap": rpc.UNKNOWN}
    assert not connected(unknown)
    assert looked_at(unknown) is None
    assert changed_connection(props(), unknown)
    assert not changed_connection(props(), props())


def test_a_refusal_is_one_line() -> None:
    """Whatever the client library says, and when it says nothing in time."""
    with pytest.raises(Refused, match=r"^topic x: a b$"), refusals("topic x"):
        raise KafkaException(KafkaError(KafkaError.INVALID_CONFIG, "a\nb"))
    with pytest.raises(Refused, match="no answer within"), refusals("topic x"):
        raise TimeoutError
