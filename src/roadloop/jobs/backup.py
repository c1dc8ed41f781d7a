"""What goes into a backup while the server and its jobs go on, and what a restored installation does with its jobs.

The rows are copied first, then the files that they name. What a job has made visible after the rows were copied is left
out: for the rows it has yet to be made, and a restored job makes it again. Of a training the checkpoints are copied before
everything else, because each holds all that a training goes on from.
"""

import contextlib
import os
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Final

import sqlalchemy as sa

from roadloop import __version__
from roadloop.errors import BrokenFileError, ConflictError, Text
from roadloop.jobs.claims import all_claims
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import jobs, seals
from roadloop.storage import backup, installation, migrate, publish, rows_copy
from roadloop.storage.backup import About, File, Shelf
from roadloop.storage.database import Database
from roadloop.storage.folders import FOLDERS, Folders
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import FILE, Platform
from roadloop.storage.sqlite import frozen_url

Progress = Callable[[int, int], object]

#: What a restored home has no use for.
_OUTSIDE: Final = frozenset(
    {Folders.backups.name, FILE, f"{FILE}-wal", f"{FILE}-shm", ".supervisor.lock", ".index.lock"}
)
_JOBS: Final = frozenset(folder.name for folder in FOLDERS if folder.filled == "jobs")
_TRIES: Final = 3  #: in which outputs are replaced while they are copied


@dataclass
class Saved:
    """What a backup holds.

    Attributes:
        about: What it says of itself.
        new: Files whose bytes were not there yet, and their bytes.
        problems: What is not as its job left it: damaged in the home, or replaced while it was copied.
    """

    about: About
    new: int
    new_bytes: int
    problems: list[Text]


@dataclass
class _Rows:
    """What the copied rows say of files."""

    sealed: dict[str, str]
    places: set[str]
    live: dict[str, str]
    tasks: set[str]
    finished_later: list[str] = field(default_factory=list)


def save(platform: Platform, shelf: Shelf, progress: Progress = lambda _done, _all: None) -> Saved:
    """Add a snapshot of rows and files to a shelf, while the server may go on.

    Args:
        platform: The installation.
        shelf: Where to.
        progress: Told how many of how many files are done.

    Raises:
        DiskFullError: No space is left; earlier snapshots are as they were.
    """
    with tempfile.TemporaryDirectory(prefix="roadloop-backup-") as folder:
        saved, again = _Copy(platform, shelf, Path(folder), progress).run()
        for _try in range(1, _TRIES):
            if again:
                saved, again = _Copy(platform, shelf, Path(folder), progress).run()
        shelf.publish(saved.about, {name: Path(folder) / name for name in (backup.ROWS, backup.FILES)})
    return saved


