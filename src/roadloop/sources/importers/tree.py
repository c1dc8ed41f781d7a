"""The folder, or part of an object store, that is imported: its files, listed once, and reading them when they may have gone."""

import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any, Final, NamedTuple

from roadloop.errors import Text
from roadloop.labels.table import decode
from roadloop.storage import objects, reading
from roadloop.storage.objects import ObjectPath, Place
from roadloop.storage.paths import readable

PICTURES: Final = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".png"})
ARCHIVES: Final = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tar.xz", ".7z", ".rar", ".gz")
#: Folders that only say "pictures here", in lower case.
PICTURE_FOLDERS: Final = frozenset(
    {"images", "image", "imgs", "img", "img_dir", "pictures", "jpegimages", "rgb", "frames", "data", "leftimg8bit"}
)
OTHER_PICTURES: Final = frozenset({".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".heic", ".ppm", ".pgm"})
ODD_JSON: Final = (KeyError, TypeError, ValueError, IndexError, AttributeError)  #: what a wrong form raises
_MOST_JSON_BYTES: Final = 2**30


class Lost(NamedTuple):
    """A folder or link that could not be followed: its place, the system's reason, and whether it had gone."""

    file: str
    why: str
    gone: bool


class OutsideError(OSError):
    """A link leads out of the workspace and its roots."""


@dataclass
class Tree:
    """A listed folder.

    Attributes:
        root: The folder.
        inside: Whether a path, links followed, may be read.
        files: All files below it, relative, in order, hidden ones left out.
        lost: What could not be listed.
        hidden: Hidden files and folders: passed over.
        links: Links to folders: not followed.
        sizes: Bytes of the files of an object store, which its listing has told.
        unreadable: JSON files that could not be read, and why.
    """

    root: Place
    inside: Callable[[Path], bool]
    files: Sequence[str]
    lost: Sequence[Lost] = ()
    hidden: Sequence[str] = ()
    links: Sequence[str] = ()
    sizes: Mapping[str, int] = field(default_factory=dict)
    unreadable: dict[str, Text] = field(default_factory=dict, init=False)
    _documents: dict[str, Any] | None = field(default=None, init=False)
    _pictures: tuple[str, ...] | None = field(default=None, init=False)

    def read(self, file: str) -> bytes:
        """The bytes of a file.

        Raises:
            OutsideError: It is a link out of the workspace and its roots.
            OSError: It cannot be read.
            ObjectStoreError: The store refuses all that is asked, or does not answer.
        """
        return reading.read_bytes(self._place(file))

    def size(self, file: str) -> int:
        """How many bytes a file has.

        Raises:
            OSError: It has gone, or its folder may not be read.
        """
        path = self.root / file
        return self.sizes[file] if isinstance(path, ObjectPath) else path.stat().st_size

    def head(self, file: str) -> bytes:
        """The first bytes of a file, 4 KiB; empty when it cannot be read.

        Raises:
            ObjectStoreError: As `read`.
        """
        try:
            return reading.read_head(self._place(file), 4096)
        except OSError:
            return b""

    def _place(self, file: str) -> Place:
        path = self.root / file
        if isinstance(path, ObjectPath):
            return path
        if path.is_symlink() and not self.inside(path.resolve()):
            raise OutsideError
        return path

    def peek(self, file: str) -> bytes:
        """The bytes of a file; empty when it cannot be read."""
        try:
            return self.read(file)
        except OSError:
            return b""

    def text(self, file: str) -> str:
        """The text of a file, UTF-8 or GBK; empty when it cannot be read."""
        return decode(self.peek(file))

    def pictures(self) -> Sequence[str]:
        """The files that end like a JPEG or PNG."""
        if self._pictures is None:
            self._pictures = tuple(f for f in self.files if PurePosixPath(f).suffix.lower() in PICTURES)
        return self._pictures

    def documents(self) -> dict[str, Any]:
        """The JSON documents that may describe many pictures: all but those that carry the name of one picture."""
        if self._documents is None:
            stems = {PurePosixPath(f).stem for f in self.pictures()}
            names = [f for f in self.files if f.lower().endswith(".json") and PurePosixPath(f).stem not in stems]
            names = [f for f in names if not f.endswith("_polygons.json")]
            read = ((f, self.json(f)) for f in names)
            self._documents = {f: value for f, value in read if value is not None and not is_labelme(value)}
        return self._documents

    def json(self, file: str) -> Any:
        """The value of a JSON file; None when it cannot be read, `unreadable` then says why."""
        try:
            if self.size(file) > _MOST_JSON_BYTES:
                most = f"{_MOST_JSON_BYTES >> 30} GiB"
                self.unreadable[file] = Text(
                    f"大于 {most}，未读取；请分成几个文件", f"Above {most}, not read: split it"
                )
                return None
            return json.loads(decode(self.read(file)))
        except OSError as error:
            what = reading.why(error)
            self.unreadable[file] = Text(f"无法读取：{what.zh}", f"Cannot be read: {what.en}")
        except (ValueError, RecursionError) as error:
            self.unreadable[file] = Text(f"不是有效的 JSON：{error}"[:300], f"Not valid JSON: {error}"[:300])
        return None


def list_tree(root: Place, inside: Callable[[Path], bool], check_stop: Callable[[], None]) -> Tree:
    """List a folder, or what lies in a place of an object store, in the same order.

    Links to folders are not followed; what cannot be listed is kept as `lost`.

    Args:
        root: The folder, or the place.
        inside: Whether a path, links followed, may be read.
        check_stop: Called for each folder, or page of a listing; raises to stop.

    Raises:
        ObjectStoreError: The store cannot be listed.
    """
    if isinstance(root, ObjectPath):
        return _list_store(root, inside, check_stop)
    files: list[str] = []
    lost: list[Lost] = []
    hidden: list[str] = []
    links: list[str] = []

    def failed(error: OSError) -> None:
        place = Path(error.filename or root)
        shown = place.relative_to(root).as_posix() if place.is_relative_to(root) else place.name
        lost.append(Lost(shown, error.strerror or type(error).__name__, isinstance(error, FileNotFoundError)))

    for folder, folders, names in os.walk(root, onerror=failed):
        check_stop()
        place = PurePosixPath(Path(folder).relative_to(root).as_posix())
        secret = {f for f in folders if f.startswith(".")}
        linked = {f for f in folders if os.path.islink(os.path.join(folder, f))} - secret  # noqa: PTH114, PTH118 - speed
        hidden += [(place / name).as_posix() for name in sorted(secret)]
        links += [(place / name).as_posix() for name in sorted(linked)]
        folders[:] = sorted(set(folders) - secret - linked)
        for name in sorted(names):
            (hidden if name.startswith(".") else files).append((place / name).as_posix())
    return Tree(root, inside, files, lost, hidden, links)


def _list_store(root: ObjectPath, inside: Callable[[Path], bool], check_stop: Callable[[], None]) -> Tree:
    sizes: dict[str, int] = {}
    lost: list[Lost] = []
    hidden: dict[str, None] = {}
    for number, (name, size) in enumerate(objects.walk(root)):
        if number % objects.PAGE == 0:
            check_stop()
        parts = name.split("/")
        secret = next((i for i, part in enumerate(parts, 1) if part.startswith(".") and part not in {".", ".."}), 0)
        if name.endswith("/") and not size:
            continue  # the mark that some programs leave for a folder
        if not objects.is_plain(name):
            lost.append(Lost(name, "no file can have this key", gone=False))
        elif secret:
            hidden["/".join(parts[:secret])] = None
        else:
            sizes[name] = size
    files = sorted(sizes, key=lambda file: (file.split("/")[:-1], file))
    return Tree(root, inside, files, lost, list(hidden), sizes=sizes)


def is_labelme(value: Any) -> bool:
    """Whether a JSON is one of LabelMe's, which are one for each picture and may hold it, too."""
    return (
        isinstance(value, dict) and "shapes" in value and bool({"imagePath", "imageData", "imageHeight"} & set(value))
    )


def odd_json(error: Exception) -> Text:
    """What is said of a JSON whose form is not what it should be."""
    what = f"{type(error).__name__}: {error}"[:200]
    return Text(f"JSON 的内容不符合格式：{what}", f"The JSON does not have the form it should have: {what}")


def shown(file: str) -> str:
    """A file's place for people: NFC, names in GBK bytes read as such."""
    return "/".join(readable(part) for part in file.split("/"))


def package_of(folder: str) -> str:
    """The package for pictures of a folder: its path with dashes, `1` for the top."""
    parts = [readable(part) for part in PurePosixPath(folder).parts if part != "."]
    return "-".join(parts) or "1"


def split_of(file: str) -> str:
    """The official split that a path tells: a folder that is called, or begins with, train, val or test."""
    for part in reversed(PurePosixPath(file).parts[:-1]):
        for split in ("train", "val", "test"):
            if part.lower() == split or part.lower().startswith((f"{split}_", f"{split}2", f"{split}-")):
                return split
    return ""
