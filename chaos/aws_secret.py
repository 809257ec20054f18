"""The suite's credentials where a stack on AWS keeps them: in Secrets Manager."""

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from blueprint.problem import BadInput, Problem

#: Read once, before anything is disturbed: patience costs nothing here.
_BOUNDED = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 3})
_REGION_AT = 3
_LONGEST_SAID = 200


def read_secret(arn: str) -> str:
    """The text of a secret, from the region that its ARN names.

    Raises:
        BadInput: It cannot be read, with what AWS said of it.
    """
    parts = arn.split(":")
    legal = "the ARN of a secret of text"
    if len(parts) <= _REGION_AT or parts[0] != "arn" or not parts[_REGION_AT]:
        raise BadInput([Problem("security.credentials", arn, legal)])
    try:
        manager = boto3.client("secretsmanager", region_name=parts[_REGION_AT], config=_BOUNDED)
        said = manager.get_secret_value(SecretId=arn)
    except (ClientError, BotoCoreError) as error:
        remedy = f"AWS says: {' '.join(str(error).split())[:_LONGEST_SAID]}"
        raise BadInput([Problem("security.credentials", arn, legal, remedy)]) from None
    text = said.get("SecretString")
    if not isinstance(text, str):
        raise BadInput([Problem("security.credentials", f"{arn}, which is binary", legal)])
    return text
