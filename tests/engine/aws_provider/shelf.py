"""Types whose API moto has not got: kept as parameters in moto, their requests checked by model.

What is asked for is held to the service's own model in botocore (names, types, what is required),
so that a wrong input fails here as it would there.
"""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from tests.engine.aws_provider.cloud import Cloud, is_missing
from tests.engine.aws_provider.entry import Entry
from tests.engine.aws_provider.names import Values
from tests.engine.provider_protocol.provider import Refused

Request = Callable[[Values], Values]
Told = Callable[[Cloud, str, Values], Values]

#: Beside everything else that a test finds in moto, these begin so.
SHELF = "/stand-in/"
_LARGEST_CHARACTERS = 8192


def shelved(
    service: str,
    operation: str,
    *,
    request: Request,
    id_of: Callable[[Cloud, Values], str],
    told: Told = lambda cloud, id_, known: {},
    changes: str = "",
    **rest: Any,  # noqa: ANN401 the other attributes of the entry
) -> Entry:
    """A type that is kept on the shelf.

    Args:
        service: As boto3 has it.
        operation: The call whose model the request is held to, such as ``CreateAddon``.
        request: The inputs as that call wants them.
        id_of: The id; two with the same id are refused.
        told: Outputs beside the inputs.
        changes: Inputs that can be changed in place.
        rest: The other attributes of the entry.
    """

    def keep(cloud: Cloud, id_: str, inputs: Values, anew: bool) -> None:
        asked = request(inputs)
        validate_parameters(
            asked, cloud(service).meta.service_model.operation_model(operation).input_shape
        )
        text = json.dumps(asked)
        if len(text) > _LARGEST_CHARACTERS:
            raise Refused(f"{operation}: {len(text)} characters do not fit on the shelf")
        cloud("ssm").put_parameter(
            Name=_place(id_), Value=text, Type="String", Tier="Advanced", Overwrite=anew
        )

    def create(cloud: Cloud, inputs: Values) -> str:
        id_ = id_of(cloud, inputs)
        keep(cloud, id_, inputs, anew=False)
        return id_

    def read(cloud: Cloud, id_: str, known: Values) -> Values | None:
        try:
            cloud("ssm").get_parameter(Name=_place(id_))
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return told(cloud, id_, known)

    def update(cloud: Cloud, id_: str, old: Values, new: Values) -> None:
        keep(cloud, id_, new, anew=True)

    def delete(cloud: Cloud, id_: str, known: Values) -> None:
        cloud("ssm").delete_parameter(Name=_place(id_))

    return Entry(create=create, read=read, delete=delete, updates={changes: update}, **rest)


def shelve_tags(cloud: Cloud, id_: str, tags: Mapping[str, str], removed: list[str]) -> None:
    """Tag what is on the shelf."""
    named: Values = {"ResourceType": "Parameter", "ResourceId": _place(id_)}
    if removed:
        cloud("ssm").remove_tags_from_resource(**named, TagKeys=removed)
    if tags:
        pairs = [{"Key": key, "Value": value} for key, value in tags.items()]
        cloud("ssm").add_tags_to_resource(**named, Tags=pairs)


def _place(id_: str) -> str:
    return SHELF + re.sub(r"[^\w.-]", "_", id_)
