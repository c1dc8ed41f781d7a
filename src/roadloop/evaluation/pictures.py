"""Where the pictures of an evaluation come from: a folder of any depth, or one split of a dataset.

In a folder labels stand beside the pictures as in a source set: `X.png` (raw ids) or `label-X.png` (colours) for
`X.jpg`, `label-X.png` for `X.png`; where both stand, `X.png` wins. Pictures are listed in a fixed order and one at a
time, so that a million of them need no memory.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final, Literal, NamedTuple, Protocol

from roadloop.datasets.reader import DatasetReader
from roadloop.errors import InvalidValueError, NotFoundError, PathOutsideError, Text
from roadloop.sources.layout import track_of
from roadloop.storage import reading
from roadloop.storage.paths import Workspace, check_name

LabelKind = Literal["id", "color", ""]

DATASET: Final = "dataset:"
SPLITS: Final = ("train", "val", "test")
_ENDINGS: Final = (".jpg", ".jpeg", ".png")
_LABEL: Final = "label-"


class Picture(NamedTuple):
    """One picture of the listing.

    Attributes:
        number: Its place, from 1.
        name: Relative path without ending, printable; names its outputs. Unique within the listing.
        file: How its source finds it again.
        track: The drive it belongs to.
    """

    number: int
    name: str
    file: str
    track: str


class Raw(NamedTuple):
    """The bytes of a picture and of its label; an empty kind means there is no label."""

    image: bytes
    label: bytes
    kind: LabelKind


class PictureSource(Protocol):
    """What an evaluation reads."""

    def pictures(self) -> Iterator[Picture]:
        """All pictures, always in the same order."""
        ...

    def any(self) -> bool:
        """Whether there is a picture at all; found out without listing them all."""
        ...

    def labelled(self) -> bool:
        """Whether some picture has a label."""
        ...

    def read(self, file: str) -> Raw:
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

    def pictures(self) -> Iterator[Picture]:
        """Walk the folder in text order; hidden files and folders are left out."""
        number = 0
        seen: set[str] = set()  # printable names that needed a mark; nearly always empty
        for folder, inner, files in os.walk(self._folder):
            inner[:] = sorted(d for d in inner if not d.startswith("."))
            for file in _pictures_of(files):
                number += 1
                relative = (Path(folder) / file).relative_to(self._folder).as_posix()
                name = _unique(relative, number, seen)
                yield Picture(number, name, relative, track_of(name.rpartition("/")[2]))

    def any(self) -> bool:
        """Whether there is a picture at all."""
        return any(_pictures_of(files) for _folder, _inner, files in os.walk(self._folder))

    def labelled(self) -> bool:
        """Whether a label stands beside some picture."""
        return any(_label_beside(self._folder / picture.file)[1] for picture in self.pictures())

    def read(self, file: str) -> Raw:
        """The bytes of one picture and of the label beside it."""
        path = self._folder / file
        label, kind = _label_beside(path)
        return Raw(self._bytes(path), self._bytes(label) if kind else b"", kind)

    def _bytes(self, path: Path) -> bytes:
        real = path.resolve()
        if not any(real.is_relative_to(root.path) for root in self._workspace.roots):
            raise PathOutsideError(
                Text(f"文件 {path.name} 指向工作区之外。", f"The file {path.name} leads out of the workspace.")
            )
        try:
            return reading.read_bytes(real)
        except OSError as error:
            what = reading.why(error)
            raise NotFoundError(
                Text(f"读不到文件 {path.name}：{what.zh}。", f"Cannot read the file {path.name}: {what.en}.")
            ) from error


class DatasetSource:
    """The pictures of one split of a built dataset.

    Args:
        folder: The dataset's folder.
        split: train, val or test.
    """

    def __init__(self, folder: Path, split: str) -> None:
        self._split: Final = DatasetReader(folder).split(split)

    def pictures(self) -> Iterator[Picture]:
        """The samples in the order of the split."""
        columns = zip(self._split.column("name"), self._split.column("track"), strict=True)
        for index, (name, track) in enumerate(columns):
            yield Picture(index + 1, name, str(index), track)

    def any(self) -> bool:
        """Whether the split has samples."""
        return len(self._split) > 0

    def labelled(self) -> bool:
        """A dataset's pictures always are."""
        return True

    def read(self, file: str) -> Raw:
        """The bytes of one sample."""
        sample = self._split.sample(int(file))
        return Raw(sample.image, sample.label, "id")


def open_source(workspace: Workspace, sour_dir: str) -> PictureSource:
    """What a request's `sour_dir` names.

    Args:
        workspace: The resolver.
        sour_dir: A folder, or `dataset:<name>/<split>`.

    Raises:
        NotFoundError: There is no such folder or dataset.
        InvalidValueError: No such split, or not a folder.
        PathOutsideError: Outside the workspace and its roots.
    """
    if sour_dir.startswith(DATASET):
        name, split = parse_dataset(sour_dir)
        folder = workspace.datasets / name
        if not (folder / "dataset.json").is_file():
            raise NotFoundError(
                Text(
                    f"没有名为 {name} 的数据集；可用的见 /sour_datas。", f"No dataset is named {name}; see /sour_datas."
                ),
                name=name,
            )
        return DatasetSource(folder, split)
    path = workspace.resolve(sour_dir, "sour_dir")
    if not path.is_dir():
        raise NotFoundError(
            Text(f"没有图片目录 {sour_dir}；请给出工作区内的目录。", f"There is no picture folder {sour_dir}."),
            parameter="sour_dir",
        )
    return FolderSource(path, workspace)


def parse_dataset(sour_dir: str) -> tuple[str, str]:
    """The dataset's name and the split of `dataset:<name>/<split>`.

    Raises:
        InvalidValueError: Another form, or no such split.
    """
    name, _, split = sour_dir.removeprefix(DATASET).rpartition("/")
    if split not in SPLITS:
        raise InvalidValueError(
            Text(
                f"sour_dir {sour_dir!r} 应为 dataset:<数据集>/<train、val 或 test>。",
                f"sour_dir {sour_dir!r} is not of the form dataset:<name>/<train, val or test>.",
            ),
            parameter="sour_dir",
        )
    return check_name(name, "sour_dir"), split


def _pictures_of(files: list[str]) -> list[str]:
    """The files of one folder that are pictures, one for each stem: not the labels beside them."""
    stems: set[str] = set()
    ranked = sorted(
        (f for f in files if f.lower().endswith(_ENDINGS) and not f.startswith(".")),
        key=lambda f: (_ENDINGS.index(Path(f).suffix.lower()), f),
    )
    chosen = []
    for file in ranked:
        path = Path(file)
        if path.stem in stems or (path.suffix.lower() == ".png" and file.startswith(_LABEL)):
            continue
        stems.add(path.stem)
        chosen.append(file)
    return sorted(chosen)


def _label_beside(path: Path) -> tuple[Path, LabelKind]:
    """The label of a picture and its kind; `X.png` before `label-X.png`."""
    ids = path.with_suffix(".png")
    if path.suffix.lower() != ".png" and reading.is_there(ids):
        return ids, "id"
    colors = path.with_name(f"{_LABEL}{path.stem}.png")
    return colors, "color" if reading.is_there(colors) else ""


def _unique(relative: str, number: int, seen: set[str]) -> str:
    """A printable name without ending. A name in GBK bytes is read as such; twins get the number added."""
    data = os.fsencode(str(Path(relative).with_suffix("")))
    try:
        return data.decode()
    except UnicodeDecodeError:
        name = data.decode("gb18030", errors="replace")
    if name in seen:
        name = f"{name}~{number}"
    seen.add(name)
    return name
