"""Examine a source set: read every picture once and gather what is wrong, missing or double."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from roadloop.errors import ObjectStoreError, RoadloopError
from roadloop.imaging.decode import check_image, decode_image
from roadloop.labels.table import ClassTable
from roadloop.sources.ahead import read_ahead
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.health.coverage import Coverage
from roadloop.sources.health.noise import Judge, Piece, find_pieces
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.sources.health.similar import Fingerprint, find_alike, fingerprint
from roadloop.sources.layout import Problem, Sample
from roadloop.sources.service import open_set, scan
from roadloop.storage import reading
from roadloop.storage.paths import Workspace, printable

MOST_LISTED: Final = 1000  #: of each kind in the JSON; the csv files hold more
MOST_KEPT: Final = 100_000


class Double(NamedTuple):
    """Two pictures, `<package>/<stem>` or `<set>/<package>/<stem>`; distance -1 = byte for byte the same."""

    first: str
    second: str
    distance: int
    same_track: bool


class Noise(NamedTuple):
    """A piece of a picture whose label is doubtful."""

    picture: str
    piece: Piece


@dataclass
class Health:
    """What an examination found."""

    name: str
    table: ClassTable
    against: tuple[str, ...]
    problems: list[Problem] = field(default_factory=list)
    coverage: Coverage = field(default_factory=Coverage)
    doubles: list[Double] = field(default_factory=list)
    leaks: list[Double] = field(default_factory=list)
    leaking_tracks: list[tuple[str, dict[str, int]]] = field(default_factory=list)
    noise: list[Noise] | None = None
    noise_pieces: int = 0


_Seen = tuple[Sample, Fingerprint]


def examine(
    workspace: Workspace, recipe: HealthRecipe, max_pixels: int, judge: Judge | None, watch: Callable[[int, int], None]
) -> Health:
    """Examine one source set.

    Args:
        workspace: Where it is.
        recipe: Which set, and how.
        max_pixels: Larger pictures are left out.
        judge: A model for the search for label noise.
        watch: Called with (pictures read, pictures in all); raises to stop.

    Raises:
        NotFoundError: There is no such set.
        LabelMapError: Its class table cannot be used.
    """
    source = open_set(workspace, recipe.name, "name")
    found = scan(source)
    strangers = [s for other in recipe.against for s in scan(open_set(workspace, other, "against")).samples]
    health = Health(recipe.name, source.table, recipe.against, list(found.problems))
    health.noise = [] if judge else None
    total = len(found.samples) + len(strangers)
    seen: list[_Seen] = []

    def check(sample: Sample) -> tuple[Checked, _Seen] | Problem:
        checked = check_sample(sample, health.table, max_pixels)
        if isinstance(checked, Problem):
            return checked
        return checked, (sample, fingerprint(checked.image, (checked.width, checked.height)))

    def look(sample: Sample) -> _Seen | None:
        return _look(sample, max_pixels)

    stored = any(sample.stored for sample in (*found.samples, *strangers))
    for done, result in enumerate(read_ahead(check, found.samples, stored=stored), 1):
        if isinstance(result, Problem):
            health.problems.append(result)
        else:
            checked, known = result
            seen.append(known)
            _count(health, known[0], checked, recipe, max_pixels, judge)
        watch(done, total)
    own = len(seen)
    for done, stranger in enumerate(read_ahead(look, strangers, stored=stored), len(found.samples) + 1):
        seen += [stranger] if stranger is not None else []
        watch(done, total)
    _compare(health, seen, own, recipe.distance)
    health.leaking_tracks = _leaking_tracks(recipe.name, [sample for sample, _ in seen])
    return health


def _look(sample: Sample, max_pixels: int) -> _Seen | None:
    """A picture of another set; None where it cannot be read, which is that set's trouble."""
    try:
        data = reading.read_bytes(sample.image)
        return sample, fingerprint(data, check_image(data, max_pixels).size)
    except ObjectStoreError:
        raise
    except (OSError, RoadloopError):
        return None


def _count(
    health: Health, sample: Sample, checked: Checked, recipe: HealthRecipe, max_pixels: int, judge: Judge | None
) -> None:
    health.coverage.add(sample.city, sample.facts.time, checked.counts)
    if judge is None or health.noise is None:
        return
    opinion = judge(decode_image(checked.image, max_pixels))
    pieces = find_pieces(checked.ids, opinion, recipe.confidence, recipe.min_pixels)
    health.noise_pieces += len(pieces)
    health.noise += [Noise(sample.key, piece) for piece in pieces]
    if len(health.noise) > 2 * MOST_KEPT:
        health.noise = most_doubtful(health.noise)[:MOST_KEPT]


def most_doubtful(noise: Sequence[Noise]) -> list[Noise]:
    """Largest and surest disagreement first."""
    return sorted(noise, key=lambda n: (-n.piece.pixels * n.piece.confidence, n.picture, n.piece.y, n.piece.x))


def _compare(health: Health, seen: Sequence[_Seen], own: int, distance: int) -> None:
    for first, second, bits in find_alike([known for _, known in seen], distance):
        a, b = seen[first][0], seen[second][0]
        if first >= own:
            continue
        if second < own:
            health.doubles.append(Double(a.key, b.key, bits, a.track == b.track))
        else:
            health.leaks.append(Double(a.key, f"{b.source}/{b.key}", bits, a.track == b.track))


def _leaking_tracks(name: str, samples: Sequence[Sample]) -> list[tuple[str, dict[str, int]]]:
    counts: dict[str, Counter[str]] = {}
    for sample in samples:
        counts.setdefault(sample.track, Counter())[sample.source] += 1
    return [(printable(track), dict(sets)) for track, sets in sorted(counts.items()) if name in sets and len(sets) > 1]


def summary(health: Health, names: dict[int, tuple[str, str]] | None = None) -> dict[str, Any]:
    """Plain values for JSON: totals, coverage, and the first of each list."""
    exact = sum(d.distance < 0 for d in health.doubles)
    totals = {
        "pictures": health.coverage.pictures,
        "problems": len(health.problems),
        "duplicates": exact,
        "near_duplicates": len(health.doubles) - exact,
        "leaking_pictures": len(health.leaks),
        "leaking_tracks": len(health.leaking_tracks),
        "label_noise": None if health.noise is None else health.noise_pieces,
    }
    return {
        "name": health.name,
        "against": list(health.against),
        "totals": totals,
        "coverage": health.coverage.to_json(health.table),
        "problems": [
            {"file": p.file, "reason_zh": p.reason.zh, "reason_en": p.reason.en} for p in health.problems[:MOST_LISTED]
        ],
        "duplicates": [d._asdict() for d in health.doubles[:MOST_LISTED]],
        "leaks": [d._asdict() for d in health.leaks[:MOST_LISTED]],
        "leaking_tracks": [{"track": track, "sets": sets} for track, sets in health.leaking_tracks[:MOST_LISTED]],
        "label_noise": [noise_row(health, n, names or {}) for n in most_doubtful(health.noise or [])[:MOST_LISTED]],
    }


def noise_row(health: Health, noise: Noise, names: dict[int, tuple[str, str]]) -> dict[str, Any]:
    """One doubtful piece as plain values."""
    labelled = health.table.find(noise.piece.labelled)
    zh, en = names.get(noise.piece.predicted, ("", ""))
    return {
        "picture": noise.picture,
        **noise.piece._asdict(),
        "confidence": round(noise.piece.confidence, 4),
        "labelled_zh": labelled.name_zh if labelled else "",
        "labelled_en": labelled.name_en if labelled else "",
        "predicted_zh": zh,
        "predicted_en": en,
    }
