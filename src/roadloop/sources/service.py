"""What can be done with source sets: list, open, scan, read the official split lists."""

import unicodedata
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path, PurePath
from typing import NamedTuple

import sqlalchemy as sa

from roadloop.errors import BrokenFileError, InvalidNameError, InvalidValueError, NotFoundError, Text
from roadloop.jobs.claims import Claim, succeeded
from roadloop.labels.table import ClassTable, parse_csv, shipped
from roadloop.sources import store
from roadloop.sources.layout import (
    CLASSES,
    SPLIT_NAMES,
    SPLITS,
    LabelKind,
    Pair,
    Problem,
    Sample,
    make_sample,
    pair_files,
)
from roadloop.sources.manifest import MANIFEST, Row, read_manifest
from roadloop.sources.recipe import ORIGIN
from roadloop.storage import reading
from roadloop.storage.listing import Left, list_folder
from roadloop.storage.objects import ObjectPath, Place, is_object, place_of
from roadloop.storage.paths import Workspace, check_name, check_new_name, is_text, printable, readable, spoken

_PICTURE_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class SourceSet:
    """A folder of labelled pictures.

    Attributes:
        name: The folder's name.
        path: The folder.
        table: Its `classes.csv`, or the shipped HD-road table.
        workspace: Where the set belongs; pictures that it only refers to must lie in there or in a root.
    """

    name: str
    path: Path
    table: ClassTable
    workspace: Workspace = field(repr=False, compare=False)

    def packages(self) -> Iterator[Path]:
        """The package folders, in order of their names; links that lead out of the roots are none."""
        for name in list_folder(self.path, self.workspace.holds).folders:
            if name != SPLITS:
                yield self.path / name

    def has_splits(self) -> bool:
        """Whether the set brings official split lists."""
        return any((self.path / SPLITS / f"{split}.txt").is_file() for split in SPLIT_NAMES)


class Scan(NamedTuple):
    """What a source set holds: labelled pictures, and files that are left out with the reason."""

    samples: list[Sample]
    problems: list[Problem]


def list_sets(workspace: Workspace) -> list[str]:
    """Names of the source sets, in order; links that lead out of the roots are none."""
    if not workspace.sources.is_dir():
        return []
    return sorted({spoken(name) for name in list_folder(workspace.sources, workspace.holds).folders})


def open_set(workspace: Workspace, name: str, parameter: str = "sour_data") -> SourceSet:
    """Open a source set by name.

    Raises:
        NotFoundError: There is no such set.
        LabelMapError: Its `classes.csv` cannot be used.
        InvalidNameError: Not a name, or several folders read like it.
        PathOutsideError: It, its class table, its manifest or one of its lists is a link that leads out of the
            workspace and its roots.
    """
    place = workspace.entry(workspace.sources, name, parameter)
    path = workspace.follow(place)
    if not path.is_dir():
        known = list_sets(workspace)
        some = ", ".join(known[:10]) or "-"
        raise NotFoundError(
            Text(
                f"没有名为 {name} 的源数据；现有：{some}（目录 {workspace.sources}）",
                f"There is no source set {name}; there are: {some} (folder {workspace.sources})",
            ),
            name=name,
            parameter=parameter,
        )
    for file in (CLASSES, MANIFEST, ORIGIN, *(f"{SPLITS}/{split}.txt" for split in SPLIT_NAMES)):
        workspace.follow(path / file)
    name = spoken(place.name)
    classes = path / CLASSES
    table = parse_csv(reading.read_bytes(classes), name) if classes.is_file() else shipped()
    return SourceSet(name, path, table, workspace)


def check_dest(workspace: Workspace, text: str) -> str:
    """The name of the set that an import goes to; one that is not there yet must keep the rules for new names.

    Raises:
        InvalidNameError: No set can be created under that name, or the set's folder has a name that is no UTF-8.
    """
    folder = workspace.entry(workspace.sources, text, "dest")
    if not folder.is_dir():
        return check_new_name(text, "dest")
    if not is_text(folder.name):
        raise InvalidNameError(
            Text(
                f"源数据 {spoken(folder.name)} 的目录名不是 UTF-8，不能写入；请先改名。",
                f"The folder of the source set {spoken(folder.name)} has a name that is no UTF-8, so nothing is written"
                " there; rename it first.",
            ),
            parameter="dest",
        )
    return folder.name


