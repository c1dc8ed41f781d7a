"""Archives for tests, good and bad ones."""

import io
import struct
import tarfile
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """A zip."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", method) as packed:
        for name, data in files.items():
            packed.writestr(name, data)
    return out.getvalue()


def zipped_as(name: str, mode: int = 0, data: bytes = b"x") -> bytes:
    """A zip of one entry with a Unix mode."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as packed:
        info = zipfile.ZipInfo(name)
        info.external_attr = mode << 16
        packed.writestr(info, data)
    return out.getvalue()


def tarred(*entries: tuple[str, bytes] | tarfile.TarInfo) -> bytes:
    """A plain tar."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=tarfile.PAX_FORMAT) as plain:
        for entry in entries:
            if isinstance(entry, tarfile.TarInfo):
                plain.addfile(entry)
            else:
                info = tarfile.TarInfo(entry[0])
                info.size = len(entry[1])
                plain.addfile(info, io.BytesIO(entry[1]))
    return out.getvalue()


def special(name: str, kind: bytes, to: str = "") -> tarfile.TarInfo:
    """An entry that is no file."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, to
    return info


def declaring(size: int) -> bytes:
    """A zip of one deflated kilobyte whose directory and header say that it is `size` bytes."""
    data = bytearray(zipped({"a.png": bytes(1024)}))
    directory = data.index(b"PK\1\2")
    struct.pack_into("<I", data, directory + 24, size)
    struct.pack_into("<I", data, 22, size)
    return bytes(data)
