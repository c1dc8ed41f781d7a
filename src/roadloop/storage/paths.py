"""The one resolver: every name and every path of a request passes here.

A name is one path component. A path is relative to the workspace, or absolute inside the workspace or one of the
configured roots; symbolic links are followed before the check, so none leads out.

What stands on the disk may be written in another form than a request writes it: decomposed (NFD, as macOS does), or in
the bytes of GBK. The exact spelling wins; else the only entry that reads the same; two are refused by name.
"""

import os
import unicodedata
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from roadloop.errors import InvalidNameError, InvalidValueError, PathOutsideError, Text, many
from roadloop.lists import NAME_COMMAS
from roadloop.storage.folders import FOLDERS, Folders
from roadloop.storage.objects import ObjectPath, Place, is_object, is_plain, parse, place_of

MAX_NAME: Final = 100
MAX_NAME_BYTES: Final = 240
MAX_COMPONENT_BYTES: Final = 255  #: what a file system takes as one name
MAX_PATH_BYTES: Final = 4000
#: What is said of a link that leads out of every root.
LEADS_OUT: Final = Text(
    "链接指向工作区与配置的根目录之外；请复制文件，或用 --root 加上该目录",
    "a link that leads out of the workspace and its roots; copy the files, or add that folder with --root",
)
_FORBIDDEN: Final = set("/\\")


def printable(name: str) -> str:
    """A file name with bytes that are no UTF-8 made visible."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def readable(name: str) -> str:
    """A file name as text: NFC; bytes that are no UTF-8 are read as GBK where that is possible."""
    if not is_text(name):
        try:
            name = os.fsencode(name).decode("gb18030")
        except UnicodeDecodeError:
            name = printable(name)
    return unicodedata.normalize("NFC", name)


def is_text(name: str) -> bool:
    """Whether a name can be written as UTF-8; one from the disk whose bytes are something else cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def spoken(name: str) -> str:
    """What an entry of the disk is called in answers: its own spelling, and `readable` where that is no text."""
    return name if is_text(name) else readable(name)


def find_entry(folder: Path, name: str, parameter: str) -> Path:
    """The entry of a folder that a name means, however it is written on the disk.

    Args:
        folder: Any folder; one that is not there, or cannot be listed, holds nothing.
        name: One path component, in any normal form.
        parameter: Name of the parameter, for the message.

    Returns:
        The entry of exactly that spelling, else the only one that reads the same, else the path in NFC, which need not
        exist.

    Raises:
        InvalidNameError: Several entries read the same, and none is spelled so.
    """
    if name.isascii() or os.path.lexists(folder / name):
        return folder / name
    plain = unicodedata.normalize("NFC", name)
    try:
        same = sorted((entry.name for entry in folder.iterdir() if readable(entry.name) == plain), key=os.fsencode)
    except OSError:
        same = []
    if len(same) > 1:
        spellings = ", ".join(ascii(printable(entry)) for entry in same[:10])
        raise InvalidNameError(
            Text(
                f"{parameter}：{folder.name} 中有 {len(same)} 项读作 {plain}，写法不同：{spellings}。请改名，只留一项。",
                f"{parameter}: {many(len(same), 'entry', 'entries')} of {folder.name} read as {plain} and are written differently:"
                f" {spellings}. Rename them, so that one is left.",
            ),
            parameter=parameter,
        )
    return folder / (same[0] if same else plain)