def has_pictures(source: SourceSet) -> bool:
    """Whether any package holds a file that could be a picture, or the set refers to one; stops at the first."""
    for package in source.packages():
        with suppress(OSError):  # it has gone since the set was listed, or may not be read
            names = list_folder(package, source.workspace.holds).files
            if any(name.lower().endswith(_PICTURE_ENDINGS) for name in names):
                return True
    return any(row.image for row in read_manifest(source.path).values())


def scan(source: SourceSet) -> Scan:
    """Pair up all pictures and labels of a set, in order of package and stem; no file is decoded.

    Pictures that the manifest only refers to are looked for where it says; they must lie in the workspace or a root.
    What lies in an object store is not looked for: whoever reads it finds out.
    """
    rows = read_manifest(source.path)
    top = list_folder(source.path, source.workspace.holds)
    stray = Text("不在任务包目录中，应为 <源数据>/<包>/<图片>", "Not in a package: <set>/<package>/<picture>")
    outside = [Left(name, stray) for name in top.files if name.lower().endswith(_PICTURE_ENDINGS)] + top.left_out
    found = Scan([], [Problem(f"{source.name}/{printable(name)}", why) for name, why in outside])
    folders = {folder.name: folder for folder in source.packages()}
    referred = _by_package(rows.values())
    locate = _locator(source.workspace)
    for name in sorted({*folders, *referred}):
        package = readable(name)
        if not _is_name(package):
            file = f"{source.name}/{printable(package)}"
            found.problems.append(Problem(file, Text("目录名不能用作包名", "The folder's name cannot be used")))
            continue
        folder = folders.get(name, source.path / name)
        samples = _referred(source, folder, referred.get(package, []), locate, found.problems)
        if name in folders:
            taken = {Path(s.label_name).name for s in samples}
            samples += _local(source, folder, rows, taken, found.problems)
        found.samples.extend(sorted(samples, key=lambda s: s.stem))
    return found


def scan_referred(source: SourceSet) -> Scan:
    """The part of `scan` whose pictures stand elsewhere: the manifest only refers to them."""
    found = Scan([], [])
    locate = _locator(source.workspace)
    for name, rows in sorted(_by_package(read_manifest(source.path).values()).items()):
        if _is_name(name):
            found.samples.extend(_referred(source, source.path / name, rows, locate, found.problems))
    return found


