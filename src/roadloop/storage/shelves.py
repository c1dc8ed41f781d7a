"""The two places where backups are: a folder for many of them, or one tar file with the same in it."""

import hashlib
import io
import os
import shutil
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Final

from roadloop.errors import ConflictError, NotFoundError, Text
from roadloop.storage import publish, reading
from roadloop.storage.backup import ABOUT, FORMAT, About, Shelf, about_of, files_of

FORMAT_FILE: Final = "roadloop-backup.json"
_CHUNK: Final = 1 << 20


def open_shelf(place: Path, *, write: bool = False) -> Shelf:
    """The backups at a place: a folder, or a file whose name ends in `.tar`.

    Raises:
        NotFoundError: There are none, and nothing is to be written.
        ConflictError: Something else stands there.
    """
    is_file = place.suffix == ".tar"
    if not write and not (place.is_file() if is_file else (place / FORMAT_FILE).is_file()):
        raise NotFoundError(Text(f"{place} 里没有 roadloop 的备份。", f"There is no backup of roadloop at {place}."))
    if is_file:
        if write and place.exists():
            raise ConflictError(Text(f"{place} 已存在，没有改动。", f"{place} exists already; nothing was changed."))
        return TarShelf(place, write=write)
    if write:
        _begin_folder(place)
    return FolderShelf(place)


def _begin_folder(place: Path) -> None:
    if (place / FORMAT_FILE).is_file():
        return
    if place.exists() and any(place.iterdir()):
        raise ConflictError(
            Text(
                f"{place} 里有别的东西，没有改动；备份要放在空目录或先前的备份里。",
                f"{place} holds something else, and nothing was changed; a backup goes into an empty folder or an earlier"
                " one of its own.",
            )
        )
    with publish.disk_errors(place):
        place.mkdir(parents=True, exist_ok=True)
        place.chmod(0o700)  # the rows have hashes of passwords
        publish.write_json(place / FORMAT_FILE, {"format": FORMAT})


class FolderShelf:
    """Backups in a folder.

    Args:
        place: The folder.
    """

    def __init__(self, place: Path) -> None:
        self.place: Final = place
        self._objects: Final = place / "objects"

    def _object(self, sha256: str) -> Path:
        return self._objects / sha256[:2] / sha256

    def has(self, sha256: str) -> bool:
        """Whether contents are there."""
        return self._object(sha256).is_file()

    def put(self, path: Path) -> tuple[str, int, bool]:
        """Keep a file's bytes."""
        with publish.disk_errors(self.place):
            self._objects.mkdir(exist_ok=True)
            scratch = self._objects / publish.hidden_name("object", str(os.getpid()))
            try:
                sha256, size = _copy(path, scratch)
                target = self._object(sha256)
                new = not target.is_file()
                if new:
                    target.parent.mkdir(exist_ok=True)
                    publish.fsync(scratch)
                    scratch.chmod(0o600)
                    scratch.replace(target)
            finally:
                scratch.unlink(missing_ok=True)
        return sha256, size, new

    def read(self, sha256: str) -> IO[bytes]:
        """Contents."""
        return reading.open_file(self._object(sha256))

    def snapshots(self) -> list[About]:
        """All, oldest first."""
        found = sorted(self.place.glob(f"snapshots/[!.]*/{ABOUT}"))
        return [about_of(reading.read_bytes(path), path) for path in found]

    def part(self, name: str, part: str) -> IO[bytes]:
        """A file of a snapshot."""
        return reading.open_file(self.place / "snapshots" / name / part)

    def publish(self, about: About, parts: Mapping[str, Path]) -> None:
        """Make a snapshot visible, whole."""
        with publish.publishing_folder(self.place / "snapshots" / about.name) as scratch:
            for name, path in parts.items():
                shutil.copyfile(path, scratch / name)
            publish.write_text(scratch / ABOUT, about.model_dump_json(by_alias=True, indent=1))

    def close(self) -> None:
        """Nothing is open."""

    def prune(self, keep: int) -> tuple[int, int]:
        """Remove all snapshots but the newest, and the contents that none of them has.

        Returns:
            How many snapshots and how many objects went.
        """
        all_of_them = self.snapshots()
        gone = all_of_them[:-keep] if keep else []
        for about in gone:
            publish.remove(self.place / "snapshots" / about.name)
        needed = {file.sha256 for about in self.snapshots() for file in files_of(self, about)}
        old = [path for path in self._objects.glob("??/*") if path.name not in needed] if gone else []
        for path in old:
            publish.remove(path)
        return len(gone), len(old)


