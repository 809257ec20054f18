"""A resource's properties as the engine sends them, made plain: each resource is decoded once."""

from typing import Final

from google.protobuf.struct_pb2 import Struct, Value
from pulumi.runtime import rpc

from policies.resource import UNKNOWN, Secret

#: What stands for a value that is not known yet, by its type: a string (also where the type is
#: not known), a bool, a number, an array, an asset, an archive, an object. Source: pulumi's
#: sdk/go/common/resource/plugin/rpc.go.
_UNKNOWNS: Final = frozenset(
    {
        rpc.UNKNOWN,
        "1c4a061d-8072-4f0a-a4cb-0ff528b18fe7",
        "3eeb2bf0-c639-47a8-9e75-3b44932eb421",
        "6a19a0b0-7e62-4c92-b797-7f8e31da9cc2",
        "030794c1-ac77-496b-92df-f27374a8bd58",
        "e48ece36-62e2-4504-bad9-02848725956a",
        "dd056dcd-154b-4c76-9bd3-c8f88648b5ff",
    }
)
_SIGNATURE: Final = rpc._special_sig_key


def decoded(struct: Struct) -> dict[str, object]:
    """The properties by name, in the order of their names: on the wire they have none."""
    return {name: _plain(value) for name, value in sorted(struct.fields.items())}


def _plain(value: Value) -> object:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _of_struct(value.struct_value)
    if kind == "list_value":
        return [_plain(item) for item in value.list_value.values]
    if kind == "string_value":
        return UNKNOWN if value.string_value in _UNKNOWNS else value.string_value
    if kind == "number_value":
        return value.number_value
    return value.bool_value if kind == "bool_value" else None


def _of_struct(struct: Struct) -> object:
    """A mapping, or what its signature says that it stands for."""
    fields = struct.fields
    if _SIGNATURE not in fields:
        return decoded(struct)
    signature = fields[_SIGNATURE].string_value
    if signature == rpc._special_secret_sig:
        return Secret(_plain(fields["value"]) if "value" in fields else None)
    if signature == rpc._special_output_value_sig:
        held = _plain(fields["value"]) if "value" in fields else UNKNOWN
        secret = "secret" in fields and fields["secret"].bool_value
        return Secret(held) if secret else held
    # An asset, an archive or a resource: what describes it.
    return {name: value for name, value in decoded(struct).items() if name != _SIGNATURE}