def _by_package(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows that refer to pictures elsewhere."""
    referred: dict[str, list[Row]] = {}
    for row in rows:
        if row.image:
            referred.setdefault(row.package, []).append(row)
    return referred


def _local(
    source: SourceSet, folder: Path, rows: Mapping[str, Row], taken: set[str], problems: list[Problem]
) -> list[Sample]:
    """The samples whose files stand in a package; `taken` are labels of pictures that stand elsewhere."""
    package = readable(folder.name)
    place = f"{source.name}/{package}"
    try:
        listed = list_folder(folder, source.workspace.holds)
    except OSError as error:  # it has gone since the set was listed, or may not be read
        what = error.strerror or type(error).__name__
        problems.append(Problem(place, Text(f"目录无法列出：{what}", f"The folder cannot be listed: {what}")))
        return []
    found = pair_files(n for n in listed.files if n not in taken)
    alone = sorted([*found.unlabelled, *found.doubtful, *found.problems])
    problems += [Problem(f"{place}/{printable(n)}", why) for n, why in [*alone, *listed.left_out]]
    samples = []
    for pair in found.pairs:
        if _is_name(pair.stem):
            row = rows.get(f"{package}/{pair.stem}") or Row(package, pair.stem)
            samples.append(make_sample(source.name, folder, pair, row))
        else:
            why = Text("文件名不可用", "The file's name cannot be used")
            problems.append(Problem(f"{place}/{printable(pair.image_name)}", why))
    return samples


def _referred(
    source: SourceSet, folder: Path, rows: list[Row], locate: Callable[[str], Place | None], problems: list[Problem]
) -> list[Sample]:
    """The samples of a package whose pictures stand elsewhere; their labels stand there too, or in the package."""
    samples = []
    for row in rows:
        image = locate(row.image)
        label = locate(row.label) if row.label else folder / f"{row.stem}.png"
        if image is None or label is None or not _is_there(image) or not _is_there(label):
            lost = row.image if image is None or not _is_there(image) else row.label or f"{row.stem}.png"
            shown = printable(lost)
            why = Text(
                f"引用的文件不在了，或不在工作区与配置的根目录内：{shown}",
                f"The file that the set refers to is gone, or outside the workspace and its roots: {shown}",
            )
            problems.append(Problem(f"{source.name}/{row.key}", why))
            continue
        kind: LabelKind = "color" if row.label_kind == "color" else "id"
        name = str(label) if row.label else label.name
        samples.append(make_sample(source.name, folder, Pair(row.stem, str(image), name, kind), row))
    return samples


def _is_there(place: Place) -> bool:
    return isinstance(place, ObjectPath) or place.is_file()


def _locator(workspace: Workspace) -> Callable[[str], Place | None]:
    """Finds the file that a manifest's path means; None outside the workspace and its roots. Follows links first."""
    resolve = cache(Path.resolve)

    def locate(text: str) -> Place | None:
        if "\0" in text:
            return None
        place = place_of(text, workspace.home)
        if isinstance(place, ObjectPath):
            return place if workspace.holds(place) else None
        path = resolve(place.parent) / place.name
        if path.is_symlink():
            path = path.resolve()
        return path if path.name != ".." and workspace.holds(path) else None

    return locate


def read_splits(source: SourceSet) -> dict[str, str]:
    """The official lists `splits/{train,val,test}.txt`: `<package>/<stem>` -> split.

    Raises:
        InvalidValueError: There is no list, or one picture is in two of them.
    """
    if not source.has_splits():
        raise InvalidValueError(
            Text(
                f"源数据 {source.name} 没有 splits/train.txt 等官方划分；请用 l_value=1 重新划分",
                f"Source set {source.name} has no official lists splits/train.txt etc.; split anew with l_value=1",
            ),
            parameter="l_value",
            sour_data=source.name,
        )
    found: dict[str, str] = {}
    for split in SPLIT_NAMES:
        path = source.path / SPLITS / f"{split}.txt"
        text = reading.read_text(path, "utf-8-sig", "replace") if path.is_file() else ""
        for line in text.splitlines():
            key = unicodedata.normalize("NFC", line.strip())
            if key and found.setdefault(key, split) != split:
                raise InvalidValueError(
                    Text(
                        f"{source.name}/splits：{key} 同时在 {found[key]} 和 {split} 中",
                        f"{source.name}/splits: {key} is both in {found[key]} and in {split}",
                    ),
                    key=key,
                )
    return found


def _is_name(text: str) -> bool:
    try:
        check_name(text, "name")
    except InvalidNameError:
        return False
    return True


def claims(db: sa.Connection, workspace: Workspace) -> Iterator[Claim]:
    """The imported source sets, and the folders of this disk where sets have left pictures."""
    names: dict[str, list[str]] = {}
    for row in succeeded(db, store.imports):
        names.setdefault(row.dest, []).append(row.task_id)
    for name in sorted({*names, *list_sets(workspace)}):
        owner = Text(f"源数据 {name}", f"The source set {name}")
        if name in names:
            yield Claim(owner, f"{workspace.sources.name}/{name}", tasks=tuple(names[name]))
        try:
            rows = list(read_manifest(workspace.find_path(f"{workspace.sources.name}/{name}")).values())
        except (BrokenFileError, OSError):  # it is reported where the set is read
            continue
        for folder in sorted(
            {str(PurePath(row.image).parent) for row in rows if row.image and not is_object(row.image)}
        ):
            yield Claim(owner, folder)