class TarShelf:
    """One backup in a tar file.

    Args:
        place: The file.
        write: Make it; else read it.
    """

    def __init__(self, place: Path, *, write: bool) -> None:
        self.place: Final = place
        self._scratch: Final = place.with_name(publish.hidden_name(place.name, str(os.getpid())))
        self._there: set[str] = set()
        with publish.disk_errors(place):
            if write:
                place.parent.mkdir(parents=True, exist_ok=True)
                self._tar = tarfile.open(self._scratch, "w", format=tarfile.PAX_FORMAT)  # noqa: SIM115 - closed by `close`
                self._scratch.chmod(0o600)
            else:
                self._tar = tarfile.open(place, "r:")  # noqa: SIM115

    def has(self, sha256: str) -> bool:
        """Whether contents are there."""
        return sha256 in self._there

    def put(self, path: Path) -> tuple[str, int, bool]:
        """Keep a file's bytes."""
        copy = self._scratch.with_name(f"{self._scratch.name}.object")
        try:
            with publish.disk_errors(self.place):
                sha256, size = _copy(path, copy)
                new = sha256 not in self._there
                if new:
                    self._add(f"objects/{sha256[:2]}/{sha256}", copy)
                    self._there.add(sha256)
        finally:
            copy.unlink(missing_ok=True)
        return sha256, size, new

    def _add(self, name: str, path: Path) -> None:
        entry = tarfile.TarInfo(name)
        entry.size, entry.mode = path.stat().st_size, 0o600
        with reading.open_file(path) as stream:
            self._tar.addfile(entry, stream)

    def read(self, sha256: str) -> IO[bytes]:
        """Contents."""
        return self._member(f"objects/{sha256[:2]}/{sha256}")

    def _member(self, name: str) -> IO[bytes]:
        try:
            stream = self._tar.extractfile(name)
        except KeyError:
            stream = None
        if stream is None:
            raise FileNotFoundError(name)
        return stream

    def snapshots(self) -> list[About]:
        """The one that there is."""
        names = [name for name in self._tar.getnames() if name.startswith("snapshots/") and name.endswith(ABOUT)]
        return [about_of(self._member(name).read(), self.place) for name in sorted(names)]

    def part(self, name: str, part: str) -> IO[bytes]:
        """A file of a snapshot."""
        return self._member(f"snapshots/{name}/{part}")

    def publish(self, about: About, parts: Mapping[str, Path]) -> None:
        """Make the file visible, whole."""
        with publish.disk_errors(self.place):
            for name, path in parts.items():
                self._add(f"snapshots/{about.name}/{name}", path)
            data = about.model_dump_json(by_alias=True, indent=1).encode()
            entry = tarfile.TarInfo(f"snapshots/{about.name}/{ABOUT}")
            entry.size, entry.mode = len(data), 0o600
            self._tar.addfile(entry, io.BytesIO(data))
            self._tar.close()
            publish.fsync(self._scratch)
            publish.move(self._scratch, self.place)

    def close(self) -> None:
        """Leave nothing half-made."""
        self._tar.close()
        self._scratch.unlink(missing_ok=True)


def _copy(path: Path, target: Path) -> tuple[str, int]:
    found, size = hashlib.sha256(), 0
    with reading.open_file(path) as source, target.open("wb") as sink:
        while chunk := source.read(_CHUNK):
            found.update(chunk)
            sink.write(chunk)
            size += len(chunk)
    return found.hexdigest(), size
