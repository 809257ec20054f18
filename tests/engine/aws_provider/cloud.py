"""The AWS that stands behind the provider: boto3 on one endpoint, in one region."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from threading import RLock
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from tests.engine.provider_protocol.provider import Refused

#: Where the stand-in finds its AWS; without it nothing is ever called.
ENDPOINT = "QUORATE_STAND_IN_AWS"

_CONFIG = Config(
    connect_timeout=5, read_timeout=60, retries={"total_max_attempts": 1}, parameter_validation=True
)
#: Of the codes with which AWS says that something is not there.
_MISSING = ("NotFound", "NoSuch", "ResourceNotFound", "NotExist", "NotFoundFault")
#: boto3 makes its clients one at a time, and moto's state is not made for threads.
_TURN = RLock()


class Cloud:
    """One region of one account.

    Attributes:
        region: Such as ``eu-west-1``.
        default_tags: What every resource that can be tagged is tagged with.
    """

    def __init__(self, endpoint: str, region: str, default_tags: Mapping[str, str]) -> None:
        """Call nothing yet."""
        self._endpoint = endpoint
        self._clients: dict[str, Any] = {}
        self.region = region
        self.default_tags = dict(default_tags)

    def __call__(self, service: str) -> Any:  # noqa: ANN401 boto3's clients have no types
        """The boto3 client of a service."""
        if service not in self._clients:
            self._clients[service] = boto3.client(
                service,
                endpoint_url=self._endpoint,
                region_name=self.region,
                aws_access_key_id="stand-in",
                aws_secret_access_key="stand-in",
                config=_CONFIG,
            )
        return self._clients[service]

    @cached_property
    def account(self) -> str:
        """The number of the account."""
        return str(self("sts").get_caller_identity()["Account"])

    def arn(self, service: str, name: str) -> str:
        """The resource name of something in this region and account."""
        return f"arn:aws:{service}:{self.region}:{self.account}:{name}"

    def in_region(self, region: str) -> "Cloud":
        """The same account, as seen from another region."""
        if region == self.region:
            return self
        return Cloud(self._endpoint, region, self.default_tags)


@contextmanager
def calling(what: str) -> Iterator[None]:
    """One at a time; what AWS refuses is a refusal, with its code and message.

    Raises:
        Refused: A call failed; the text says what it was for.
    """
    with _TURN:
        try:
            yield
        except ClientError as error:
            told = error.response["Error"]
            said = f"{error.operation_name}: {told['Code']}: {told['Message']}"
            raise Refused(f"{what}: {said}") from None
        except BotoCoreError as error:
            raise Refused(f"{what}: {error}") from None


def is_missing(error: ClientError) -> bool:
    """Does AWS say that what was asked for is not there?"""
    code = str(error.response["Error"]["Code"])
    return any(part in code for part in _MISSING) or code == "404"
