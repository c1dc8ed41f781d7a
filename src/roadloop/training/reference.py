"""The keys of `train_con` and `data_con` as a table, from their own fields: docs/training.md and `roadloop train settings`."""

from collections.abc import Mapping
from typing import Any

from roadloop.training.recipe import DataConfig, TrainConfig

_PLURAL = {"integer": "integers", "number": "numbers", "string": "texts", "boolean": "booleans"}


def table(kind: type[TrainConfig | DataConfig]) -> str:
    """Every key of a configuration as Markdown: name, default, what it can be, what it means."""
    keys = kind.model_json_schema()["properties"]
    rows = [
        f"| `{name}` | {_default(key)} | {values_of(key)} | {kind.model_fields[name].description} |"
        for name, key in keys.items()
    ]
    return "\n".join(["| key | default | values | meaning |", "|---|---|---|---|", *rows]) + "\n"


def _default(key: Mapping[str, Any]) -> str:
    value = key["default"]
    if value is None or value in ("", [], {}):
        return ""
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, str | bool):
        return str(value).lower()
    return _number(value)


def values_of(key: Mapping[str, Any]) -> str:
    """What a part of a JSON schema allows, in words."""
    if "anyOf" in key:
        (key,) = (one for one in key["anyOf"] if one.get("type") != "null")
    if "enum" in key:
        return ", ".join(f"`{choice}`" for choice in key["enum"])
    if key["type"] == "array":
        return _list(key)
    words = {"boolean": "true, false", "string": "text", "object": "object"}
    return words.get(key["type"]) or " ".join([key["type"], *_limits(key)])


def _list(key: Mapping[str, Any]) -> str:
    fixed = key.get("prefixItems")
    item = fixed[0] if fixed else key["items"]
    if item["type"] == "array":
        return f"list of pairs: {values_of(item)}"
    number = f"{len(fixed)} " if fixed else "list of "
    return " ".join([number + _PLURAL[item["type"]], *_limits(item)])


def _limits(key: Mapping[str, Any]) -> list[str]:
    words = {"minimum": "≥", "exclusiveMinimum": ">", "maximum": "≤", "exclusiveMaximum": "<"}
    found = [f"{sign} {_number(key[name])}" for name, sign in words.items() if name in key]
    return [", ".join(found)] if found else []


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) else str(value)
