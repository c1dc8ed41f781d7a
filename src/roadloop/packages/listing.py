"""Which pictures a version has, in track order. Nothing is decoded here.

The track of `images/<version>/<track>/<point>.jpg` is its folder; of a picture that stands directly in the version's
folder it is what `selection.csv` beside it says, else the stem up to the last `_`.
"""

import csv
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path, PurePath, PurePosixPath
from typing import Final, NamedTuple

from roadloop.errors import InvalidNameError, Text
from roadloop.imaging.endings import odd_picture
from roadloop.packages.manifest import FACTS
from roadloop.sources.layout import Problem, point_of, track_of
from roadloop.storage import reading
from roadloop.storage.listing import walk
from roadloop.storage.paths import check_name, printable
from roadloop.storage.removed import REMOVED, SELECTION, SHEET, read_removed

_ENDINGS: Final = (".jpg", ".jpeg", ".png")


class Candidate(NamedTuple):
    """A picture that is to be labelled.

    Attributes:
        origin: Its file, relative to the workspace, or absolute outside of it.
        name: File name, unique in the division; of `<track>/<point>.jpg` it is `<track>_<point>.jpg`.
        track: Track id.
        point: Track point id; text order is time order.
        facts: City, time, longitude, latitude, datum where known.
        truth: Key of the sample in the gold set whose label is known; else "".
    """

    origin: str
    name: str
    track: str
    point: str
    facts: dict[str, str]
    truth: str = ""


def list_pictures(folder: Path, holds: Callable[[Path], bool], base: str) -> tuple[list[Candidate], list[Problem]]:
    """All pictures of a version in track order, and files that cannot be used with the reason.

    Args:
        folder: The version's.
        holds: Whether links may lead to a path; `Workspace.holds`.
        base: What the workspace calls that folder.
    """
    notes = _read_selection(folder, holds)
    paths: dict[str, str] = {}  # by the stem of the name
    found: list[Candidate] = []
    problems: list[Problem] = []
    for path, reason in walk_pictures(folder, holds):
        picture = _describe(path, notes, base)
        if reason is not None:
            problems.append(Problem(printable(path), reason))
        elif not _is_name(picture.name):
            problems.append(Problem(printable(path), Text("文件名不可用", "The file's name cannot be used")))
        elif (twin := paths.setdefault(PurePosixPath(picture.name).stem, path)) != path:
            problems.append(Problem(path, Text(f"与 {twin} 重名", f"The same name as {twin}")))
        else:
            found.append(picture)
    return sorted(found, key=lambda p: (p.track, p.point, p.name)), problems


def walk_pictures(folder: Path, holds: Callable[[Path], bool]) -> Iterator[tuple[str, Text | None]]:
    """Paths of all picture files below a folder, relative to it, in order, and why one is left out.

    Hidden names, the contact sheets of a selection, and what somebody has taken out of it are passed over.
    """
    removed = read_removed(folder) if holds((folder / REMOVED).resolve()) else set()
    selected = (folder / SELECTION).is_file()
    for inner in walk(folder, holds):
        place = inner.path.relative_to(folder)
        for name in inner.files:
            sheet = selected and name.startswith(SHEET)
            odd = odd_picture(name)
            if place == PurePath() and name in removed:
                continue
            if odd is not None or (name.lower().endswith(_ENDINGS) and not sheet):
                yield (place / name).as_posix(), odd
        for name, reason in inner.left_out:
            yield (place / name).as_posix(), reason


def _describe(path: str, notes: dict[str, dict[str, str]], base: str) -> Candidate:
    place = PurePosixPath(unicodedata.normalize("NFC", path))
    note = notes.get(place.as_posix()) or notes.get(place.name) or {}
    name = "_".join(place.parts)
    inside = "_".join(place.parent.parts)
    track = note.get("track") or inside or track_of(place.stem)
    point = note.get("point") or (place.stem if inside else point_of(place.stem))
    return Candidate(f"{base}/{path}", name, track, point, {key: note[key] for key in FACTS if note.get(key)})


def _read_selection(folder: Path, holds: Callable[[Path], bool]) -> dict[str, dict[str, str]]:
    """Rows of `selection.csv` by every name that a picture of theirs could have; up to a row that is no csv."""
    path = folder / SELECTION
    if not path.is_file() or not holds(path.resolve()):
        return {}
    notes: dict[str, dict[str, str]] = {}
    with reading.open_text(path, "utf-8-sig", "replace") as stream, suppress(csv.Error):
        for row in csv.DictReader(stream):
            note = {k: v for k, v in row.items() if isinstance(k, str) and isinstance(v, str)}
            track, point = note.get("track", ""), note.get("point", "")
            names = [note.get(key, "") for key in ("file", "name", "picture", "image")]
            if point:
                names += [f"{stem}{ending}" for stem in (f"{track}_{point}", point) for ending in _ENDINGS]
            for name in filter(None, names):
                notes.setdefault(unicodedata.normalize("NFC", name), note)
    return notes


def _is_name(name: str) -> bool:
    try:
        check_name(f"ext-label-{name}", "name")
    except InvalidNameError:
        return False
    return True
