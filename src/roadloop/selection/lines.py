"""Lists of track ids: text files of any length, one id a line, drawn from in constant memory.

A file is read once, in large pieces that NumPy takes apart; a line costs no Python object unless it is drawn or
strange. UTF-8 and GBK, LF and CRLF, a byte order mark, blank lines and a missing last newline are all fine; what
cannot be an id (too long, undecodable, a path, control characters) is counted and shown.
"""

import os
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import InvalidNameError, InvalidValueError, NotFoundError, Text
from roadloop.storage import reading
from roadloop.storage.paths import MAX_NAME, MAX_NAME_BYTES, check_name

Int64 = NDArray[np.int64]

CHUNK: Final = 2**21  #: bytes read at once
LONGEST: Final = 4096  #: bytes after which a line without an end is passed over
EXAMPLES: Final = 5
_BOM: Final = b"\xef\xbb\xbf"
_WIDE_BOMS: Final = (b"\xff\xfe", b"\xfe\xff")
_NEWLINE, _RETURN = 10, 13
_ORDINARY, _WHITE, _BAD, _HIGH = 0, 1, 2, 3
_PLAIN: Final = bytes(c for c in range(33, 127) if c not in b"/\\") + b"\r\n"


def _kinds() -> NDArray[np.uint8]:
    kinds = np.full(256, _BAD, np.uint8)
    kinds[list(_PLAIN)] = _ORDINARY
    kinds[list(b" \t")] = _WHITE
    kinds[128:] = _HIGH
    return kinds


_KINDS: Final = _kinds()


@dataclass
class LineCounts:
    """What a file's lines are.

    Attributes:
        lines: Lines that can be ids.
        blank: Lines with nothing in them.
        bad: Other lines.
        examples: The first bad ones as (line number from 1, reason).
    """

    lines: int = 0
    blank: int = 0
    bad: int = 0
    examples: list[tuple[int, Text]] = field(default_factory=list)

    def note_bad(self, number: int, reason: Text) -> None:
        """Count a line that cannot be an id."""
        self.bad += 1
        if len(self.examples) < EXAMPLES:
            self.examples.append((number, reason))


class Block(NamedTuple):
    """Lines that can be ids: where they begin in the file and how many bytes they have."""

    starts: Int64
    lengths: Int64


def draw(path: Path, counts: LineCounts, number: int, seed: int) -> tuple[list[str], list[str]]:
    """Draw lines at random, each with the same chance: a reservoir that keeps the smallest of random keys.

    The file is read once. Memory does not depend on its length; the result depends on its lines and the seed alone.

    Args:
        path: The file.
        counts: Learns what its lines are.
        number: How many lines; all when it has fewer.
        seed: Of the draw.

    Returns:
        The ids, each once, in random order; and in the order of the file.

    Raises:
        NotFoundError: It cannot be read.
        InvalidValueError: It is UTF-16.
    """
    rng = np.random.default_rng(seed)
    kept: tuple[NDArray[np.float64], Int64, Int64] = (np.empty(0), np.empty(0, np.int64), np.empty(0, np.int64))
    bound = np.inf
    with _open(path) as stream:
        for block in blocks(stream, counts):
            keys = rng.random(len(block.starts))
            low = keys < bound
            kept = (
                np.concatenate((kept[0], keys[low])),
                np.concatenate((kept[1], block.starts[low])),
                np.concatenate((kept[2], block.lengths[low])),
            )
            if len(kept[0]) > number:
                smallest = np.argpartition(kept[0], number - 1)[:number]
                kept = (kept[0][smallest], kept[1][smallest], kept[2][smallest])
                bound = kept[0].max()
        texts = _read(stream, kept[1], kept[2], counts)
    ids, in_order = (list(dict.fromkeys(texts[i] for i in np.argsort(by) if texts[i])) for by in kept[:2])
    return ids, in_order


def ids_of(path: Path, counts: LineCounts) -> Iterator[str]:
    """Every id of a file in order, in constant memory; `counts` is complete when the iteration is.

    Raises:
        NotFoundError: It cannot be read.
        InvalidValueError: It is UTF-16.
    """
    with _open(path) as stream:
        for block in blocks(stream, counts):
            yield from (text for text in _read(stream, block.starts, block.lengths, counts) if text)


def blocks(stream: BinaryIO, counts: LineCounts) -> Iterator[Block]:
    """The lines of a file, about two megabytes at a time.

    Args:
        stream: Unbuffered, at its beginning; its position is not used afterwards.
        counts: Grows with every block.

    Raises:
        InvalidValueError: The file is UTF-16.
    """
    offset, number, carry, skipping = 0, 1, b"", False
    handle = stream.fileno()
    read = 0
    while data := os.pread(handle, CHUNK, read):
        if not read:
            size, data = len(data), _without_mark(data)
            offset = read = size - len(data)
        read += len(data)
        if skipping:
            end = data.find(b"\n") + 1
            if not end:
                continue
            skipping, data, offset = False, data[end:], read - len(data) + end
        buffer = carry + data
        end = buffer.rfind(b"\n") + 1
        if end:
            block, lines = _lines(buffer[:end], offset, number, counts)
            number += lines
            yield block
        offset, carry = offset + end, buffer[end:]
        if len(carry) > LONGEST:
            counts.note_bad(number, _too_long(len(carry)))
            number, skipping, carry = number + 1, True, b""
    if carry:
        block, _ = _lines(carry + b"\n", offset, number, counts)
        yield block


