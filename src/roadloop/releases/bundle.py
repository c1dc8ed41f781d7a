"""A release's bundle as one zip, made while it is sent."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from roadloop.storage import reading

PIECE_BYTES: Final = 1 << 20


class _Tail(io.RawIOBase):
    """Takes what is written and gives it away; it cannot be rewound, so the zip carries its sizes behind each file."""

    def __init__(self) -> None:
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:
        self._held += data
        return len(data)

    def take(self) -> bytes:
        taken = bytes(self._held)
        self._held.clear()
        return taken


def zipped(folder: Path, names: list[str], within: str) -> Iterator[bytes]:
    """A zip of files of a folder, stored as they are (tensors do not shrink), in pieces of about 1 MiB.

    Args:
        folder: The bundle.
        names: Files of it.
        within: The folder inside the zip.

    Raises:
        OSError: A file cannot be read; what was sent until then is no whole zip, which every reader notices.
    """
    tail = _Tail()
    with zipfile.ZipFile(tail, "w") as archive:
        for name in names:
            with (
                reading.open_file(folder / name) as source,
                archive.open(f"{within}/{name}", "w", force_zip64=True) as to,
            ):
                while piece := source.read(PIECE_BYTES):
                    to.write(piece)
                    yield tail.take()
    yield tail.take()
