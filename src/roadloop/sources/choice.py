"""Choose pictures of source sets by what is known of them: the `filter` of /create_data. Pure.

A filter is a JSON object: field -> the values that are let through; a picture must pass every field. `time` also
takes a span, `{"from": "2026-01-01", "to": "2026-02-01"}` ("to" excluded), either end optional. The empty text
stands for "unknown".
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

from roadloop.errors import InvalidValueError, Text
from roadloop.sources.layout import Sample

Filter = Mapping[str, tuple[str, ...] | Mapping[str, str]]

FIELDS: Final[Mapping[str, Callable[[Sample], str]]] = {
    "city": lambda s: s.city,
    "author": lambda s: s.facts.author,
    "source": lambda s: s.facts.source,
    "annotype": lambda s: s.facts.annotype,
    "datakind": lambda s: s.facts.datakind,
    "imgoprange": lambda s: s.facts.imgoprange,
    "track": lambda s: s.track,
    "package": lambda s: s.package,
    "picture": lambda s: s.stem,
    "set": lambda s: s.source,
    "time": lambda s: s.facts.time,
}
_SPAN: Final = frozenset({"from", "to"})


def parse_filter(value: Mapping[str, Any]) -> Filter:
    """Check a filter as it was sent.

    Raises:
        InvalidValueError: An unknown field, or a value that is neither text, number nor a list of them.
    """
    return {_field(name): _parse(name, wanted) for name, wanted in sorted(value.items())}


def passes(sample: Sample, wanted: Filter) -> bool:
    """Whether a picture passes every field of a filter."""
    return all(_fits(FIELDS[name](sample), values) for name, values in wanted.items())


def _fits(value: str, wanted: tuple[str, ...] | Mapping[str, str]) -> bool:
    if isinstance(wanted, Mapping):
        return bool(value) and wanted.get("from", "") <= value and ("to" not in wanted or value < wanted["to"])
    return value in wanted


def _field(name: str) -> str:
    if name not in FIELDS:
        known = ", ".join(FIELDS)
        raise InvalidValueError(
            Text(f"filter 中没有字段 {name}；可用：{known}", f"filter has no field {name}; there are: {known}"),
            parameter="filter",
            field=name,
        )
    return name


def _parse(name: str, wanted: Any) -> tuple[str, ...] | dict[str, str]:
    if name == "time" and isinstance(wanted, dict) and wanted and set(wanted) <= _SPAN:
        return {end: str(value) for end, value in sorted(wanted.items())}
    values = wanted if isinstance(wanted, list | tuple) else [wanted]
    if not values or any(isinstance(v, bool) or not isinstance(v, str | int) for v in values):
        raise InvalidValueError(
            Text(
                f'filter 的字段 {name} 应为文本或文本列表，例如 {{"city": ["苏州"]}}',
                f'filter: the field {name} should be text or a list of texts, such as {{"city": ["苏州"]}}',
            ),
            parameter="filter",
            field=name,
        )
    return tuple(sorted({str(v) for v in values}))
