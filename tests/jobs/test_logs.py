import time
from pathlib import Path

from roadloop.jobs import logs


def test_tail__last_hundred_lines(tmp_path: Path) -> None:
    path = tmp_path / "log"
    path.write_text("".join(f"line {n} 车道\n" for n in range(250)))
    part = logs.tail(path)
    assert part["data"] == [f"line {n} 车道" for n in range(150, 250)]
    assert part["next_offset"] == part["size"] == path.stat().st_size
    assert path.read_bytes()[part["offset"] :].decode().splitlines() == part["data"]


def test_tail_and_read__no_log_yet_and_no_final_newline(tmp_path: Path) -> None:
    assert logs.tail(tmp_path / "none") == {"data": [], "offset": 0, "next_offset": 0, "size": 0}
    assert logs.read(tmp_path / "none", 0, 100) == {"data": [], "offset": 0, "next_offset": 0, "size": 0}
    path = tmp_path / "log"
    path.write_bytes(b"a\r\nb")
    assert logs.tail(path)["data"] == ["a", "b"]


def test_read__walks_through_the_whole_log_line_by_line(tmp_path: Path) -> None:
    path = tmp_path / "log"
    lines = [f"行 {n}" for n in range(1000)]
    path.write_text("\n".join(lines) + "\n")
    found: list[str] = []
    offset = 0
    while offset < path.stat().st_size:
        part = logs.read(path, offset, 100)
        found += part["data"]
        offset = part["next_offset"]
    assert found == lines
    assert logs.read(path, 10**9, 100)["data"] == []


def test_read__a_huge_log_without_newlines_or_text(tmp_path: Path) -> None:
    path = tmp_path / "log"
    with path.open("wb") as stream:
        stream.truncate(2**30)
        stream.seek(2**30 - 4)
        stream.write(b"\xff\x1b[m")
    began = time.monotonic()
    part = logs.tail(path)
    assert time.monotonic() - began < 10 * 0.05  # R33: the goal is 50 ms
    assert len(part["data"][0]) <= logs.TAIL_BYTES
    assert part["size"] == 2**30
    assert len(part["data"]) == 1
    assert part["data"][0].endswith("\ufffd\x1b[m")
    assert len(logs.read(path, 5, 1000)["data"][0]) == 1000
