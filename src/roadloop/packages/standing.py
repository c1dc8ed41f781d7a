"""Where a version stands: what is still to be cut, what was rejected and why, and the files behind it.

What an annotator must not know is not said here: which pictures are tests, who else has them, and which arm of a
selection they come from.
"""

import json
import stat
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path, PurePosixPath
from typing import Any, Final, Literal, NamedTuple
from urllib.parse import quote

from roadloop.accounts import service as accounts
from roadloop.errors import BrokenFileError, Language, NotFoundError, Text
from roadloop.jobs.history import format_time
from roadloop.packages import choose, places, service, store
from roadloop.packages import manifest as manifests
from roadloop.packages.cut import PackageType
from roadloop.packages.manifest import PackageManifest
from roadloop.storage import reading
from roadloop.storage.platform import Platform

PackageState = Literal["cut", "given", "coming", "returned", "published", "unreadable"]
State = Literal["waiting", "returned", "published", "rejected", "superseded"]
_MOST_PROBLEMS: Final = 20


class Tally(NamedTuple):
    """What the rows know of a version's packages.

    Attributes:
        packages: How many.
        pictures: In them.
        published: Of these, those whose label a run has published.
        open: Of these, those that no run has decided about.
        waiting: Rejected ones that were not sent out again.
    """

    packages: int
    pictures: int
    published: int
    open: int
    waiting: int


def overview(platform: Platform, version: str = "", only: Collection[int] | None = None) -> list[dict[str, Any]]:
    """The packages that stand in the workspace, or some by number, ascending by number, plain values.

    Args:
        platform: The installation.
        version: Only of this one; empty: of all.
        only: Only these numbers; None: all.

    Returns:
        version, number, task_id (of the division; None where it came from elsewhere), state, type, border, pictures, returned,
        person, cut_at, given_at, returned_at (the last label that came back, once all have), problem.
    """
    workspace = platform.workspace
    with platform.database.reading() as db:
        cut, tallies = store.cut(db), store.tallies(db)
        people, given = accounts.holders(db), accounts.given_times(db)
    decided: dict[int, Counter[str]] = {}
    for _, number, outcome, pictures in tallies:
        decided.setdefault(number, Counter())[outcome] += pictures
    rows = []
    for name, number, folder in places.all_packages(workspace):
        if (version and name != version) or (only is not None and number not in only):
            continue
        task_id, cut_at = cut.get(number, (None, None))
        outcomes = decided.get(number, Counter())
        entry: dict[str, Any] = {
            "version": name, "number": number, "task_id": task_id, "problem": None, "person": people.get(number),
            "cut_at": format_time(cut_at),
            "given_at": format_time(given.get(number)), "returned_at": None,
        }  # fmt: skip
        try:
            manifest = manifests.read(folder)
        except BrokenFileError as error:
            entry |= {
                "type": "",
                "border": 0,
                "pictures": 0,
                "returned": 0,
                "state": "unreadable",
                "problem": error.text,
            }
        else:
            times = _label_times(workspace.released / name / str(number), manifest)
            whole = len(times) == len(manifest.pictures)
            entry |= {
                "type": manifest.type,
                "border": manifest.border,
                "returned_at": format_time(max(times, default=None) if whole else None),
            }
            entry |= {"pictures": len(manifest.pictures), "returned": len(times)}
            entry["state"] = _package_state(entry, done=bool(outcomes) and not outcomes[""])
        rows.append(entry)
    return sorted(rows, key=lambda row: int(row["number"]))


def _label_times(back: Path, manifest: PackageManifest) -> list[float]:
    """When each label that came back was written, Unix seconds."""
    found = []
    for picture in manifest.pictures:
        with suppress(OSError):
            label = (back / picture.label).stat()
            if stat.S_ISREG(label.st_mode):
                found.append(label.st_mtime)
    return found


def _package_state(entry: Mapping[str, Any], *, done: bool) -> PackageState:
    """Where a package stands; `done`: every picture of it was published or rejected."""
    if done:
        return "published"
    if entry["returned"]:
        return "returned" if entry["returned_at"] else "coming"
    return "given" if entry["person"] else "cut"


def versions(platform: Platform) -> list[dict[str, Any]]:
    """Every version that has pictures or packages, newest name first, plain values; no folder is walked."""
    workspace = platform.workspace
    with_images = set(places.versions(workspace, places.IMAGES))
    counted = tallies(platform)
    names = with_images | set(places.versions(workspace, places.PACKAGES)) | counted.keys()
    nothing = Tally(0, 0, 0, 0, 0)
    return [
        {"version": name, "images": name in with_images, **counted.get(name, nothing)._asdict()}
        for name in sorted(names, reverse=True)
    ]


def tallies(platform: Platform) -> dict[str, Tally]:
    """What the rows know, by version."""
    pictures, decided, numbers = Counter[str](), Counter[tuple[str, str]](), dict[str, set[int]]()
    with platform.database.reading() as db:
        for version, number, outcome, count in store.tallies(db):
            numbers.setdefault(version, set()).add(number)
            pictures[version] += count
            decided[version, outcome] += count
        waiting = {version: len(store.rejected_pictures(db, version)) for version in numbers}
    return {
        v: Tally(len(numbers[v]), pictures[v], decided[v, "published"], decided[v, ""], waiting[v]) for v in numbers
    }


def by_package(platform: Platform, version: str) -> dict[int, Counter[str]]:
    """Package number -> outcome -> pictures, of one version."""
    found: dict[int, Counter[str]] = {}
    with platform.database.reading() as db:
        for name, number, outcome, count in store.tallies(db):
            if name == version:
                found.setdefault(number, Counter())[outcome] += count
    return found


