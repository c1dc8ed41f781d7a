"""The tasks of Label Studio's exports, whatever version wrote them, in one form."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

from roadloop.errors import Text
from roadloop.sources.importers.found import Claim
from roadloop.sources.importers.tree import ODD_JSON, odd_json

_GEOMETRY: Final = frozenset({"points", "rle", "radiusX", "imageDataURL", "x"})
_FACTS: Final = ("original_width", "original_height", "image_rotation")


class Annotation(NamedTuple):
    """One annotation of a task.

    Attributes:
        id: As the export has it.
        time: When it was last changed, UTC as text in time order; empty = unknown.
        cancelled: Whether the annotator skipped the task.
        result: Its regions, as the export has them.
    """

    id: Any
    time: str
    cancelled: bool
    result: Sequence[Any]


class Task(NamedTuple):
    """One task.

    Attributes:
        id: As the export has it.
        data: What it shows.
        upload: Name of the uploaded file; empty = none.
        annotations: What people said.
        predictions: How many predictions it carries.
    """

    id: Any
    data: Mapping[str, Any]
    upload: str
    annotations: Sequence[Annotation]
    predictions: int


class Entry(NamedTuple):
    """One region; separate geometry and label entries of the export are put together.

    Attributes:
        claims: The entries that it was made of.
        kind: `polygon`, `brush`, `rectangle`, `ellipse`, `bitmask`, `keypoint`, or what else the export calls it.
        to_name: Name of the picture's control.
        item: Which picture of a list; None = not said.
        size: (width, height) of the picture in pixels.
        rotation: Degrees by which the picture was turned while drawing.
        labels: Names of its classes.
        value: Its geometry.
        fault: Why it cannot be read; all else but the claims then says nothing.
    """

    claims: tuple[Claim, ...]
    kind: str
    to_name: str
    item: int | None
    size: tuple[int, int]
    rotation: float
    labels: tuple[str, ...]
    value: Mapping[str, Any]
    fault: Text | None = None


def is_export(value: Any) -> bool:
    """Whether a document is one of Label Studio's."""
    if not isinstance(value, list) or not value or not all(isinstance(task, dict) for task in value):
        return False
    usual = all("data" in task and ("annotations" in task or "completions" in task) for task in value)
    return usual or any(_is_min(task) for task in value)


def read_task(task: Mapping[str, Any], number: int) -> Task:
    """One task of an export.

    Raises:
        KeyError, TypeError, ValueError, AttributeError: It has not the form that it should have.
    """
    if "data" not in task:
        return _from_min(task, number)
    annotations = [_annotation(a, n) for n, a in enumerate(task.get("annotations") or task.get("completions") or ())]
    upload = str(task.get("file_upload") or "")
    return Task(task.get("id", number), dict(task["data"]), upload, annotations, len(_listed(task.get("predictions"))))


def count_statements(task: Mapping[str, Any]) -> int:
    """How many statements a task makes: each region, prediction, and annotation without any; one at least."""
    if "data" not in task:
        return max(1, sum(_is_region(r) for v in task.values() for r in _listed(v)))
    annotations = _listed(task.get("annotations") or task.get("completions"))
    regions = (len(_listed(a.get("result"))) if isinstance(a, dict) else 1 for a in annotations)
    return len(_listed(task.get("predictions"))) + sum(max(1, n) for n in regions) + (not annotations)


def read_time(value: Any) -> str:
    """A time as UTC text in time order: ISO 8601, or, before version 1.0, seconds since 1970; empty = cannot be read."""
    try:
        if isinstance(value, int | float):
            at = datetime.fromtimestamp(value, UTC)
        else:
            at = datetime.fromisoformat(str(value))
        at = at.replace(tzinfo=UTC) if at.tzinfo is None else at.astimezone(UTC)
    except (ValueError, OverflowError, OSError):
        return ""
    return at.strftime("%Y-%m-%dT%H:%M:%S.%f")


def merged(result: Sequence[Any], told: Claim) -> Iterator[Entry]:
    """The regions of an annotation, in order.

    Args:
        result: As the export has it.
        told: The annotation; regions are counted below its place.
    """
    groups: dict[Any, list[tuple[Claim, Any]]] = {}
    for number, entry in enumerate(result):
        claim = told._replace(place=f"{told.place}, region {number + 1}")
        key = str(entry.get("id") or "") if isinstance(entry, dict) else ""
        groups.setdefault(key or number, []).append((claim, entry))
    for group in groups.values():
        claims = tuple(claim for claim, _ in group)
        try:
            yield _entry(claims, [entry for _, entry in group])
        except ODD_JSON as error:
            yield Entry(claims, "", "", None, (0, 0), 0, (), {}, odd_json(error))


def _entry(claims: tuple[Claim, ...], entries: list[Mapping[str, Any]]) -> Entry:
    """What entries of one region say together, that with the geometry first."""
    entries = sorted(entries, key=lambda e: not _GEOMETRY & (e.get("value") or {}).keys())
    value: dict[str, Any] = {}
    labels: list[str] = []
    for entry in entries:
        for key, content in (entry.get("value") or {}).items():
            if key.endswith("labels"):
                labels += [name for label in content or () if (name := str(label).strip()) not in labels]
            else:
                value.setdefault(key, content)
    first = entries[0]
    index = first.get("item_index")
    return Entry(
        claims,
        _kind(entries, value),
        str(first.get("to_name") or ""),
        None if index is None else int(index),
        (int(first.get("original_width") or 0), int(first.get("original_height") or 0)),
        float(first.get("image_rotation") or 0),
        tuple(labels),
        value,
    )


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _kind(entries: Sequence[Mapping[str, Any]], value: Mapping[str, Any]) -> str:
    kinds = [str(entry.get("type") or "").removesuffix("labels") for entry in entries]
    named = next((kind for kind in kinds if kind), "")
    if named or not value:
        return named or "region"
    signs = (
        ("points", "polygon"), ("rle", "brush"), ("imageDataURL", "bitmask"), ("radiusX", "ellipse"), ("height", "rectangle"),
    )  # fmt: skip
    return next((kind for sign, kind in signs if sign in value), "keypoint")


def _annotation(value: Mapping[str, Any], number: int) -> Annotation:
    time = read_time(value.get("updated_at") or value.get("created_at") or "")
    return Annotation(value.get("id", number), time, bool(value.get("was_cancelled")), _listed(value.get("result")))


def _is_min(task: Mapping[str, Any]) -> bool:
    return "data" not in task and any(_is_region(r) for v in task.values() if isinstance(v, list) for r in v[:1])


def _is_region(value: Any) -> bool:
    return isinstance(value, dict) and "original_width" in value and bool(_GEOMETRY & value.keys())


def _from_min(task: Mapping[str, Any], number: int) -> Task:
    """A task of JSON_MIN, which mixes data and regions and names no controls."""
    regions = [r for v in task.values() if isinstance(v, list) for r in v if _is_region(r)]
    result = []
    for region in regions:
        kind = next((key for key in region if key.endswith("labels")), "")
        facts = {key: region[key] for key in _FACTS if key in region}
        value = {key: content for key, content in region.items() if key not in _FACTS}
        result.append({**facts, "type": kind, "value": value})
    data = {
        key: v for key, v in task.items() if isinstance(v, str) or (isinstance(v, list) and not any(map(_is_region, v)))
    }
    time = read_time(task.get("updated_at") or task.get("created_at") or "")
    annotation = Annotation(task.get("annotation_id", number), time, cancelled=False, result=result)
    return Task(task.get("id", number), data, "", [annotation] if result else [], 0)
