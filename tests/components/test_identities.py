"""Who is who in a stack on AWS: made once, signed anew in time, and never at odds."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest

from blueprint.certificates import VALID_FOR, renewal_due
from blueprint.security import Credentials, credentials_of
from components import identities
from components.identities import (
    AuthorityProvider,
    ClusterIdProvider,
    IdentityProvider,
    kafka_uuid,
)


def _authority() -> dict[str, Any]:
    outs = AuthorityProvider().create({"name": "quorate test"}).outs
    assert outs is not None
    return outs


def _asked(**changed: object) -> dict[str, Any]:
    authority = _authority()
    return {
        "unit": "quorate-clients",
        "name": "billing",
        "hosts": [],
        "with_password": True,
        "authority_pem": authority["certificate_pem"],
        "authority_key_pem": authority["key_pem"],
        **changed,
    }


def test_the_authoritys_key_stays_with_the_authority() -> None:
    """What it signs has a key of its own, and no other."""
    asked = _asked()
    made = IdentityProvider().create(asked).outs
    assert made is not None
    assert asked["authority_key_pem"] not in json.dumps(made)
    assert made["key_pem"] != asked["authority_key_pem"]


def test_a_password_survives_another_certificate() -> None:
    """Clients that run with it go on; without one there is none."""
    asked = _asked()
    made = IdentityProvider().create(asked).outs
    assert made is not None
    again = IdentityProvider().update("id", made, asked | {"hosts": ["elsewhere"]}).outs
    assert again is not None
    assert again["certificate_pem"] != made["certificate_pem"]
    assert (again["password"], again["salted_user"]) == (made["password"], made["salted_user"])
    without = IdentityProvider().create(_asked(with_password=False)).outs
    assert without is not None
    assert (without["password"], without["salted_user"]) == ("", "")


def test_only_what_is_asked_for_and_time_change_an_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The same again is no change, until the certificate is about to end."""
    asked = _asked()
    made = IdentityProvider().create(asked).outs
    assert made is not None
    assert not IdentityProvider().diff("id", made, asked).changes
    assert IdentityProvider().diff("id", made, asked | {"hosts": ["new"]}).changes
    assert IdentityProvider().diff("id", made, asked | {"with_password": False}).changes

    def later(certificate_pem: str, now: datetime) -> bool:
        return renewal_due(certificate_pem, now + VALID_FOR - timedelta(days=1))

    monkeypatch.setattr(identities, "renewal_due", later)
    assert IdentityProvider().diff("id", made, asked).changes


def test_an_authority_and_a_cluster_id_are_made_once() -> None:
    """Another authority would be trusted by nobody, another id would refuse every volume."""
    made = _authority()
    assert not AuthorityProvider().diff("id", made, {"name": "quorate test"}).changes
    assert not ClusterIdProvider().diff("id", {"cluster_id": "x"}, {}).changes


def test_ids_are_as_kafka_writes_them() -> None:
    """22 characters, and never one that StorageTool takes for an option."""
    for _ in range(500):
        drawn = kafka_uuid()
        assert len(drawn) == 22
        assert not drawn.startswith("-")


def test_credentials_are_read_back_as_they_were_written() -> None:
    """What the suite reads from the secret store is what was put there."""
    made = IdentityProvider().create(_asked()).outs
    assert made is not None
    written = Credentials("billing", made["password"], made["certificate_pem"], made["key_pem"])
    assert credentials_of(written.to_json(), "secret") == written
