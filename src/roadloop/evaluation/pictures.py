"""Where the pictures of an evaluation come from: a folder of any depth, or one split of a dataset.

In a folder pictures and labels belong together as in a source set (`sources.layout`), and a `classes.csv` says what the
labels mean: that of the source set, else the nearest at or above the folder, else the one that all folders in it share.
Pictures are listed in a fixed order and one folder at a time, so that a million of them need little memory.
"""

import os
import unicodedata
from collections.abc import Iterator
from functools import cached_property
from itertools import chain, takewhile
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from roadloop.datasets.info import SPLITS
from roadloop.datasets.reader import DatasetReader
from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.labels.table import ClassTable, shipped
from roadloop.sources.check import check_label_unchanged, check_unchanged
from roadloop.sources.importers.legend import is_table, read_legend
from roadloop.sources.layout import CLASSES, LABEL_PREFIX, Paired, Problem, Sample, pair_files, track_of
from roadloop.sources.manifest import read_manifest
from roadloop.sources.service import SourceSet, open_set, scan_referred
from roadloop.storage import reading
from roadloop.storage.listing import Folder, list_folder, walk
from roadloop.storage.objects import ObjectPath, place_of
from roadloop.storage.paths import Workspace, check_name, printable, spoken
from roadloop.storage.removed import passed_over

LabelKind = Literal["id", "color", ""]

DATASET: Final = "dataset:"
_ENDINGS: Final = (".jpg", ".jpeg", ".png")


class Picture(NamedTuple):
    """One picture of the listing.

    Attributes:
        number: Its place, from 1.
        name: Relative path without ending, printable; names its outputs. Unique within the listing.
        file: How its source finds it again.
        track: The drive it belongs to.
        label: How its source finds its label; empty where there is none.
        kind: Of the label.
    """

    number: int
    name: str
    file: str
    track: str
    label: str = ""
    kind: LabelKind = ""


class Raw(NamedTuple):
    """The bytes of a picture and of its label; an empty kind means there is no label."""

    image: bytes
    label: bytes
    kind: LabelKind


class PictureSource(Protocol):
    """What an evaluation reads."""

    @property
    def table(self) -> ClassTable | None:
        """What the labels mean; None where nothing says so, which is what the model says."""
        ...

    def pictures(self) -> Iterator[Picture]:
        """All pictures, always in the same order."""
        ...

    def problems(self) -> Iterator[Problem]:
        """What is left out, or has a label that is not unique.

        Raises:
            InvalidValueError: Labels below the folder have another class table.
        """
        ...

    def any(self) -> bool:
        """Whether there is a picture at all; found out without listing them all."""
        ...

    def labelled(self) -> bool:
        """Whether some picture has a label."""
        ...

    def read(self, picture: Picture) -> Raw:
        """The bytes of one picture.

        Raises:
            NotFoundError: It is gone.
        """
        ...


