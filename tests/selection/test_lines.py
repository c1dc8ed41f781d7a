"""R11: lists of track ids of any length and in any shape."""

import resource
import time
from collections import Counter
from pathlib import Path

import pytest

from roadloop.errors import InvalidValueError, NotFoundError
from roadloop.selection.lines import CHUNK, LineCounts, draw, ids_of


def written(folder: Path, data: bytes) -> Path:
    path = folder / "tracks.txt"
    path.write_bytes(data)
    return path


def read(path: Path) -> tuple[list[str], LineCounts]:
    counts = LineCounts()
    return list(ids_of(path, counts)), counts


@pytest.mark.parametrize(
    "data",
    [
        b"a\nb\nc\n",
        b"a\nb\nc",
        b"a\r\nb\r\nc\r\n",
        b"\xef\xbb\xbfa\nb\nc\n",
        b"\n\na\n  b\t\n\r\n   \nc\n\n",
    ],
    ids=["plain", "no-final-newline", "crlf", "bom", "blank-lines"],
)
def test_ids_of__the_usual_shapes(tmp_path: Path, data: bytes) -> None:
    ids, counts = read(written(tmp_path, data))
    assert ids == ["a", "b", "c"]
    assert (counts.lines, counts.bad) == (3, 0)


def test_ids_of__blank_lines_are_counted(tmp_path: Path) -> None:
    _, counts = read(written(tmp_path, b"\n\na\n  b\t\n\r\n   \nc\n\n"))
    assert (counts.lines, counts.blank) == (3, 5)


def test_ids_of__gbk_and_utf8_in_one_file(tmp_path: Path) -> None:
    data = "苏州-1\n".encode("gbk") + "苏州-2\n".encode() + b"x\n" + "路口\n".encode("gbk")
    ids, counts = read(written(tmp_path, data))
    assert ids == ["苏州-1", "苏州-2", "x", "路口"]
    assert counts.bad == 0


def test_ids_of__what_cannot_be_an_id_is_counted_and_shown(tmp_path: Path) -> None:
    lines = [b"good", b"\xff\xff\xff", b"../evil", b"a\x00b", b".hidden", b"-rf", b"x" * 101, b"a\rb", b"last"]
    ids, counts = read(written(tmp_path, b"\n".join(lines)))
    assert ids == ["good", "last"]
    assert (counts.lines, counts.bad) == (2, 7)
    assert [number for number, _ in counts.examples] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize("length", [5000, 2**20, 2 * CHUNK + 17])
def test_ids_of__a_huge_line_is_one_bad_line(tmp_path: Path, length: int) -> None:
    ids, counts = read(written(tmp_path, b"a\n" + b"x" * length + b"\nb\n" + b"y" * length))
    assert ids == ["a", "b"]
    assert (counts.lines, counts.bad) == (2, 2)


def test_ids_of__lines_across_chunks_are_whole(tmp_path: Path) -> None:
    names = [f"track-{i:07d}" for i in range(400_000)]  # 5.2 MB
    ids, counts = read(written(tmp_path, b"\xef\xbb\xbf" + "\r\n".join(names).encode()))
    assert ids == names
    assert counts.lines == len(names)


def test_ids_of__long_names_count_characters(tmp_path: Path) -> None:
    ids, counts = read(written(tmp_path, f"{'路' * 70}\n{'路' * 90}\n".encode()))
    assert ids == ["路" * 70]  # 270 bytes cannot be a file name
    assert counts.bad == 1


def test_draw__is_seeded_and_each_line_has_the_same_chance(tmp_path: Path) -> None:
    path = written(tmp_path, "".join(f"{i}\n" for i in range(20)).encode())
    assert draw(path, LineCounts(), 5, 1) == draw(path, LineCounts(), 5, 1)
    assert draw(path, LineCounts(), 5, 1)[0] != draw(path, LineCounts(), 5, 2)[0]
    found = Counter(name for seed in range(600) for name in draw(path, LineCounts(), 5, seed)[0])
    assert len(found) == 20
    assert all(105 <= count <= 195 for count in found.values())  # 150 expected, 4 standard deviations


def test_draw__more_than_there_are_gives_all_once(tmp_path: Path) -> None:
    counts = LineCounts()
    ids, in_order = draw(written(tmp_path, b"b\na\nb\nc\n"), counts, 50, 0)
    assert in_order == ["b", "a", "c"]
    assert sorted(ids) == ["a", "b", "c"]
    assert counts.lines == 4


def test_draw__empty_missing_and_wide_files(tmp_path: Path) -> None:
    assert draw(written(tmp_path, b""), LineCounts(), 5, 0) == ([], [])
    assert draw(written(tmp_path, b"\xef\xbb\xbf\n\n"), LineCounts(), 5, 0) == ([], [])
    with pytest.raises(NotFoundError, match=r"gone\.txt"):
        draw(tmp_path / "gone.txt", LineCounts(), 5, 0)
    with pytest.raises(InvalidValueError, match="UTF-16"):
        draw(written(tmp_path, "a\nb\n".encode("utf-16")), LineCounts(), 5, 0)


@pytest.mark.slow
def test_draw__ten_million_lines_in_constant_memory(tmp_path: Path) -> None:
    path = tmp_path / "many.txt"
    with path.open("wb") as stream:
        for start in range(0, 10_000_000, 100_000):
            stream.write(b"".join(b"suzhou-%012d\n" % i for i in range(start, start + 100_000)))
        stream.write(b"\xff\xfe\n\n" + b"z" * 2**20)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.process_time()
    counts = LineCounts()
    ids, _ = draw(path, counts, 100_000, 7)
    assert time.process_time() - began < 30  # the goal is 3 s
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024
    assert len(ids) == 100_000
    assert (counts.lines, counts.bad, counts.blank) == (10_000_000, 2, 1)
    path.unlink()
