"""Properties as a provider reads and writes them: plain values, secrets told by path."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from google.protobuf import struct_pb2
from pulumi.runtime import rpc

Path = tuple[str | int, ...]


class Unknown:
    """The value of an output that is known only once something has been made."""

    def __repr__(self) -> str:
        return "UNKNOWN"


UNKNOWN: Final = Unknown()


@dataclass(frozen=True, slots=True)
class Properties:
    """The inputs or outputs of one resource.

    Attributes:
        values: Plain values, secrets in clear; whole numbers are ints. What is not known in a
            preview is ``UNKNOWN``. Never to be printed.
        secrets: Where secrets stand; a path that leads nowhere is no error.
    """

    values: Mapping[str, object]
    secrets: frozenset[Path] = frozenset()

    def at(self, *path: str | int) -> object:
        """The value at a path, or None."""
        return at(self.values, path)

    def unknown(self) -> bool:
        """Is any value, however deep, not known yet?"""
        return any(value is UNKNOWN for _, value in leaves(self.values))

    def having(self, values: Mapping[str, object]) -> "Properties":
        """Other values, with the same places secret."""
        return Properties(values, self.secrets)


def at(tree: object, path: Path) -> object:
    """The value at a path of a tree, or None."""
    for step in path:
        if isinstance(tree, Mapping):
            tree = tree.get(step)
        elif isinstance(tree, list) and isinstance(step, int) and step < len(tree):
            tree = tree[step]
        else:
            return None
    return tree


def leaves(tree: object, path: Path = ()) -> Iterator[tuple[Path, object]]:
    """Every value that is no mapping and no list, with its path; empty ones are leaves too."""
    steps: list[tuple[str | int, object]] = []
    if isinstance(tree, Mapping):
        steps = list(tree.items())
    elif isinstance(tree, list):
        steps = list(enumerate(tree))
    if not steps:
        yield path, tree
    for step, value in steps:
        yield from leaves(value, (*path, step))


def unmarshal(struct: struct_pb2.Struct) -> Properties:
    """What the engine sent."""
    secrets: set[Path] = set()
    values = _plain_fields(struct, (), secrets)
    return Properties(values, frozenset(secrets))


def marshal(properties: Properties) -> struct_pb2.Struct:
    """What the engine is sent.

    Raises:
        TypeError: A value is of a type that the protocol has no form for; the path is named.
    """
    return _wired(properties.values, (), properties.secrets).struct_value


def _plain(value: struct_pb2.Value, path: Path, secrets: set[Path]) -> object:
    kind = value.WhichOneof("kind")
    if kind == "struct_value":
        return _plain_struct(value.struct_value, path, secrets)
    if kind == "list_value":
        items = enumerate(value.list_value.values)
        return [_plain(item, (*path, index), secrets) for index, item in items]
    if kind == "number_value":
        number = value.number_value
        return int(number) if number.is_integer() else number
    if kind == "string_value":
        return UNKNOWN if value.string_value == rpc.UNKNOWN else value.string_value
    return value.bool_value if kind == "bool_value" else None


def _plain_struct(struct: struct_pb2.Struct, path: Path, secrets: set[Path]) -> object:
    fields = struct.fields
    if rpc._special_sig_key not in fields:
        return _plain_fields(struct, path, secrets)
    signature = fields[rpc._special_sig_key].string_value
    if signature != rpc._special_secret_sig:
        raise TypeError(f"{path_text(path)} is an asset, an archive or a resource: not supported")
    secrets.add(path)
    return _plain(fields["value"], path, secrets)


def _plain_fields(struct: struct_pb2.Struct, path: Path, secrets: set[Path]) -> dict[str, object]:
    """In the order of their names: on the wire they have none."""
    fields = sorted(struct.fields.items())
    return {key: _plain(value, (*path, key), secrets) for key, value in fields}


def _wired(value: object, path: Path, secrets: frozenset[Path]) -> struct_pb2.Value:
    wired = _wired_plain(value, path, secrets)
    if path not in secrets:
        return wired
    signature = struct_pb2.Value(string_value=rpc._special_secret_sig)
    fields = {rpc._special_sig_key: signature, "value": wired}
    return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))


def _wired_plain(value: object, path: Path, secrets: frozenset[Path]) -> struct_pb2.Value:
    if isinstance(value, Mapping):
        fields = {str(key): _wired(item, (*path, key), secrets) for key, item in value.items()}
        return struct_pb2.Value(struct_value=struct_pb2.Struct(fields=fields))
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        items = [_wired(item, (*path, index), secrets) for index, item in enumerate(value)]
        return struct_pb2.Value(list_value=struct_pb2.ListValue(values=items))
    return _wired_leaf(value, path)


def _wired_leaf(value: object, path: Path) -> struct_pb2.Value:
    if value is None:
        return struct_pb2.Value(null_value=struct_pb2.NULL_VALUE)
    if value is UNKNOWN:
        return struct_pb2.Value(string_value=rpc.UNKNOWN)
    if isinstance(value, bool):
        return struct_pb2.Value(bool_value=value)
    if isinstance(value, int | float):
        return struct_pb2.Value(number_value=value)
    if isinstance(value, str):
        return struct_pb2.Value(string_value=value)
    raise TypeError(f"{path_text(path)} is a {type(value).__name__}, which cannot be sent")


def path_text(path: Path) -> str:
    """A property path as the engine writes it: ``spec.ports[0]``, ``labels["app.io/name"]``."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif step.isidentifier():
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]'
    return text