def check_name(value: str, parameter: str) -> str:
    """Return `value` NFC-normalised if it can be a path component.

    Args:
        value: What the caller sent.
        parameter: Name of the parameter, for the message.

    Raises:
        InvalidNameError: Empty, longer than 100 characters or 255 bytes, a leading dot or dash, a separator, a
            control or invisible character, or white space at an end.
    """
    name = unicodedata.normalize("NFC", value)
    bad = (
        not 1 <= len(name) <= MAX_NAME
        or len(name.encode("utf-8", "replace")) > MAX_NAME_BYTES
        or name != name.strip()
        or name[0] in ".-"
        or any(c in _FORBIDDEN or unicodedata.category(c) in {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"} for c in name)
    )
    if bad:
        raise InvalidNameError(
            Text(
                f"{parameter} 的值 {value[:120]!r} 不能用作名称：1 到 100 个字符（UTF-8 不超过 240 字节），不含分隔符与控制字符，不以点、横线或空格开头。",
                f"{parameter}: {value[:120]!r} cannot be a name: 1 to 100 characters (at most 240 bytes"
                " of UTF-8), no separators or control characters, no leading dot, dash or space.",
            ),
            parameter=parameter,
        )
    return name


def check_new_name(value: str, parameter: str) -> str:
    """`check_name` for what is created: it must also stand in a comma list as it is.

    Raises:
        InvalidNameError: As `check_name`; or a comma, `，` as well, or a double quote at the beginning.
    """
    name = check_name(value, parameter)
    if any(c in name for c in NAME_COMMAS) or name[0] == '"':
        raise InvalidNameError(
            Text(
                f"{parameter} 的值 {name!r} 不能用作新的名称：名称会写进逗号分隔的列表，所以不含逗号（, 与 ，），不以双引号开头。",
                f"{parameter}: {name!r} cannot be a new name: names are chosen in lists with commas, so they hold no"
                " comma and begin with no double quote.",
            ),
            parameter=parameter,
        )
    return name


@dataclass(frozen=True)
class Root:
    """A folder that requests may name."""

    path: Path
    writable: bool


def parse_root(text: str) -> Root:
    """Read `path` or `path:ro` from the settings."""
    path, colon, mode = text.rpartition(":")
    if colon and mode in {"ro", "rw"}:
        return Root(Path(path).expanduser().resolve(), mode == "rw")
    return Root(Path(text).expanduser().resolve(), True)


class Workspace(Folders):
    """The folders of one installation.

    Args:
        home: The workspace folder.
        roots: Texts of further folders, `path` or `path:ro`, and of places in object stores, `s3://bucket/prefix`, which
            are only read.

    Raises:
        InvalidValueError: One of the latter is no such place.
    """

    def __init__(self, home: Path, roots: tuple[str, ...] = ()) -> None:
        super().__init__(home.expanduser().resolve())
        self.roots: Final = (Root(self.home, True), *(parse_root(text) for text in roots if not is_object(text)))
        self.stores: Final = tuple(parse(text.removesuffix(":ro"), "roots") for text in roots if is_object(text))

    def create_folders(self) -> None:
        """Make the folders that a workspace begins with."""
        for folder in FOLDERS:
            if folder.begun:
                (self.home / folder.name).mkdir(parents=True, exist_ok=True)

    def resolve(self, text: str, parameter: str, *, write: bool = False) -> Path:
        """Turn the path of a request into a real one.

        Args:
            text: Relative to the workspace, or absolute inside a root.
            parameter: Name of the parameter, for the message.
            write: The caller wants to write there.

        Returns:
            An absolute path without symbolic links. It need not exist.

        Raises:
            InvalidValueError: Empty, too long, not a path at all, or a place in an object store.
            InvalidNameError: Several entries of the disk read like a part of it.
            PathOutsideError: Outside every root, inside `..`, or in a read-only root although `write`.
        """
        if is_object(text):
            raise InvalidValueError(
                Text(
                    f"{parameter}：{text[:200]} 在对象存储中，此处需要磁盘上的目录或文件；对象存储可以用 /offimport 按引用导入，也可以存放轨迹。",
                    f"{parameter}: {text[:200]} is in an object store; here a place on the disk is needed. What lies in a"
                    " store can be imported by reference with /offimport, and tracks are found there.",
                ),
                parameter=parameter,
            )
        self._check_path(text, parameter)
        given = Path(text)
        if ".." in given.parts:
            raise self._outside(text, parameter)
        try:
            path = self._spelled(self.home / given, parameter).resolve()
        except (OSError, RuntimeError) as error:
            raise self._outside(text, parameter) from error
        root = max(
            (r for r in self.roots if path.is_relative_to(r.path)),
            key=lambda r: len(r.path.parts),
            default=None,
        )
        if root is None:
            raise self._outside(text, parameter)
        if write and not root.writable:
            raise PathOutsideError(
                Text(
                    f"{parameter}：{text} 在只读目录 {root.path} 中；请换一个可写的位置。",
                    f"{parameter}: {text} lies in the read-only root {root.path}; choose a writable place.",
                ),
                parameter=parameter,
            )
        return path

    def resolve_place(self, text: str, parameter: str) -> Place:
        """`resolve` for what is only read, and may lie in an object store as well; nobody is asked whether it is there.

        Raises:
            InvalidValueError, InvalidNameError: As `resolve`; or no place in an object store.
            PathOutsideError: Outside every root.
        """
        if not is_object(text):
            return self.resolve(text, parameter)
        place = parse(text, parameter)
        if not any(place.is_relative_to(store) for store in self.stores):
            raise self._outside(text, parameter)
        return place

    def dataset(self, name: str) -> Path:
        """The folder of a dataset, however its name is written on the disk; it need not exist."""
        return find_entry(self.datasets, name, "data")

    def task(self, name: str) -> Path:
        """The folder of a training task, likewise."""
        return find_entry(self.tasks, name, "task")

    def entry(self, folder: Path, value: str, parameter: str) -> Path:
        """The thing of a folder that a request names; it need not exist.

        Args:
            folder: One of the workspace's folders.
            value: The name as it was sent.
            parameter: Name of the parameter, for the message.

        Raises:
            InvalidNameError: Not a name, or several entries read the same.
            PathOutsideError: It is a link that leads out of the workspace and its roots.
        """
        check_name(value, parameter)
        path = find_entry(folder, value, parameter)
        self.follow(path)
        return path

    def store_path(self, path: Path | str, *, raw: bool = False) -> str:
        """How rows, payloads and files of the workspace name a place, so that it can be moved and copied.

        Args:
            path: A place, or the text of a request that names one.
            raw: Keep bytes that are no UTF-8: for files, which can hold them.

        Returns:
            Relative to the workspace for what lies inside it, absolute for what does not; a text that is relative
            already is given back as it is. Names whose bytes are no UTF-8 are given as they read, unless `raw`.
        """
        text = str(path)
        if not raw and not is_text(text):
            text = str(Path(*(spoken(part) for part in Path(path).parts)))
        given = Path(text)
        if not given.is_absolute():
            return text
        try:
            real = given.resolve()
        except (OSError, RuntimeError, ValueError):  # nothing that could be opened: `resolve` refuses it
            real = given
        for place in (given, real):
            if place.is_relative_to(self.home):
                return place.relative_to(self.home).as_posix()
        return str(given)

    def find_path(self, text: str) -> Path:
        """The place that `store_path` has named, wherever the workspace is by now. It need not exist.

        Raises:
            InvalidNameError: Several entries of the disk read like a part of it.
        """
        return self._spelled(self.home / text, "path")

    def find_place(self, text: str) -> Place:
        """`find_path` for what may lie in an object store as well.

        Raises:
            InvalidNameError: Several entries of the disk read like a part of it.
        """
        return place_of(text, self.home) if is_object(text) else self.find_path(text)

    def holds(self, place: Place) -> bool:
        """Whether a path without symbolic links, or an object, lies in the workspace or one of the roots."""
        if isinstance(place, ObjectPath):
            return is_plain(place.key) and any(place.is_relative_to(store) for store in self.stores)
        return any(place.is_relative_to(root.path) for root in self.roots)

    def follow_place(self, place: Place) -> Place:
        """`follow` for what may lie in an object store as well.

        Raises:
            PathOutsideError: It lies outside, or its links lead out of, the workspace and its roots.
        """
        if not isinstance(place, ObjectPath):
            return self.follow(place)
        if not self.holds(place):
            raise self._outside(str(place), place.name)
        return place

    def follow(self, path: Path) -> Path:
        """A file's real path, for files that stand in folders which people fill.

        Raises:
            PathOutsideError: Its links lead out of the workspace and its roots.
        """
        try:
            real = path.resolve()
        except (OSError, RuntimeError):  # a loop of links: opening it says so
            return path
        if not self.holds(real):
            raise PathOutsideError(Text(f"{path.name}：{LEADS_OUT.zh}", f"{path.name}: {LEADS_OUT.en}"))
        return real

    def _spelled(self, path: Path, parameter: str) -> Path:
        """A path below one of the roots, each component as it is written on the disk; others as they are."""
        if os.path.lexists(path):
            return path
        parts = [readable(part) for part in path.parts]
        tops = [r.path for r in self.roots if parts[: len(r.path.parts)] == [readable(p) for p in r.path.parts]]
        place = max(tops, key=lambda top: len(top.parts), default=None)
        if place is None:
            return path
        for part in path.parts[len(place.parts) :]:
            place = find_entry(place, part, parameter)
            try:
                self.follow(place)
            except PathOutsideError:
                return path  # the caller refuses it
        return place

    def _check_path(self, text: str, parameter: str) -> None:
        given = Path(text)
        fits = text.strip() and "\0" not in text and is_text(text)
        if fits:
            sizes = [len(part.encode()) for part in given.parts]
            fits = max(sizes, default=0) <= MAX_COMPONENT_BYTES and len(bytes(self.home / given)) <= MAX_PATH_BYTES
        if not fits:
            raise InvalidValueError(
                Text(
                    f"{parameter} 不是有效路径：每一级名称最多 {MAX_COMPONENT_BYTES} 字节（UTF-8），全长最多"
                    f" {MAX_PATH_BYTES} 字节，不含空字符。",
                    f"{parameter} is not a valid path: each name in it has at most {MAX_COMPONENT_BYTES} bytes of UTF-8,"
                    f" all of it {MAX_PATH_BYTES}, and no null characters.",
                ),
                parameter=parameter,
            )

    def _outside(self, text: str, parameter: str) -> PathOutsideError:
        allowed = "、".join((*(str(r.path) for r in self.roots), *map(str, self.stores)))
        return PathOutsideError(
            Text(
                f"{parameter}：{text[:200]!r} 不在工作区内。请用相对于工作区的路径，或这些目录内的绝对路径：{allowed}。",
                f"{parameter}: {text[:200]!r} is outside the workspace. Use a path relative to it, or an absolute one"
                f" inside: {allowed}. Further folders are allowed with --root.",
            ),
            parameter=parameter,
        )
