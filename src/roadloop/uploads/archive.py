"""What an uploaded archive holds, a zip or a plain tar, and whether it may be unpacked. Nothing is written here.

An archive is refused as a whole, with the entry and the reason, before a byte of it is unpacked: names that lead out, that
a file system does not take, or that two entries share (capitals and normal forms aside, since another disk keeps those
apart no longer); links and devices; and bombs, by what the archive declares. Who unpacks holds each entry to that.
"""

import lzma
import stat
import struct
import tarfile
import unicodedata
import zipfile
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath
from typing import IO, Final, NamedTuple

from roadloop.errors import BrokenFileError, Text
from roadloop.storage import reading
from roadloop.storage.paths import MAX_COMPONENT_BYTES, printable

MOST_FILES: Final = 1_000_000
MOST_PATH_BYTES: Final = 2000
#: An archive may hold so many times its own size: pictures pack by nothing, their descriptions as text by ten to twenty.
MOST_RATIO: Final = 100
FREE_BYTES: Final = 256 * 2**20  #: small ones may hold as much, whatever the ratio
_MOST_DIRECTORY: Final = 2**29  # bytes of a zip's directory, which is read at once
_UTF8: Final = 0x800
_ENCRYPTED: Final = 0x1
_METHODS: Final = frozenset({zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA})
_OF_MACOS: Final = "__MACOSX"
_LINK: Final = Text("链接", "a link")
_OTHER: Final = Text("设备、管道或其他特殊文件", "a device, a pipe or another special file")

#: What reading a damaged entry raises; bz2 has an `OSError` without a number.
DAMAGED: Final = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, NotImplementedError)


class Entry(NamedTuple):
    """One file of an archive.

    Attributes:
        path: Below the folder to be, `/` between the parts.
        size: Bytes, as declared.
        open: Opens it; who asks closes it.
    """

    path: str
    size: int
    open: Callable[[], IO[bytes]]


class Contents(NamedTuple):
    """What is to be unpacked.

    Attributes:
        entries: The files, in the archive's order.
        top: The only folder that everything stood in, which is taken off; empty: there is none.
    """

    entries: list[Entry]
    top: str


@contextmanager
def opened(path: Path) -> Iterator[Contents]:
    """Look through an archive; its entries can be opened inside of the block.

    Args:
        path: The file.

    Raises:
        BrokenFileError: It is neither a zip nor a plain tar, is damaged, or has something that is refused.
    """
    with reading.open_file(path) as file, ExitStack() as stack:
        try:
            contents = _checked(_entries(file, stack), path.stat().st_size)
        except (*DAMAGED, OSError, ValueError, struct.error) as error:
            raise damaged(error) from error
        yield contents


def _entries(file: IO[bytes], stack: ExitStack) -> Iterator[Entry]:
    if zipfile.is_zipfile(file):
        _check_directory(file)
        return _zip_entries(stack.enter_context(zipfile.ZipFile(file)))
    if _looks_like_tar(file):
        return _tar_entries(stack.enter_context(tarfile.open(fileobj=file, mode="r:")))
    raise BrokenFileError(
        Text(
            "这不是 zip 压缩包，也不是未压缩的 tar；请打包成 zip，或直接上传目录。",
            "This is neither a zip nor an uncompressed tar; pack it as a zip, or send the folder itself.",
        )
    )


def same_name(path: str) -> str:
    """A path as disks see it that keep neither capitals nor normal forms apart."""
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def damaged(error: Exception) -> BrokenFileError:
    """What is said of an archive that cannot be read to its end."""
    why = str(error) or type(error).__name__
    return BrokenFileError(
        Text(
            f"压缩包已损坏，没有解包任何内容（{why}）；请重新打包后上传。",
            f"The archive is damaged, and nothing of it was unpacked ({why}); pack and send it again.",
        )
    )


def _looks_like_tar(file: IO[bytes]) -> bool:
    file.seek(0)
    head = file.read(tarfile.BLOCKSIZE)
    file.seek(0)
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a directory that would fill the memory, before the library reads it.

    Its size stands in the last record of the file, and for large archives in the one that a locator points at (APPNOTE
    4.3.14 to 4.3.16).
    """
    end = file.seek(0, 2)
    file.seek(max(0, end - 2**16 - 22))
    tail = file.read()
    at = tail.rfind(b"PK\5\6")
    count, size = struct.unpack("<HI", tail[at + 10 : at + 16])
    if at >= 20 and tail[at - 20 : at - 16] == b"PK\6\7":
        file.seek(struct.unpack("<Q", tail[at - 12 : at - 4])[0])
        count, size = struct.unpack("<QQ", file.read(56)[32:48])
    if size > _MOST_DIRECTORY or count > MOST_FILES:
        raise _refused_whole(_too_many())
    file.seek(0)


def _zip_entries(packed: zipfile.ZipFile) -> Iterator[Entry]:
    for info in packed.infolist():
        name = _zip_name(info)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind == stat.S_IFLNK:
            raise _refused(name, _LINK)
        if kind not in {0, stat.S_IFREG, stat.S_IFDIR}:
            raise _refused(name, _OTHER)
        if info.flag_bits & _ENCRYPTED:
            raise _refused(name, Text("有密码保护", "it is protected by a password"))
        if info.compress_type not in _METHODS:
            way = info.compress_type
            raise _refused(name, Text(f"压缩方法 {way} 不能读取", f"its compression method {way} cannot be read"))
        if not info.is_dir() and name.partition("/")[0] != _OF_MACOS:
            yield Entry(name, info.file_size, lambda info=info: packed.open(info))  # type: ignore[misc]


def _zip_name(info: zipfile.ZipInfo) -> str:
    """An entry's name; without the flag that says UTF-8 it is that, or GBK, as Chinese Windows writes it."""
    if info.flag_bits & _UTF8:
        return info.orig_filename
    raw = info.orig_filename.encode("cp437")
    for encoding in ("utf-8", "gb18030"):
        try:
            return raw.decode(encoding)
        except UnicodeDecodeError:
            continue
    return info.orig_filename