def _without_mark(data: bytes) -> bytes:
    if data.startswith(_WIDE_BOMS):
        raise InvalidValueError(
            Text(
                "轨迹列表是 UTF-16 编码；请另存为 UTF-8（或 GBK）文本。",
                "The list is UTF-16; save it as UTF-8 (or GBK) text.",
            ),
            parameter="track_file",
        )
    return data.removeprefix(_BOM)


def _lines(buffer: bytes, offset: int, number: int, counts: LineCounts) -> tuple[Block, int]:
    """Take whole lines apart: those that can be ids, and how many lines there are in all."""
    codes = np.frombuffer(buffer, np.uint8)
    ends = np.flatnonzero(codes == _NEWLINE)
    starts = np.empty_like(ends)
    starts[0], starts[1:] = 0, ends[:-1] + 1
    lengths = ends - starts
    returns = (lengths > 0) & (codes[ends - 1] == _RETURN)
    lengths -= returns
    good = lengths > 0
    strange = _strange(buffer, codes, ends, lengths, returns)
    counts.blank += int(len(good) - np.count_nonzero(good))
    for line in strange.tolist():
        start = int(starts[line])
        try:
            good[line] = bool(decode(buffer[start : start + int(lengths[line])]))
            counts.blank += not good[line]
        except InvalidNameError as error:
            good[line] = False
            counts.note_bad(number + line, error.text)
    counts.lines += int(np.count_nonzero(good))
    return Block(starts[good] + offset, lengths[good]), len(ends)


def _strange(buffer: bytes, codes: NDArray[np.uint8], ends: Int64, lengths: Int64, returns: NDArray[np.bool_]) -> Int64:
    """Numbers of the lines that must be looked at one by one."""
    first = codes[ends - lengths - returns]
    marks = (lengths > MAX_NAME) | ((lengths > 0) & ((first == ord(".")) | (first == ord("-"))))
    if buffer.translate(None, _PLAIN) or buffer.count(b"\r") != np.count_nonzero(returns):
        kinds = _KINDS[codes]
        odd = (kinds == _WHITE) | (kinds == _BAD)
        if not _decodes(buffer):
            odd |= kinds == _HIGH
        odd |= codes == _RETURN
        odd[ends[returns] - 1] = False
        marks[np.unique(np.searchsorted(ends, np.flatnonzero(odd)))] = True
        marks &= lengths > 0
    return np.flatnonzero(marks)


def _decodes(buffer: bytes) -> bool:
    """Whether every line is UTF-8, or every line GBK. A newline is never the second byte of a character."""
    for encoding in ("utf-8", "gb18030"):
        try:
            buffer.decode(encoding)
        except UnicodeDecodeError:
            continue
        return True
    return False


def decode(line: bytes) -> str:
    """The id in a line, NFC; empty when there is nothing but white space.

    Raises:
        InvalidNameError: It cannot be an id.
    """
    if len(line) > max(LONGEST, MAX_NAME_BYTES):
        raise InvalidNameError(_too_long(len(line)))
    try:
        text = line.decode()
    except UnicodeDecodeError:
        try:
            text = line.decode("gb18030")
        except UnicodeDecodeError as error:
            raise InvalidNameError(Text("既不是 UTF-8 也不是 GBK 编码", "neither UTF-8 nor GBK")) from error
    text = unicodedata.normalize("NFC", text.strip())
    return check_name(text, "track") if text else ""


def _too_long(length: int) -> Text:
    return Text(f"过长（{length} 字节以上）", f"too long ({length} bytes or more)")


def _read(stream: BinaryIO, starts: Int64, lengths: Int64, counts: LineCounts) -> list[str]:
    """The ids at some places; empty where one turns out to be none."""
    handle = stream.fileno()
    texts = []
    for start, length in zip(starts.tolist(), lengths.tolist(), strict=True):
        try:
            texts.append(decode(os.pread(handle, length, start)))
        except InvalidNameError as error:
            counts.lines -= 1
            counts.note_bad(0, error.text)
            texts.append("")
    return texts


def _open(path: Path) -> BinaryIO:
    try:
        return reading.open_file(path)
    except OSError as error:
        what = reading.why(error)
        raise NotFoundError(
            Text(f"读不到列表文件 {path.name}：{what.zh}。", f"Cannot read {path.name}: {what.en}.")
        ) from error
