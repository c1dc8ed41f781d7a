"""What is in service and which classes its models are worst at, as far as a first screen tells it; and the settings."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

from roadloop.errors import Language
from roadloop.evaluation import service as evaluation
from roadloop.overview.meanings import ADDRESSES, GROUPS, OPTIONS, SECRETS
from roadloop.releases.serving import Place, Serving, serving
from roadloop.settings import PREFIX, Settings
from roadloop.storage.platform import Platform

PLACES: Final = 6  #: of a category
WORST: Final = 3  #: classes of a model


class Category(NamedTuple):
    """A category, its first places, and whether there are more."""

    name: str
    places: list[Serving]
    more: bool


class Weak(NamedTuple):
    """A model in service.

    Attributes:
        release: Its newest release, as its row and its job's `result`.
        evaluation: The one that the release quotes; None: it quotes none, or that one is gone.
        model: The model's number in that evaluation, 1..n; 0 without one.
        classes: Its worst ones, the worst first, as `report.json` has them.
    """

    release: dict[str, Any]
    evaluation: str | None
    model: int
    classes: list[dict[str, Any]]


def categories(platform: Platform) -> list[Category]:
    """Every category with what serves at its first places."""
    found = []
    for name in platform.settings.release_categories:
        places = serving(platform, name, Place(), PLACES + 1)
        found.append(Category(name, places[:PLACES], len(places) > PLACES))
    return found


def weaknesses(platform: Platform, found: Sequence[Category]) -> list[Weak]:
    """The models that serve there, each once, with their worst classes by the evaluation that their release quotes."""
    models: dict[tuple[str, str, str], dict[str, Any]] = {}
    for category in found:
        for place in category.places:
            key = (category.name, place.now["params_sha256"], _quoted(place.now) or "")
            models.setdefault(key, place.now)
    weak = []
    with platform.database.reading() as db:
        for release in models.values():
            task_id = _quoted(release)
            scores = evaluation.class_scores(db, task_id, release["params_sha256"]) if task_id else None
            if scores is None:
                weak.append(Weak(release, None, 0, []))
            else:
                weak.append(Weak(release, task_id, scores[0], _worst(scores[1])))
    return weak


def _quoted(release: Mapping[str, Any]) -> str | None:
    metrics = (release["result"] or {}).get("metrics") or {}
    task_id = metrics.get("evaluation_task_id")
    return task_id if isinstance(task_id, str) else None


def _worst(classes: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Of those that the pictures have; one that is only predicted has an IoU of 0 and nothing to look at."""
    known = [one for one in classes if one.get("iou") is not None and one.get("truth_pixels")]
    return sorted(known, key=lambda one: float(one["iou"]))[:WORST]


def settings_of(settings: Settings, language: Language) -> list[dict[str, Any]]:
    """Every setting with its value as a variable would say it, where that comes from, and what it means; no secret."""
    fields = Settings.model_fields
    return [
        {
            "name": name,
            "variable": PREFIX + name.upper(),
            "option": OPTIONS.get(name),
            "group": group,
            "value": _shown(name, getattr(settings, name)),
            "usual": _shown(name, fields[name].default),
            "origin": settings.origin(name),
            "secret": name in SECRETS,
            "meaning": chinese if language == "zh" else fields[name].description,
        }
        for group, (_title, meanings) in GROUPS.items()
        for name, chinese in meanings.items()
    ]


def _shown(name: str, value: Any) -> str:
    if name in SECRETS:
        return "***" if value else ""
    text = json.dumps(value, ensure_ascii=False) if isinstance(value, tuple) else str(value)
    return _without_account(text) if name in ADDRESSES and text else text


def _without_account(address: str) -> str:
    """An address without what may be a password: account and query; of one that cannot be read nothing is shown."""
    try:
        parts = urlsplit(address)
        host = parts.netloc.rpartition("@")[2]
    except ValueError:
        return "***"
    return f"{parts.scheme}://{host}{parts.path}" if parts.scheme and host else "***"
