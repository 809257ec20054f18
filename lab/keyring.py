"""The folder of one lab's keys, certificates and passwords; only its owner may read it."""

import os
import secrets
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from blueprint.access import ADMIN, SUITE, Principal
from blueprint.certificates import Pair, issue, make_authority
from blueprint.security import (
    CLIENTS_UNIT,
    KEYSTORE_FILE,
    NODES_UNIT,
    TRUSTSTORE_FILE,
    Credentials,
    credentials_of,
)

_AUTHORITY_KEY = "authority-key.pem"
_PASSWORD_BYTES = 32


@dataclass(frozen=True, slots=True)
class Keyring:
    """Where a lab's secrets stand. The authority's key is kept: further clients need it."""

    folder: Path

    def make(self, nodes: Mapping[str, Iterable[str]]) -> None:
        """Make everything anew: the authority, the nodes' certificates, the lab's own principals.

        Args:
            nodes: For each node's name the names and addresses under which it serves.
        """
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True, mode=0o700)
        authority = make_authority("quorate lab authority")
        self._write(TRUSTSTORE_FILE, authority.certificate_pem)
        self._write(_AUTHORITY_KEY, authority.key_pem)
        for name, hosts in nodes.items():
            pair = issue(authority, NODES_UNIT, name, hosts)
            self.of_node(name).mkdir(mode=0o700)
            self._write(f"{name}/{KEYSTORE_FILE}", pair.key_pem + pair.certificate_pem)
            self._write(f"{name}/{TRUSTSTORE_FILE}", authority.certificate_pem)
        for principal in (ADMIN, SUITE):
            self._write(self.file_of(principal).name, self.new_client(principal).to_json())

    def new_client(self, principal: Principal) -> Credentials:
        """A certificate and a password for a client; the cluster is yet to be told the password."""
        authority = Pair(self.ca_pem(), (self.folder / _AUTHORITY_KEY).read_text())
        pair = issue(authority, CLIENTS_UNIT, principal.name)
        password = secrets.token_urlsafe(_PASSWORD_BYTES)
        return Credentials(principal.name, password, pair.certificate_pem, pair.key_pem)

    def of_node(self, name: str) -> Path:
        """The folder of one node's certificate."""
        return self.folder / name

    def file_of(self, principal: Principal) -> Path:
        """The credentials of one of the lab's own principals, ``ADMIN`` or ``SUITE``."""
        return self.folder / f"{principal.name}.json"

    def credentials(self, principal: Principal) -> Credentials:
        """The credentials of ``ADMIN`` or ``SUITE``.

        Raises:
            BadInput: The file is damaged.
        """
        file = self.file_of(principal)
        return credentials_of(file.read_text(), str(file))

    def ca_pem(self) -> str:
        """The authority's certificate; public."""
        return (self.folder / TRUSTSTORE_FILE).read_text()

    def _write(self, name: str, text: str) -> None:
        handle = os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w") as file:
            file.write(text)
