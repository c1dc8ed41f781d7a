"""What can be done with source sets: list, open, scan, read the official split lists."""

import csv
import os
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from roadloop.errors import InvalidNameError, InvalidValueError, NotFoundError, Text
from roadloop.labels.table import ClassTable, parse_csv, shipped
from roadloop.sources.layout import (
    CLASSES,
    MANIFEST,
    SPLIT_NAMES,
    SPLITS,
    Facts,
    Problem,
    Sample,
    describe,
    make_sample,
    pair_files,
)
from roadloop.storage.paths import Workspace, check_name

_PICTURE_ENDINGS = (".jpg", ".jpeg", ".png")


@dataclass(frozen=True)
class SourceSet:
    """A folder of labelled pictures.

    Attributes:
        name: The folder's name.
        path: The folder.
        table: Its `classes.csv`, or the shipped HD-road table.
    """

    name: str
    path: Path
    table: ClassTable

    def packages(self) -> Iterator[Path]:
        """The package folders, in order of their names."""
        for folder in sorted(self.path.iterdir()):
            if folder.is_dir() and not folder.name.startswith(".") and folder.name != SPLITS:
                yield folder

    def has_splits(self) -> bool:
        """Whether the set brings official split lists."""
        return any((self.path / SPLITS / f"{split}.txt").is_file() for split in SPLIT_NAMES)


class Scan(NamedTuple):
    """What a source set holds: labelled pictures, and files that are left out with the reason."""

    samples: list[Sample]
    problems: list[Problem]


def list_sets(workspace: Workspace) -> list[str]:
    """Names of the source sets, in order."""
    if not workspace.sources.is_dir():
        return []
    return sorted(p.name for p in workspace.sources.iterdir() if p.is_dir() and not p.name.startswith("."))


def open_set(workspace: Workspace, name: str, parameter: str = "sour_data") -> SourceSet:
    """Open a source set by name.

    Raises:
        NotFoundError: There is no such set.
        LabelMapError: Its `classes.csv` cannot be used.
        InvalidNameError: Not a name.
    """
    path = workspace.resolve(f"sources/{check_name(name, parameter)}", parameter)
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
    classes = path / CLASSES
    table = parse_csv(classes.read_bytes(), name) if classes.is_file() else shipped()
    return SourceSet(name, path, table)


def has_pictures(source: SourceSet) -> bool:
    """Whether any package holds a file that could be a picture; stops at the first."""
    return any(
        name.lower().endswith(_PICTURE_ENDINGS) for package in source.packages() for name in _file_names(package)
    )


def scan(source: SourceSet) -> Scan:
    """Pair up all pictures and labels of a set, in order of package and stem; no file is decoded."""
    facts = _read_manifest(source)
    samples: list[Sample] = []
    problems = [
        Problem(
            f"{source.name}/{name}",
            Text("不在任务包目录中，应为 <源数据>/<包>/<图片>", "Not in a package: <set>/<package>/<picture>"),
        )
        for name in sorted(_file_names(source.path))
        if name.lower().endswith(_PICTURE_ENDINGS)
    ]
    for folder in source.packages():
        package = unicodedata.normalize("NFC", folder.name)
        if not _is_name(package):
            problems.append(
                Problem(
                    f"{source.name}/{_printable(package)}",
                    Text("目录名不能用作包名", "The folder's name cannot be used"),
                )
            )
            continue
        pairs, alone = pair_files(_file_names(folder))
        problems += [Problem(f"{source.name}/{package}/{_printable(n)}", why) for n, why in alone]
        for pair in pairs:
            if _is_name(pair.stem):
                samples.append(make_sample(source.name, folder, pair, facts.get(f"{package}/{pair.stem}", Facts())))
            else:
                file = f"{source.name}/{package}/{_printable(pair.image_name)}"
                problems.append(Problem(file, Text("文件名不可用", "The file's name cannot be used")))
    return Scan(samples, problems)


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
        text = path.read_text(encoding="utf-8-sig", errors="replace") if path.is_file() else ""
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


def _file_names(folder: Path) -> Iterator[str]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_file() and not entry.name.startswith("."):
                yield entry.name


def _read_manifest(source: SourceSet) -> Mapping[str, Facts]:
    path = source.path / MANIFEST
    if not path.is_file():
        return {}
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as stream:
        rows = csv.DictReader(stream)
        return {unicodedata.normalize("NFC", f"{row.get('package')}/{row.get('stem')}"): describe(row) for row in rows}


def _is_name(text: str) -> bool:
    try:
        text.encode()
        check_name(text, "name")
    except (UnicodeEncodeError, InvalidNameError):
        return False
    return True


def _printable(name: str) -> str:
    """A file name with undecodable bytes made visible."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
