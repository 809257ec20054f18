"""Between the names of the program's properties and those of the API."""

import re
from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

Values = dict[str, Any]


def upper(tree: Any) -> Any:  # noqa: ANN401 a tree of JSON
    """``{"vpcId": ...}`` as ``{"VpcId": ...}``, however deep."""
    if isinstance(tree, Mapping):
        return {key[:1].upper() + key[1:]: upper(value) for key, value in tree.items()}
    return [upper(item) for item in tree] if isinstance(tree, list) else tree


def lower(tree: Any) -> Any:  # noqa: ANN401 a tree of JSON
    """``{"VpcId": ...}`` as ``{"vpcId": ...}``, however deep; times as text."""
    if isinstance(tree, Mapping):
        return {key[:1].lower() + key[1:]: lower(value) for key, value in tree.items()}
    if isinstance(tree, date):
        return tree.isoformat()
    return [lower(item) for item in tree] if isinstance(tree, list) else tree


def pick(values: Mapping[str, Any], names: str) -> Values:
    """Of the program's properties those that are named and there, as the API calls them."""
    picked = {name: values[name] for name in names.split() if values.get(name) is not None}
    return dict(upper(picked))


def take(answer: Mapping[str, Any], names: str) -> Values:
    """Of an API's answer the fields that are named and there, as the program calls them."""
    return dict(lower({name: answer[name] for name in names.split() if name in answer}))


def snake(name: str) -> str:
    """``RouteTable`` as ``route_table``."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", name).lower()


def tag_list(tags: Mapping[str, str], key: str = "Key", value: str = "Value") -> list[Values]:
    """Tags as the list that most services want."""
    return [{key: name, value: text} for name, text in tags.items()]


def tag_map(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Tags as the program has them."""
    return {tag["Key"]: tag["Value"] for tag in tags}
