"""What is in service, and which classes its models are worst at, as far as a first screen tells it."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from roadloop.evaluation import service as evaluation
from roadloop.releases.serving import Place, Serving, serving
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
    known = [one for one in classes if one.get("iou") is not None]
    return sorted(known, key=lambda one: float(one["iou"]))[:WORST]
