"""Examine a source set: read every picture once and gather what is wrong, missing or double."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, Final, NamedTuple

from roadloop.cluster.line import Work
from roadloop.labels.table import ClassTable
from roadloop.sources.health.coverage import Coverage
from roadloop.sources.health.look import Seen
from roadloop.sources.health.noise import Piece
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.sources.health.similar import Fingerprint, find_alike
from roadloop.sources.layout import Problem, Sample
from roadloop.sources.service import open_set, scan
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


_Known = tuple[Sample, Fingerprint]


class Listed(NamedTuple):
    """What is going to be looked at.

    Attributes:
        table: The set's class table.
        samples: Of the set.
        strangers: Of the sets that it is compared with.
        problems: What is left out before a picture is read.
    """

    table: ClassTable
    samples: Sequence[Sample]
    strangers: Sequence[Sample]
    problems: Sequence[Problem]

    @property
    def stored(self) -> bool:
        """Whether some lie in an object store."""
        return any(sample.stored for sample in (*self.samples, *self.strangers))


def list_samples(workspace: Workspace, recipe: HealthRecipe) -> Listed:
    """The pictures of an examination.

    Raises:
        NotFoundError: There is no such set.
        LabelMapError: Its class table cannot be used.
    """
    source = open_set(workspace, recipe.name, "name")
    found = scan(source)
    strangers = [s for other in recipe.against for s in scan(open_set(workspace, other, "against")).samples]
    return Listed(source.table, found.samples, strangers, found.problems)


def examine(
    recipe: HealthRecipe,
    listed: Listed,
    look: Work[Sample, Seen | Problem | None],
    watch: Callable[[int, int], None],
) -> Health:
    """Examine one source set.

    Args:
        recipe: Which set, and how.
        listed: Its pictures, and those that it is compared with.
        look: Sees each by itself, in order; an `Examiner`, here or on other nodes.
        watch: Called with (pictures read, pictures in all); raises to stop.
    """
    health = Health(recipe.name, listed.table, recipe.against, list(listed.problems))
    health.noise = [] if recipe.model else None
    total = len(listed.samples) + len(listed.strangers)
    seen: list[_Known] = []
    own = 0
    for done, found in enumerate(look(chain(listed.samples, listed.strangers)), 1):
        if isinstance(found, Problem):
            health.problems.append(found)
        elif found is not None:
            seen.append((found.sample, found.print))
            own += found.counts is not None
            _count(health, found)
        watch(done, total)
    _compare(health, seen, own, recipe.distance)
    health.leaking_tracks = _leaking_tracks(recipe.name, [sample for sample, _ in seen])
    return health


def _count(health: Health, seen: Seen) -> None:
    if seen.counts is None:
        return
    health.coverage.add(seen.sample.city, seen.sample.facts.time, seen.counts)
    if health.noise is None:
        return
    health.noise_pieces += len(seen.pieces)
    health.noise += [Noise(seen.sample.key, piece) for piece in seen.pieces]
    if len(health.noise) > 2 * MOST_KEPT:
        health.noise = most_doubtful(health.noise)[:MOST_KEPT]


def most_doubtful(noise: Sequence[Noise]) -> list[Noise]:
    """Largest and surest disagreement first."""
    return sorted(noise, key=lambda n: (-n.piece.pixels * n.piece.confidence, n.picture, n.piece.y, n.piece.x))


def _compare(health: Health, seen: Sequence[_Known], own: int, distance: int) -> None:
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
