"""`tasks/<name>/log/tensorboard/`: the curves once more, as an event file that TensorBoard reads.

The file is a row of records (TFRecord): length u64, its checksum u32, the data, its checksum u32, all little endian.
The data is a protobuf `Event`: 1 wall time (double), 2 step (varint), 3 file version (text), 5 summary, 7 session log;
a summary holds values (1) of a tag (1, text) and a number (2, float). Decision 0015 says why we write them ourselves.

A resumed attempt begins a new file with what its checkpoint knew and removes the older one. The new file's session log
says "start at step 0": a TensorBoard that is looking on forgets the older points, so none stands twice.
"""

import json
import math
import os
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from roadloop.storage import publish
from roadloop.training.reporting import Reporter

_VARINT, _DOUBLE, _BYTES, _FLOAT = 0, 1, 2, 5  # wire types
_POSITION: Final = ("kind", "step", "epoch")


class EventLog:
    """The growing file of one attempt.

    Args:
        folder: Where event files stand.
        history: Whole lines of the metrics file that it begins with.
        reporter: Publishes it.
        names: Of the classes, by train id.
    """

    def __init__(self, folder: Path, history: bytes, reporter: Reporter, names: Sequence[str] = ()) -> None:
        self._names = names
        folder.mkdir(parents=True, exist_ok=True)
        older = sorted(folder.glob("events.out.tfevents.*"))
        number = int(older[-1].name.split(".")[3]) + 1 if older else 1
        self._path = folder / f"events.out.tfevents.{number:010d}.roadloop"
        scratch = reporter.scratch(self._path)
        self._handle = os.open(scratch, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._write(_event(_field(3, b"brain.Event:2")))
        self._write(_event(_varint(2, 0) + _field(7, _varint(1, 1))))
        for line in history.splitlines():
            self.append(json.loads(line))
        reporter.publish([(scratch, self._path)])
        for path in older:
            path.unlink(missing_ok=True)

    def append(self, line: Mapping[str, Any]) -> None:
        """Add the numbers of one line of the metrics file.

        Raises:
            DiskFullError: The disk is full; the checkpoints are untouched.
        """
        values = b"".join(
            _field(1, _field(1, tag.encode()) + _key(2, _FLOAT) + struct.pack("<f", value))
            for tag, value in scalars(line, self._names)
        )
        if values:
            self._write(_event(_varint(2, line["step"]) + _field(5, values)))

    def close(self) -> None:
        """Close the file."""
        os.close(self._handle)

    def _write(self, data: bytes) -> None:
        with publish.disk_errors(self._path):
            os.write(self._handle, record(data))


def scalars(line: Mapping[str, Any], names: Sequence[str] = ()) -> Iterator[tuple[str, float]]:
    """(tag, value) of the numbers of a line: `train/...` of a step, `val/...` of an epoch; IoU also by class.

    A class is `val_iou/007 road`, or its number alone where it has no name. What cannot be said (NaN, null) is left out; so are tables.
    """
    group = "train" if line["kind"] == "step" else "val"
    for name, value in line.items():
        if name == "iou" and value is not None:
            yield from ((_class_tag(i, names), v) for i, v in enumerate(value) if _is_number(v))
        elif name not in _POSITION and _is_number(value):
            yield ("train/epoch_loss" if (group, name) == ("val", "loss") else f"{group}/{name}"), value


def _class_tag(train_id: int, names: Sequence[str]) -> str:
    name = f" {names[train_id]}" if train_id < len(names) else ""
    return f"val_iou/{train_id:03d}{name}"


def record(data: bytes) -> bytes:
    """One record of a TFRecord file."""
    length = struct.pack("<Q", len(data))
    return length + _masked(length) + data + _masked(data)


def crc32c(data: bytes) -> int:
    """The Castagnoli checksum of RFC 3720, appendix B.4."""
    value = 0xFFFFFFFF
    for byte in data:
        value = _TABLE[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value ^ 0xFFFFFFFF


def _table_entry(value: int) -> int:
    for _ in range(8):
        value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value


_TABLE: Final = tuple(_table_entry(i) for i in range(256))


def _masked(data: bytes) -> bytes:
    """The checksum as TFRecord stores it: turned by 15 bits, and a constant added."""
    crc = crc32c(data)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) & 0xFFFFFFFF)


def _event(fields: bytes) -> bytes:
    return _key(1, _DOUBLE) + struct.pack("<d", time.time()) + fields


def _key(number: int, wire_type: int) -> bytes:
    return bytes([number << 3 | wire_type])


def _varint(number: int, value: int) -> bytes:
    return _key(number, _VARINT) + _base128(value)


def _field(number: int, body: bytes) -> bytes:
    return _key(number, _BYTES) + _base128(len(body)) + body


def _base128(value: int) -> bytes:
    groups = bytearray()
    while value > 0x7F:
        groups.append(value & 0x7F | 0x80)
        value >>= 7
    groups.append(value)
    return bytes(groups)


def _is_number(value: Any) -> bool:
    """Whether TensorBoard can draw it: finite, and not beyond what a float of 32 bits holds."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and abs(value) < 3e38