class FolderSource:
    """The pictures below one folder.

    Args:
        folder: Resolved by the workspace.
        workspace: Whose roots no symbolic link may leave.
    """

    def __init__(self, folder: Path, workspace: Workspace) -> None:
        self._folder: Final = folder
        self._workspace: Final = workspace

    @cached_property
    def table(self) -> ClassTable | None:
        """The source set's, else that of the nearest `classes.csv`.

        Raises:
            LabelMapError: It cannot be used.
            InvalidValueError: The folders in it have different class tables.
        """
        return self._set.table if self._set else _table_of(self._folder, self._workspace)

    @cached_property
    def _set(self) -> SourceSet | None:
        """The source set that the folder is, or is a part of."""
        sources = self._workspace.sources
        if self._folder == sources or not self._folder.is_relative_to(sources):
            return None
        return open_set(self._workspace, spoken(self._folder.relative_to(sources).parts[0]), "sour_dir")

    def pictures(self) -> Iterator[Picture]:
        """Walk the folder in text order; hidden files and folders are left out."""
        number = 0
        seen: set[str] = set()  # printable names that needed a mark; nearly always empty
        for file, label, kind, track in self._listed():
            number += 1
            name = _unique(Path(file).with_suffix(""), number, seen)
            yield Picture(number, name, file, track or track_of(name.rpartition("/")[2]), label, kind)
        for sample in self._referred():
            number += 1
            place = sample.folder.relative_to(self._folder) / sample.stem
            name = _unique(place, number, seen)
            yield Picture(number, name, str(sample.image), sample.track, str(sample.label), sample.label_kind)

    def _listed(self) -> Iterator[tuple[str, str, LabelKind, str]]:
        """(file, label, kind, track) of the pictures that stand in the folder."""
        tracks = {key: row.track for key, row in read_manifest(self._set.path).items()} if self._set else {}
        for inner, paired in self._paired():
            place = inner.path.relative_to(self._folder)
            package = inner.path.name
            found: list[tuple[str, str, LabelKind]] = [(p.image_name, p.label_name, p.label_kind) for p in paired.pairs]
            found += [(name, "", "") for name, _ in (*paired.unlabelled, *paired.doubtful)]
            for image, label, kind in sorted(found):
                track = tracks.get(f"{package}/{Path(image).stem}", "")
                yield (place / image).as_posix(), (place / label).as_posix() if label else "", kind, track

    def _paired(self) -> Iterator[tuple[Folder, Paired]]:
        """Every folder with what its files are to each other; labels of pictures that stand elsewhere are no pictures."""
        taken = {sample.label for sample in self._referred()}
        for inner in walk(self._folder, self._workspace.holds):
            names = self._names(inner)
            yield inner, pair_files(n for n in names if inner.path / n not in taken) if taken else pair_files(names)

    def _names(self, inner: Folder) -> list[str]:
        """The files of a folder; of a selection's without its contact sheets, and what was taken out of it."""
        left = passed_over(inner.path, inner.files, self._workspace.holds)
        return [name for name in inner.files if name not in left] if left else inner.files

    def _referred(self) -> list[Sample]:
        """Samples of the source set whose pictures stand elsewhere, as far as they belong into the folder."""
        if self._set is None:
            return []
        return [s for s in scan_referred(self._set).samples if s.folder.is_relative_to(self._folder)]

    def problems(self) -> Iterator[Problem]:
        """Files that are left out, pictures with two labels, and links that lead out."""
        labelled = self.labelled()
        for inner, paired in self._paired():
            if labelled:
                self._check_table(inner)
            place = inner.path.relative_to(self._folder)
            for name, reason in sorted([*paired.doubtful, *paired.problems, *inner.left_out]):
                yield Problem(printable((place / name).as_posix()), reason)
        if self._set is not None:
            yield from scan_referred(self._set).problems

    def _check_table(self, inner: Folder) -> None:
        """Another table below the one in force would be a second meaning of the same ids."""
        if CLASSES not in inner.files or inner.path == self._folder:
            return
        own = _read_table(inner.path)
        if self.table is None or own.classes != self.table.classes:
            raise _two_tables(printable(inner.path.relative_to(self._folder).as_posix()), self._folder.name)

    def any(self) -> bool:
        """Whether there is a file that could be a picture; found out without pairing them."""
        folders = walk(self._folder, self._workspace.holds)
        found = (name.lower() for inner in folders for name in self._names(inner))
        return any(
            name.endswith(_ENDINGS) and not (name.endswith(".png") and name.startswith(LABEL_PREFIX)) for name in found
        ) or bool(self._referred())

    def labelled(self) -> bool:
        """Whether some picture has a label."""
        return any(paired.pairs for _, paired in self._paired()) or bool(self._referred())

    def read(self, picture: Picture) -> Raw:
        """The bytes of one picture and of its label."""
        label = self._bytes(picture.label) if picture.kind else b""
        check_label_unchanged(label, place_of(picture.label, self._folder), self._sums.get(picture.label, ""))
        image = self._bytes(picture.file)
        check_unchanged(image, self._sums.get(self._key(picture.file), ""))
        return Raw(image, label, picture.kind)

    @cached_property
    def _sums(self) -> dict[str, str]:
        """sha256 of the set's pictures when they were imported, by `_key`; of its labels in object stores, too."""
        if self._set is None:
            return {}
        here = {row.key: row.image_sha256 for row in read_manifest(self._set.path).values() if not row.image}
        referred = self._referred()
        labels = {str(s.label): s.facts.label_sha256 for s in referred if isinstance(s.label, ObjectPath)}
        return here | labels | {str(sample.image): sample.facts.image_sha256 for sample in referred}

    def _key(self, file: str) -> str:
        """`<package>/<stem>` of a picture that stands in its package, the path of one that stands elsewhere."""
        path = place_of(file, self._folder)
        if isinstance(path, Path) and path.is_relative_to(self._folder):
            return unicodedata.normalize("NFC", f"{path.parent.name}/{path.stem}")
        return file

    def _bytes(self, file: str) -> bytes:
        place = place_of(file, self._folder)
        try:
            return reading.read_bytes(self._workspace.follow_place(place))
        except OSError as error:
            what = reading.why(error)
            raise NotFoundError(
                Text(f"读不到文件 {place.name}：{what.zh}。", f"Cannot read the file {place.name}: {what.en}.")
            ) from error