def _tar_entries(plain: tarfile.TarFile) -> Iterator[Entry]:
    for info in plain:
        if info.issym() or info.islnk():
            raise _refused(info.name, _LINK)
        if info.isdir():
            continue
        if not info.isreg() or info.issparse():
            raise _refused(info.name, _OTHER)
        yield Entry(info.name, info.size, lambda info=info: _tar_file(plain, info))  # type: ignore[misc]


def _tar_file(plain: tarfile.TarFile, info: tarfile.TarInfo) -> IO[bytes]:
    file = plain.extractfile(info)
    assert file is not None  # it is a regular file
    return file


def _checked(entries: Iterable[Entry], packed: int) -> Contents:
    """The entries, when none is refused and all of them together are no bomb."""
    found, total = list[Entry](), 0
    for entry in entries:
        problem = _name_problem(entry.path)
        if problem is not None:
            raise _refused(entry.path, problem)
        found.append(entry)
        total += entry.size
        if len(found) > MOST_FILES:
            raise _refused_whole(_too_many())
    if total > max(FREE_BYTES, MOST_RATIO * packed):
        mib, times = total // 2**20, total // max(1, packed)
        raise _refused_whole(
            Text(
                f"它声明解开后有 {mib} MiB，是自身大小的 {times} 倍（上限 {MOST_RATIO} 倍），像是压缩炸弹",
                f"it says that it holds {mib} MiB, {times} times its own size (at most {MOST_RATIO}), as bombs do",
            )
        )
    if not found:
        raise _refused_whole(Text("其中没有文件", "there is no file in it"))
    _check_clashes(found)
    return _without_top(found)


def _name_problem(name: str) -> Text | None:
    """Why an entry's name cannot be one below the folder; None where it can."""
    parts = name.split("/")
    if name.startswith("/") or "\\" in name or (len(name) > 1 and name[1] == ":" and name[0].isalpha()):
        return Text("是绝对路径，或含反斜杠", "its path is absolute, or has backslashes")
    if not name or any(part in {"", ".", ".."} for part in parts):
        return Text("路径含 .. 或空的部分", "its path has .. or empty parts")
    if any(unicodedata.category(c) in {"Cc", "Cs", "Zl", "Zp"} for c in name):
        return Text("名称含控制字符，或不是文字", "its name has control characters, or is no text")
    if any(len(part.encode()) > MAX_COMPONENT_BYTES for part in parts):
        return Text(f"名称超过 {MAX_COMPONENT_BYTES} 字节", f"a name in it has more than {MAX_COMPONENT_BYTES} bytes")
    if len(name.encode()) > MOST_PATH_BYTES:
        return Text(f"路径超过 {MOST_PATH_BYTES} 字节", f"its path has more than {MOST_PATH_BYTES} bytes")
    return None


def _check_clashes(entries: list[Entry]) -> None:
    """Refuse two names that only capitals or normal forms keep apart, and a name that is both file and folder."""
    files, folders = dict[str, str](), dict[str, str]()
    for entry in entries:
        key = same_name(entry.path)
        if key in files:
            raise _clash(files[key], entry.path)
        files[key] = entry.path
        for parent in PurePosixPath(entry.path).parents[:-1]:
            written = folders.setdefault(same_name(str(parent)), str(parent))
            if written != str(parent):
                raise _clash(written, str(parent))
    for key, folder in folders.items():
        if key in files:
            raise _clash(files[key], folder)


def _clash(one: str, other: str) -> BrokenFileError:
    shown = (
        ascii(one) if one != other and unicodedata.normalize("NFC", one) == unicodedata.normalize("NFC", other) else one
    )
    return _refused(
        other,
        Text(
            f"与 {shown} 重名（不分大小写与 Unicode 写法）",
            f"it is called like {shown}, capitals and normal forms aside",
        ),
    )


def _without_top(entries: list[Entry]) -> Contents:
    """Take off a folder that everything stands in, as programs that unpack do."""
    tops = {entry.path.partition("/")[0] for entry in entries}
    if len(tops) > 1 or any("/" not in entry.path for entry in entries):
        return Contents(entries, "")
    top = tops.pop()
    return Contents([entry._replace(path=entry.path[len(top) + 1 :]) for entry in entries], top)


def _too_many() -> Text:
    return Text(f"文件多于 {MOST_FILES} 个", f"it has more than {MOST_FILES} files")


def _refused_whole(why: Text) -> BrokenFileError:
    return BrokenFileError(
        Text(
            f"压缩包被拒绝，没有解包任何内容：{why.zh}。",
            f"The archive is refused, and nothing of it was unpacked: {why.en}.",
        )
    )


def _refused(name: str, why: Text) -> BrokenFileError:
    shown = printable(name)[:200]
    return BrokenFileError(
        Text(
            f"压缩包被拒绝，没有解包任何内容：{shown}：{why.zh}。请改正后重新打包。",
            f"The archive is refused, and nothing of it was unpacked: {shown}: {why.en}. Mend that and pack it again.",
        ),
        entry=shown,
    )