class _Copy:
    """One try."""

    def __init__(self, platform: Platform, shelf: Shelf, folder: Path, progress: Progress) -> None:
        self._platform, self._shelf, self._folder, self._progress = platform, shelf, folder, progress
        self._home = platform.workspace.home
        self._new = self._new_bytes = 0
        earlier = shelf.snapshots()[-1:]
        self._known = {one.path: one for about in earlier for one in backup.files_of(shelf, about)}

    def run(self) -> tuple[Saved, bool]:
        rows_file = self._folder / backup.ROWS
        rows_copy.save(self._platform.database, rows_file)
        rows = _read_rows(rows_file, self._platform.workspace)
        paths = sorted(_walk(self._home, rows), key=lambda path: _order(path, rows))
        files = []
        for number, path in enumerate(paths, start=1):
            file = self._keep(path)
            files += [] if file is None else [file]
            self._progress(number, len(paths))
        later = self._later(rows)
        files = _whole(_without(files, later, rows), rows, self._home)
        problems = _changed(files, rows)
        again = bool(problems) and bool(later)
        backup.write_files(self._folder / backup.FILES, sorted(files, key=lambda one: one.path))
        parts = {name: self._folder / name for name in (backup.ROWS, backup.FILES)}
        about = About(
            name=backup.stamp(),
            version=__version__,
            db_schema=migrate.newest(),
            installation=installation.stored(self._platform.database) or "",
            files=len(files),
            bytes=sum(one.bytes for one in files),
            sums=backup.sums_of(parts),
            finished_later=rows.finished_later,
        )
        return Saved(about, self._new, self._new_bytes, problems), again

    def _keep(self, path: Path) -> File | None:
        """A file's bytes on the shelf; None where it has gone meanwhile, or is none."""
        try:
            facts = backup.facts(path, self._home)
            if path.is_symlink():
                return File(sha256="", bytes=0, link=str(path.readlink()), **facts)
            known = self._known.get(facts["path"])
            same = known is not None and (known.mtime_ns, known.inode, known.bytes) == (
                facts["mtime_ns"], facts["inode"], path.stat().st_size,
            )  # fmt: skip
            if known is not None and same and self._shelf.has(known.sha256):
                return File(sha256=known.sha256, bytes=known.bytes, **facts)
            sha256, size = self._put(path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        return File(sha256=sha256, bytes=size, **facts)

    def _put(self, path: Path) -> tuple[str, int]:
        sha256, size, new = self._shelf.put(path)
        self._new, self._new_bytes = self._new + new, self._new_bytes + new * size
        return sha256, size

    def _later(self, rows: _Rows) -> dict[str, str]:
        """The sums that jobs have written since the rows were copied, by stored path."""
        with self._platform.database.reading() as db:
            found = db.execute(sa.select(seals.c.path, seals.c.sha256, seals.c.task_id)).all()
        new = [row for row in found if rows.sealed.get(row.path) != row.sha256]
        rows.finished_later = sorted({row.task_id for row in new} & rows.live.keys())
        return {row.path: row.sha256 for row in new}


def _read_rows(file: Path, workspace: Workspace) -> _Rows:
    with contextlib.closing(Database(frozen_url(file))) as copy, copy.reading() as db:
        ended = sa.select(seals.c.path, seals.c.sha256).join(jobs, jobs.c.id == seals.c.task_id)
        ended = ended.where(jobs.c.state == JobState.SUCCEEDED.value, jobs.c.error.is_(None))
        sealed = {row.path: row.sha256 for row in db.execute(ended)}
        live = sa.select(jobs.c.id, jobs.c.kind, jobs.c.title).where(jobs.c.state.not_in(ENDED))
        rows = db.execute(live).all()
        places = {claim.path for claim in all_claims(db, workspace)}
    tasks = {f"{Folders.tasks.name}/{row.title}" for row in rows if row.kind == "train"}
    return _Rows(sealed, places, {row.id: row.kind for row in rows}, tasks)


def _walk(home: Path, rows: _Rows) -> Iterator[Path]:
    """All files that are worth keeping; of sealed folders of jobs those that the rows know."""
    for folder, folders, files in os.walk(home):
        place = PurePosixPath(Path(folder).relative_to(home).as_posix())
        hidden = {name for name in [*folders, *files] if publish.is_scratch(name)}
        if not place.parts:
            hidden |= _OUTSIDE
        if place.parts[:1] == (Folders.models.name,):
            hidden |= {".index.lock"}
        folders[:] = sorted(set(folders) - hidden)
        if publish.MANIFEST in files and place.parts[0] in _JOBS and not _is_known(place, rows):
            folders[:] = []
            continue
        yield from (Path(folder) / name for name in sorted(set(files) - hidden))
        yield from (Path(folder) / name for name in folders if (Path(folder) / name).is_symlink())


def _is_known(place: PurePosixPath, rows: _Rows) -> bool:
    """Whether a sealed folder is one that the rows name, or is inside one."""
    sealed = f"{place}/{publish.MANIFEST}" in rows.sealed
    return sealed or any(str(one) in rows.places for one in (place, *place.parents))


def _order(path: Path, rows: _Rows) -> tuple[bool, str]:
    """The checkpoints of trainings that go on come first."""
    live = "checkpoints" in path.parts and any(f"/{task}/checkpoints/" in path.as_posix() for task in rows.tasks)
    return not live, str(path)


def _without(files: list[File], later: dict[str, str], rows: _Rows) -> list[File]:
    """The files but those that jobs have made visible since the rows were copied; a training's are its own history."""
    folders = {path.removesuffix(f"/{publish.MANIFEST}") for path in later if path.endswith(f"/{publish.MANIFEST}")}
    mine = tuple(f"{task}/" for task in rows.tasks)

    def new(path: str) -> bool:
        above = {str(one) for one in PurePosixPath(path).parents}
        return path in later or not above.isdisjoint(folders)

    return [one for one in files if (mine and one.path.startswith(mine)) or not new(one.path)]


def _whole(files: list[File], rows: _Rows, home: Path) -> list[File]:
    """The files but those of checkpoints that were removed while they were copied: a checkpoint never changes."""
    begins = tuple(f"{task}/checkpoints/" for task in rows.tasks)
    folders = {str(PurePosixPath(one.path).parent) for one in files if one.path.startswith(begins)} if begins else set()
    gone = {folder for folder in folders if not (home / folder).is_dir()}
    return [one for one in files if str(PurePosixPath(one.path).parent) not in gone]


def _changed(files: list[File], rows: _Rows) -> list[Text]:
    """What is not as its job left it; networks may be edited."""
    sums, edited = {one.path: one.sha256 for one in files}, f"{Folders.networks.name}/"
    return [
        Text(f"{path} 与任务写入时不同，或不见了。", f"{path} is not as its job left it, or gone.")
        for path, sha256 in rows.sealed.items()
        if not PurePosixPath(path).is_absolute()
        and sums.get(path) != sha256
        and not (path in sums and path.startswith(edited))
    ]


def verify(shelf: Shelf, about: About, progress: Progress = lambda _done, _all: None) -> list[Text]:
    """Read a snapshot again; one text for each file that is gone or damaged."""
    problems = []
    files = list(backup.files_of(shelf, about))
    with tempfile.TemporaryDirectory(prefix="roadloop-backup-") as folder:
        try:
            backup.rows_into(shelf, about, Path(folder) / backup.ROWS)
        except BrokenFileError as error:
            problems.append(error.text)
    read: dict[str, Text | None] = {}
    for number, file in enumerate(files, start=1):
        if file.sha256 and file.sha256 not in read:
            read[file.sha256] = _read(shelf, file)
        if (text := read.get(file.sha256)) is not None:
            problems.append(text)
        progress(number, len(files))
    return problems


def _read(shelf: Shelf, file: File) -> Text | None:
    try:
        with backup.checked(shelf, file) as pieces:
            for _piece in pieces:
                pass
    except BrokenFileError as error:
        return error.text
    return None


def restore(shelf: Shelf, about: About, home: Path, progress: Progress = lambda _done, _all: None) -> None:
    """Write a snapshot's files and rows into an empty folder, each compared with its sum; the rows come last.

    Raises:
        ConflictError: The folder is not empty, or the backup is of a newer program.
        BrokenFileError: The backup is damaged; the folder has no rows then, and is no workspace.
        DiskFullError: No space is left.
    """
    if home.exists() and any(home.iterdir()):
        raise ConflictError(
            Text(
                f"{home} 不是空目录，没有改动；请还原到空目录，或先移走它。",
                f"{home} is not empty, and nothing was changed; restore into an empty folder, or move that one away.",
            )
        )
    if about.db_schema not in migrate.known():
        raise ConflictError(
            Text(
                f"备份（版本 {about.db_schema}）由更新的 roadloop {about.version} 写成；请升级程序。",
                f"The backup (schema {about.db_schema}) was written by a newer roadloop, {about.version}; update the program.",
            )
        )
    files = list(backup.files_of(shelf, about))
    with publish.disk_errors(home):
        home.mkdir(parents=True, exist_ok=True)
        for number, file in enumerate(files, start=1):
            _write(shelf, file, home)
            progress(number, len(files))
        rows = home / publish.hidden_name(FILE, "restore")
        backup.rows_into(shelf, about, rows)
        os.sync()
        publish.move(rows, home / FILE)


def _write(shelf: Shelf, file: File, home: Path) -> None:
    place = home / file.path
    if not place.parent.resolve().is_relative_to(home.resolve()) or ".." in PurePosixPath(file.path).parts:
        raise ConflictError(Text("备份中有指向工作区之外的文件。", "The backup has a file outside of the workspace."))
    place.parent.mkdir(parents=True, exist_ok=True)
    if file.link:
        place.symlink_to(file.link)
        return
    with backup.checked(shelf, file) as pieces, place.open("wb") as sink:
        for piece in pieces:
            sink.write(piece)
    place.chmod(file.mode)
    os.utime(place, ns=(file.mtime_ns, file.mtime_ns))
