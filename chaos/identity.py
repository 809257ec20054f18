"""Who the suite is to a cluster: its credentials, from wherever the outputs say they are kept."""

import os
import stat
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path

from blueprint.client_settings import Setting
from blueprint.outputs import CredentialsOutput, StackOutputs
from blueprint.problem import BadInput, Problem
from blueprint.security import Credentials, client_security, credentials_of

_OTHERS = stat.S_IRWXG | stat.S_IRWXO


def client_identity(outputs: StackOutputs) -> dict[str, Setting]:
    """What every client of the suite adds to its settings; nothing where nobody is asked.

    Raises:
        BadInput: The credentials cannot be had, or are not of the kind that the cluster asks for.
    """
    return client_security(outputs.security, suite_credentials(outputs))


def suite_credentials(outputs: StackOutputs) -> Credentials | None:
    """The suite's credentials; None where nobody is asked who he is.

    Raises:
        BadInput: They cannot be had.
    """
    return None if outputs.security is None else _read(outputs.security.credentials)


@lru_cache(maxsize=8)
def _read(kept: CredentialsOutput) -> Credentials:
    """Read once: a secret store is slow, and may be out of reach while a zone is lost."""
    return credentials_of(_SOURCES[kept.source](kept.at), f"{kept.source} {kept.at}")


def _from_file(at: str) -> str:
    legal = "a file that only its owner may read"
    try:
        with Path(at).open() as file:
            if os.fstat(file.fileno()).st_mode & _OTHERS:
                remedy = f"run `chmod 600 {at}`, and change what others may have read"
                raise BadInput([Problem("security.credentials", at, legal, remedy)])
            return file.read()
    except (OSError, UnicodeDecodeError) as error:
        reason = str(getattr(error, "strerror", None) or "it is no text")
        raise BadInput([Problem("security.credentials", at, legal, reason)]) from None


def _from_aws(at: str) -> str:
    # Only who needs it pays for it: the client of AWS takes longer to import than all the rest.
    from chaos.aws_secret import read_secret

    return read_secret(at)


def _from_kubernetes(at: str) -> str:
    legal = "source: file, with the secret mounted into the pod that the suite runs in"
    remedy = "or write the secret's text into a file with mode 0600 and name that in the outputs"
    raise BadInput([Problem("security.credentials", f"kubernetes-secret {at}", legal, remedy)])


#: One function per place; each returns the JSON that is kept there.
_SOURCES: Mapping[str, Callable[[str], str]] = {
    "file": _from_file,
    "aws-secret": _from_aws,
    "kubernetes-secret": _from_kubernetes,
}