def _table_of(folder: Path, workspace: Workspace) -> ClassTable | None:
    """The nearest `classes.csv` at or above a folder, else the one that all folders in it have in common.

    In the folder itself it may have another of the names that an import knows, `class_dict.csv` or `labels.txt`.
    """
    roots = {root.path for root in workspace.roots}
    here = [(folder, name) for name in list_folder(folder, workspace.holds).files if is_table(name)]
    here.sort(key=lambda found: found[1] != CLASSES)
    parents = takewhile(lambda place: place not in roots and workspace.holds(place), folder.parents)
    above = ((place, CLASSES) for place in parents if (place / CLASSES).is_file())
    nearest = next(chain(here, above), None)
    if nearest is not None:
        return _read_table(*nearest)
    found: dict[str, ClassTable] = {}
    for name in list_folder(folder, workspace.holds).folders:
        if (folder / name / CLASSES).is_file():
            found[name] = _read_table(folder / name)
        elif folder == workspace.sources:
            found[name] = shipped()
    for name, table in found.items():
        first = next(iter(found))
        if table.classes != found[first].classes:
            raise _two_tables(printable(name), printable(first))
    return next(iter(found.values()), None)


def _read_table(folder: Path, name: str = CLASSES) -> ClassTable:
    return read_legend(reading.read_bytes(folder / name), f"{folder.name}/{name}").table


def _two_tables(one: str, other: str) -> InvalidValueError:
    return InvalidValueError(
        Text(
            f"sour_dir 中 {one} 与 {other} 的类别表（{CLASSES}）不同，同一编号可能含义不同；请分别评估。",
            f"sour_dir: {one} and {other} have different class tables ({CLASSES}), so that one id may mean two things;"
            " evaluate each by itself.",
        ),
        parameter="sour_dir",
    )


class DatasetSource:
    """The pictures of one split of a built dataset.

    Args:
        folder: The dataset's folder.
        split: train, val or test.
    """

    def __init__(self, folder: Path, split: str) -> None:
        reader = DatasetReader(folder)
        self._split: Final = reader.split(split)
        self.table: Final = reader.info.table

    def pictures(self) -> Iterator[Picture]:
        """The samples in the order of the split."""
        columns = zip(self._split.column("name"), self._split.column("track"), strict=True)
        for index, (name, track) in enumerate(columns):
            yield Picture(index + 1, name, str(index), track, kind="id")

    def problems(self) -> Iterator[Problem]:
        """None: what was bad was left out when the dataset was built."""
        return iter(())

    def any(self) -> bool:
        """Whether the split has samples."""
        return len(self._split) > 0

    def labelled(self) -> bool:
        """A dataset's pictures always are."""
        return True

    def read(self, picture: Picture) -> Raw:
        """The bytes of one sample."""
        sample = self._split.encoded(int(picture.file))
        return Raw(bytes(sample.image), bytes(sample.label), "id")


def open_source(workspace: Workspace, sour_dir: str, parameter: str = "sour_dir") -> PictureSource:
    """What a request's `sour_dir` names.

    Args:
        workspace: The resolver.
        sour_dir: A folder, or `dataset:<name>/<split>`.
        parameter: What the request calls it.

    Raises:
        NotFoundError: There is no such folder or dataset.
        InvalidValueError: No such split, or not a folder.
        PathOutsideError: Outside the workspace and its roots.
    """
    if sour_dir.startswith(DATASET):
        name, split = parse_dataset(sour_dir, parameter)
        folder = workspace.dataset(name)
        if not (folder / "dataset.json").is_file():
            raise NotFoundError(
                Text(
                    f"没有名为 {name} 的数据集；可用的见 /sour_datas。", f"No dataset is named {name}; see /sour_datas."
                ),
                name=name,
                parameter=parameter,
            )
        return DatasetSource(folder, split)
    path = workspace.resolve(sour_dir, parameter)
    if not path.is_dir():
        raise NotFoundError(
            Text(f"没有图片目录 {sour_dir}；请给出工作区内的目录。", f"There is no picture folder {sour_dir}."),
            parameter=parameter,
        )
    return FolderSource(path, workspace)


def parse_dataset(sour_dir: str, parameter: str = "sour_dir") -> tuple[str, str]:
    """The dataset's name and the split of `dataset:<name>/<split>`.

    Raises:
        InvalidValueError: Another form, or no such split.
    """
    name, _, split = sour_dir.removeprefix(DATASET).rpartition("/")
    if split not in SPLITS:
        raise InvalidValueError(
            Text(
                f"{parameter} {sour_dir!r} 应为 dataset:<数据集>/<train、val 或 test>。",
                f"{parameter} {sour_dir!r} is not of the form dataset:<name>/<train, val or test>.",
            ),
            parameter=parameter,
        )
    return check_name(name, parameter), split


def _unique(place: Path, number: int, seen: set[str]) -> str:
    """A printable name. One in GBK bytes is read as such; twins get the number added."""
    data = os.fsencode(place)
    try:
        return data.decode()
    except UnicodeDecodeError:
        name = data.decode("gb18030", errors="replace")
    if name in seen:
        name = f"{name}~{number}"
    seen.add(name)
    return name