def uncut(platform: Platform, version: str, kind: PackageType, language: Language) -> dict[str, Any]:
    """What /task_divide would find in `images/<version>`, plain values.

    Raises:
        NotFoundError: There is no such folder.
    """
    found, problems = choose.of_version(platform.workspace, version, set())
    with platform.database.reading() as db:
        packed = store.packed_origins(db, version, kind)
    left = [one for one in found if one.origin not in packed]
    return {
        "pictures": len(found),
        "uncut": len(left),
        "tracks": len({one.track for one in left}),
        "bad": len(problems),
        "problems": [{"file": p.file, "reason": p.reason.pick(language)} for p in problems[:_MOST_PROBLEMS]],
    }


def rejected(platform: Platform, version: str, page: int, size: int, language: Language) -> dict[str, Any]:
    """Labels that were rejected and wait to be sent out again, in track order, with why and where; plain values."""
    with platform.database.reading() as db:
        rows = store.rejected_pictures(db, version)
    shown = rows[(page - 1) * size : page * size]
    spots = _spots(platform, shown)
    return {
        "data": [_describe(version, row, "rejected", spots.get(row.label, []), language) for row in shown],
        "total": len(rows),
    }


def pictures(platform: Platform, version: str, number: int, page: int, size: int, language: Language) -> dict[str, Any]:
    """The pictures of a package in its order, each with what became of it, plain values.

    Raises:
        NotFoundError: There is no such package.
        BrokenFileError: It has no valid manifest.
    """
    _, manifest = service.require(platform, version, number)
    with platform.database.reading() as db:
        rows = store.pictures_in(db, number)
    over = any(row.outcome == "published" for row in rows.values())
    back = places.folder_of(platform.workspace, places.RELEASED, version) / str(number)
    shown = manifest.pictures[(page - 1) * size : page * size]
    spots = _spots(platform, [rows[p.name] for p in shown if p.name in rows])
    data = []
    for picture in shown:
        row = rows.get(picture.name)
        state: State = "returned" if reading.is_there(back / picture.label) else "waiting"
        if row is not None and row.role == "gold":
            state = "published" if state == "returned" and over else state  # as its neighbours: nobody sees which it is
        elif row is not None and row.outcome in ("published", "rejected", "superseded"):
            state = row.outcome
        found = spots.get(row.label, []) if row is not None and state == "rejected" else []
        about = row if row is not None else _Unknown(number, picture.name, picture.track, picture.point)
        size_of = {"width": picture.size.width, "height": picture.size.height}
        data.append({**_describe(version, about, state, found, language), **size_of})
    return {"data": data, "total": len(manifest.pictures), "classes": manifest.class_table}


class _Unknown(NamedTuple):
    """What stands for the row of a picture of a package from elsewhere."""

    number: int
    name: str
    track: str
    point: str
    reason: Sequence[str] | None = None


def picture_file(platform: Platform, version: str, number: int, name: str) -> Path:
    """A picture of a package, by its name there.

    Raises:
        NotFoundError: There is no such package or picture.
        BrokenFileError: It has no valid manifest.
    """
    folder, manifest = service.require(platform, version, number)
    _require(manifest, name)
    return _standing(platform.workspace.follow(folder / name), name)


def label_file(platform: Platform, version: str, number: int, name: str) -> Path:
    """The label of a picture of a package: the one that was rejected and kept, else the one that came back.

    Raises:
        NotFoundError: There is no such package or picture, or no label of it.
        BrokenFileError: The package has no valid manifest.
    """
    _, manifest = service.require(platform, version, number)
    label = _require(manifest, name)
    workspace = platform.workspace
    with platform.database.reading() as db:
        row = store.pictures_in(db, number).get(name)
    if row is not None and row.outcome == "rejected" and row.label:
        kept = workspace.find_path(row.label)
        if reading.is_there(kept):
            return workspace.follow(kept)
    back = places.folder_of(workspace, places.RELEASED, version) / str(number)
    return _standing(workspace.follow(back / label), label)


def _require(manifest: PackageManifest, name: str) -> str:
    """The label's file name of a picture of a package."""
    found = next((p.label for p in manifest.pictures if p.name == name), None)
    if found is None:
        raise NotFoundError(
            Text(f"任务包 {manifest.number} 中没有图片 {name}", f"Package {manifest.number} has no picture {name}"),
            parameter="name",
        )
    return found


def _standing(path: Path, name: str) -> Path:
    if not reading.is_there(path):
        raise NotFoundError(Text(f"{name} 不在了", f"{name} is not there"), parameter="name")
    return path


def _describe(version: str, row: Any, state: State, spots: list[Any], language: Language) -> dict[str, Any]:
    at = f"/v1/packages/{quote(version, safe='')}/{row.number}"
    file = quote(row.name, safe="")
    told = state == "rejected" and row.reason
    return {
        "number": row.number,
        "name": row.name,
        "track": row.track,
        "point": row.point,
        "state": state,
        "reason": Text(*row.reason).pick(language) if told else "",
        "spots": spots,
        "image_url": f"{at}/picture/{file}",
        "label_url": None if state == "waiting" else f"{at}/label/{file}",
    }


def _spots(platform: Platform, rows: Iterable[Any]) -> dict[str, list[Any]]:
    """Where unknown colours stand in rejected labels, by the place where the label is kept, as the reports say it."""
    kept = [row.label for row in rows if row.outcome == "rejected" and row.label]
    found: dict[str, list[Any]] = {}
    for folder in {str(PurePosixPath(label).parent.parent) for label in kept}:
        try:
            report = json.loads(reading.read_bytes(platform.workspace.find_path(folder) / "report.json"))
            for entry in report:
                found[f"{folder}/{entry['package']}/{entry['label']}"] = entry["colors"]
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return {label: found[label] for label in kept if label in found}
