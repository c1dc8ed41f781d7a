"""Event files byte by byte: what TensorBoard reads is what the metrics file says, also after a resume."""

import json
import struct
from pathlib import Path
from typing import Any

from roadloop.training.event_log import EventLog, crc32c, record, scalars
from roadloop.training.metrics_log import read_lines

STEP = {"kind": "step", "step": 300, "epoch": 1, "loss": 0.5, "lr": 0.25}
EPOCH = {
    "kind": "epoch", "epoch": 1, "step": 300, "loss": 0.75, "miou": 0.5, "ece": None, "iou": [1.0, None, 0.5],
    "confusion": [[1, 2], [3, 4]],
}  # fmt: skip


def records(path: Path) -> list[bytes]:
    """The data of every record of a file; both checksums must fit."""
    data, place, found = path.read_bytes(), 0, []
    while place < len(data):
        (length,) = struct.unpack_from("<Q", data, place)
        found.append(data[place + 12 : place + 12 + length])
        assert data[place : place + 16 + length] == record(found[-1])
        place += 16 + length
    return found


def fields(message: bytes) -> list[tuple[int, Any]]:
    """(number, value) of every field of a protobuf message."""
    place = 0
    found: list[tuple[int, Any]] = []

    def varint() -> int:
        nonlocal place
        value = shift = 0
        while True:
            byte = message[place]
            place += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    while place < len(message):
        key = varint()
        kind = key & 7
        if kind == 0:
            found.append((key >> 3, varint()))
            continue
        size = {1: 8, 5: 4}.get(kind) or varint()
        body = message[place : place + size]
        place += size
        number = {1: "<d", 5: "<f"}.get(kind)
        found.append((key >> 3, struct.unpack(number, body)[0] if number else body))
    return found


def points(path: Path) -> list[tuple[str, int, float]]:
    """(tag, step, value) of every point of a file that begins as it should."""
    first, second, *rest = [fields(data) for data in records(path)]
    assert dict(first)[3] == b"brain.Event:2"
    assert (dict(second)[2], fields(dict(second)[7])) == (0, [(1, 1)])
    found = []
    for event in rest:
        for _, value in fields(dict(event)[5]):
            parts = dict(fields(value))
            found.append((parts[1].decode(), dict(event)[2], parts[2]))
    return found


def test_crc32c__is_castagnolis() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # the check value of every catalogue
    assert crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720, B.4


def test_record__has_length_and_masked_checksums() -> None:
    length = struct.pack("<Q", 3)
    assert record(b"abc")[:8] == length
    crc = crc32c(length)
    assert record(b"abc")[8:12] == struct.pack("<I", (((crc >> 15) | (crc << 17)) + 0xA282EAD8) & 0xFFFFFFFF)
    assert record(b"abc")[12:15] == b"abc"
    assert len(record(b"abc")) == 19


def test_scalars__numbers_only_iou_by_class() -> None:
    assert list(scalars(STEP)) == [("train/loss", 0.5), ("train/lr", 0.25)]
    assert list(scalars(EPOCH)) == [
        ("train/epoch_loss", 0.75), ("val/miou", 0.5), ("val_iou/000", 1.0), ("val_iou/002", 0.5)
    ]  # fmt: skip
    named = [tag for tag, _ in scalars(EPOCH, ("road", "lane/天空"))]
    assert named[2:] == ["val_iou/000 road", "val_iou/002"]
    assert list(scalars({"kind": "step", "step": 1, "loss": float("nan"), "big": 1e300, "note": "x", "ok": True})) == []


def test_event_log__a_resumed_attempt_takes_the_older_files_place(tmp_path: Path, bench: Any) -> None:
    folder, notes = tmp_path / "tensorboard", bench.notes()
    log = EventLog(folder, b"", notes)
    log.append(STEP)
    log.append(STEP | {"step": 301})
    log.close()
    history = "".join(json.dumps(line) + "\n" for line in (STEP, EPOCH)).encode()
    log = EventLog(folder, history, notes)
    log.append(STEP | {"step": 302})
    log.close()
    (path,) = folder.iterdir()
    assert path.name == "events.out.tfevents.0000000002.roadloop"
    assert [(tag, step) for tag, step, _ in points(path) if tag == "train/loss"] == [
        ("train/loss", 300),
        ("train/loss", 302),
    ]
    assert ("val/miou", 300, 0.5) in points(path)


def test_run__event_file_and_metrics_file_say_the_same_after_a_stop(bench: Any) -> None:
    work = bench.work(num_epoch=2)
    bench.run(work, bench.notes(1, stop_after=3))
    bench.run(work, bench.notes(2))
    (path,) = work.tensorboard.iterdir()
    expected = [
        (tag, line["step"], struct.unpack("<f", struct.pack("<f", value))[0])
        for line in read_lines(work.metrics)
        for tag, value in scalars(line, ("road", "sky"))  # the names of the recipe's label map
    ]
    assert points(path) == expected
    assert {tag for tag, _, _ in expected if tag.startswith("val_iou")} == {"val_iou/000 road", "val_iou/001 sky"}
    steps = [step for tag, step, _ in expected if tag == "train/loss"]
    assert steps == sorted(set(steps))
    assert sum(tag == "val/miou" for tag, _, _ in expected) == 2
