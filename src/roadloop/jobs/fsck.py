"""The invariants of a workspace, checked read-only: from the rows what must stand there, from the folders what does.

Rows promise in two ways: features claim the places of their finished work (`claims`), and each succeeded job has left the
sums of its output (`seals`). Folders are walked for manifests, so that what no row knows is found, too.
"""

import json
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path, PurePath
from pkgutil import resolve_name
from typing import Any, Final

import sqlalchemy as sa

from roadloop.errors import BrokenDatabaseError, BrokenFileError, Text
from roadloop.jobs import findings, lives
from roadloop.jobs.claims import INSPECTIONS, Claim, all_claims
from roadloop.jobs.findings import Cure, Problem, Report
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import jobs, seals
from roadloop.storage import integrity, publish, reading
from roadloop.storage.folders import FOLDERS, Folders
from roadloop.storage.paths import is_text
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash

#: Folders of the home in which a manifest may be anybody's.
_PEOPLE: Final = frozenset(folder.name for folder in FOLDERS if folder.filled == "people")
#: Folders in which every manifest is roadloop's.
_OWNED: Final = frozenset(folder.name for folder in FOLDERS if folder.filled == "jobs")
#: What is not in use: what repairs took away, what was deleted (which `trash_check` looks at), and copies of the rows.
_PASSED_OVER: Final = frozenset({Folders.quarantine.name, Folders.trash.name, Folders.backups.name})
PAIRS: Final = ("tasks/*/output/models/*", "weights/**/*")

#: What succeeded jobs have left. One that is about to end has written its sums already.
_SUMS: Final = (
    sa.select(seals.c.path, seals.c.sha256)
    .join(jobs, jobs.c.id == seals.c.task_id)
    .where(jobs.c.state == JobState.SUCCEEDED.value, jobs.c.error.is_(None))
    .order_by(seals.c.path)
)

Progress = Callable[[int, int], object]


@dataclass
class _Walk:
    """What stands in the home: sealed folders, folders of training tasks, temporary files."""

    sealed: list[Path] = field(default_factory=list)
    tasks: list[Path] = field(default_factory=list)
    temporaries: list[Path] = field(default_factory=list)


def inspect(platform: Platform, *, hashes: bool, progress: Progress = lambda _n, _t: None) -> Report:
    """Check the database, rows, life cycles, leases, processes, what rows promise, and what stands in the folders.

    Args:
        platform: The installation; nothing in it is changed.
        hashes: Also read every published file again and compare its sha256; else sizes and presence.
        progress: Told how many of how many bytes were looked at.
    """
    report = Report()
    try:
        for flaw in integrity.flaws(platform.database, quick=not hashes):
            cure = findings.reindex() if flaw.index_only else findings.take_rows() if flaw.sums_only else None
            report.problems.append(Problem(flaw.text, cure))
        if not integrity.has_sums(platform.database):
            report.notes.append(Problem(_without_sums()))
        lives.inspect(platform, report)
        _Inspection(platform, report, progress, hashes=hashes).run()
    except BrokenDatabaseError as error:
        report.problems.append(Problem(error.text))
    except (ValueError, LookupError, TypeError, AttributeError) as error:  # damaged text in a row is no JSON, no state
        report.problems.append(Problem(_senseless(error)))
    return report


class _Inspection:
    """The part of an inspection that compares rows with folders."""

    def __init__(self, platform: Platform, report: Report, progress: Progress, *, hashes: bool) -> None:
        self._platform = platform
        self._workspace = platform.workspace
        self._report = report
        self._hashes = hashes
        self._progress = progress
        self._claims: dict[Path, Claim] = {}
        self._coming: list[Path] = []  # what recovery is going to make visible, in part perhaps visible already
        self._done = self._total = 0

    def run(self) -> None:
        """Do it all."""
        walk = self._walk()
        with self._platform.database.reading() as db:  # after the walk: what appears meanwhile has a row already
            claims = list(dict.fromkeys(all_claims(db, self._workspace)))
            sums = db.execute(_SUMS).all()
            live = db.execute(sa.select(jobs.c.id, jobs.c.moves).where(jobs.c.state.not_in(ENDED))).all()
            pending = db.execute(sa.select(trash.c.moves).where(trash.c.state != "deleted")).all()
        moves = [move for row in live for move in row.moves or ()]
        self._coming = [self._workspace.find_path(target) for _scratch, target in moves]
        self._coming += [self._workspace.home / path for row in pending for path, _kept in row.moves]
        gone = self._inspect_claims(claims)
        found = (p for pattern in PAIRS for p in self._workspace.home.glob(pattern) if p.suffix == ".json")
        pairs = sorted(p for p in found if not self._is_coming(p))
        promised = [row for row in sums if self._is_promised(self._workspace.find_path(row.path), gone)]
        sealed = [folder for folder in self._sealed(walk, promised) if not self._is_coming(folder)]
        self._total = sum(_size(folder) for folder in sealed) + sum(_file_size(p) for p in pairs)
        self._inspect_sums(promised)
        for folder in sealed:
            self._inspect_sealed(folder)
        for pair in pairs:
            self._inspect_pair(pair)
        self._inspect_halves()
        self._note_unverified({self._workspace.find_path(row.path) for row in sums}, set(sealed))
        self._inspect_strangers(walk)
        self._inspect_temporaries(walk, {row.id[:8] for row in live})
        for name in INSPECTIONS:
            inspection: Callable[..., Iterator[Problem]] = resolve_name(name)
            self._report.problems += inspection(self._platform, hashes=self._hashes)

    # --- what stands there ---------------------------------------------------------------------------------------

    def _walk(self) -> _Walk:
        found, home = _Walk(), self._workspace.home
        for folder, folders, files in os.walk(home):
            place = Path(folder)
            parts = place.relative_to(home).parts
            if not parts:
                folders[:] = [name for name in folders if name not in _PASSED_OVER]
            hidden = [name for name in [*folders, *files] if publish.is_scratch(name)]
            found.temporaries += [place / name for name in hidden]
            folders[:] = sorted(set(folders) - set(hidden))
            checkpoint = len(parts) == 4 and parts[0] == "tasks" and parts[2] == "checkpoints"
            if parts and (checkpoint or (publish.MANIFEST in files and parts[0] not in _PEOPLE)):
                found.sealed.append(place)
            if parts[:1] == ("tasks",) and parts[2:] == ("conf",) and "recipe.json" in files:
                found.tasks.append(place.parent)
        return found

    def _sealed(self, walk: _Walk, sums: list[Any]) -> list[Path]:
        """The folders that have, or should have, a manifest; a set that people filled may have a file of that name."""
        manifests = [row.path for row in sums if PurePath(row.path).name == publish.MANIFEST]
        known = {folder for path in manifests if (folder := self._workspace.find_path(path).parent).is_dir()}
        claimed = {place for place, claim in self._claims.items() if claim.sealed and place.is_dir()}
        own = {folder for folder in walk.sealed if self._is_output(folder)}
        return sorted(known | claimed | own)

    def _is_output(self, folder: Path) -> bool:
        """Whether a folder with a manifest is a job's output; a package that was handed over is the annotators'."""
        mark = self._in_people_hands(folder) or (folder / "report.json").is_file()  # evaluations stand where one likes
        return self._top(folder) in _OWNED or (mark and _is_ours(folder))

    def _top(self, place: Path) -> str:
        return place.relative_to(self._workspace.home).parts[0]

    def _is_promised(self, place: Path, gone: set[Path]) -> bool:
        return gone.isdisjoint(place.parents) and (place.exists() or not self._is_coming(place))

    def _is_coming(self, place: Path) -> bool:
        return any(place == p or place in p.parents or p in place.parents for p in self._coming)

    def _in_people_hands(self, folder: Path) -> bool:
        return folder.is_relative_to(self._workspace.sources)

    # --- what rows promise ---------------------------------------------------------------------------------------

    def _inspect_claims(self, claims: list[Claim]) -> set[Path]:
        """Look for the places that rows name; returns those that are gone."""
        gone = set()
        for claim in claims:
            place = self._workspace.find_path(claim.path)
            shown = os.fsencode(claim.path).decode("utf-8", "backslashreplace")
            if claim.needed or place not in self._claims:
                self._claims[place] = claim
            if PurePath(claim.path).is_absolute() and not self._workspace.holds(place):
                self._report.problems.append(Problem(_outside(claim.owner, shown)))
            elif claim.needed and not place.exists() and not self._is_coming(place):
                gone.add(place)
                self._report.problems.append(Problem(_gone(claim.owner, shown), findings.lost(claim, place)))
        return gone

    def _inspect_sums(self, sums: list[Any]) -> None:
        for path, sha256 in sums:
            place = self._workspace.find_path(path)
            self._report.files += 1
            if not place.is_file():
                self._report.problems.append(Problem(publish.missing(place), self._cure(place)))
            elif (self._hashes or place.name == publish.MANIFEST) and _sum(place) != sha256:
                if place.is_relative_to(self._workspace.networks):
                    self._report.edits.append(publish.changed(place))
                else:
                    self._report.problems.append(Problem(publish.changed(place), self._cure(place)))

    def _note_unverified(self, summed: set[Path], sealed: set[Path]) -> None:
        """Older work, and sets that people have made."""
        known = {parent for path in (*summed, *sealed) for parent in (path, *path.parents)}
        finished = [p for p, claim in self._claims.items() if claim.needed and claim.tasks and p.exists()]
        sets = [path for path in self._workspace.sources.glob("[!.]*") if path.is_dir()]
        self._report.unverified = sorted({*finished, *sets} - known)

    def _inspect_sealed(self, folder: Path) -> None:
        def step(size: int) -> None:
            self._report.files += 1
            self._done += size
            self._progress(self._done, self._total)

        found = publish.verify(folder, hashes=self._hashes, extras=not self._in_people_hands(folder), progress=step)
        cure = self._cure(folder / publish.MANIFEST) if found else None
        self._report.problems += [Problem(text, cure) for text in found]

    def _cure(self, place: Path) -> Cure:
        """What can be done about a file that is not as it was written."""
        holder = next((p for p in (place, *place.parents) if p in self._claims), None)
        if holder is not None and (claim := self._claims[holder]).sealed and claim.needed:
            return findings.lost(claim, holder)
        if self._in_people_hands(place):
            return findings.take_as_it_is(self._workspace.sources / place.relative_to(self._workspace.sources).parts[0])
        if place.name == publish.MANIFEST and place.parent.is_dir():
            return findings.aside(place.parent, publish.changed(place.parent))
        if place.suffix == ".json" and place.with_suffix(".params").exists():
            return findings.aside_pair(place)
        return findings.aside(place, publish.changed(place)) if place.exists() else findings.expect_no_longer(place)

    # --- model files ---------------------------------------------------------------------------------------------

    def _inspect_pair(self, description: Path) -> None:
        params = description.with_suffix(".params")
        try:
            value = json.loads(reading.read_bytes(description))
            expected = value["params_sha256"]
        except (OSError, ValueError, KeyError, TypeError):
            if params.exists():
                text = Text(f"{description} 无法读取。", f"{description} cannot be read.")
                self._report.problems.append(Problem(text, findings.aside_pair(description)))
            return
        self._report.files += 2
        self._done += _file_size(description)
        self._progress(self._done, self._total)
        if not params.is_file():
            self._report.problems.append(Problem(publish.missing(params), findings.aside_pair(description)))
        elif self._hashes and _sum(params) != expected:
            self._report.problems.append(Problem(publish.changed(params), findings.aside_pair(description)))

    def _inspect_halves(self) -> None:
        for params in sorted(self._workspace.home.glob("tasks/*/output/models/*.params")):
            description = params.with_suffix(".json")
            if not (params.name.startswith(".") or description.exists() or self._is_coming(description)):
                self._report.problems.append(Problem(publish.missing(description), findings.aside_pair(description)))

    # --- what no row knows ---------------------------------------------------------------------------------------

    def _inspect_strangers(self, walk: _Walk) -> None:
        claimed = self._claims.keys() - {self._workspace.home}  # where an evaluation has its pictures, perhaps
        found = {folder for folder in walk.sealed if self._top(folder) not in {"sources", "tasks"}}
        own = {*walk.tasks, *(folder for folder in found if self._is_output(folder))}
        unclaimed = [folder for folder in sorted(own) if claimed.isdisjoint((folder, *folder.parents))]
        unclaimed = [folder for folder in unclaimed if not self._is_coming(folder)]
        named = self._jobs_named({part for folder in unclaimed for part in folder.parts})
        for folder in unclaimed:
            if named.isdisjoint(folder.parts):
                text = Text(f"数据库里没有 {folder} 的记录。", f"No row of the database knows {folder}.")
                self._report.problems.append(Problem(text, findings.aside(folder, text)))

    def _jobs_named(self, names: set[str]) -> set[str]:
        """Those that are ids of jobs."""
        ids, known = sorted(filter(is_text, names)), set[str]()
        with self._platform.database.reading() as db:
            for first in range(0, len(ids), 500):
                known |= set(db.scalars(sa.select(jobs.c.id).where(jobs.c.id.in_(ids[first : first + 500]))))
        return known

    def _inspect_temporaries(self, walk: _Walk, live: set[str]) -> None:
        for path in walk.temporaries:
            attempt = publish.attempt_of(path.name)
            if attempt is None or attempt.job not in live:
                zh = f"{path} 是中断留下的临时文件，可以删除。"
                text = Text(zh, f"{path} is a temporary left by an interruption; it may be deleted.")
                self._report.notes.append(Problem(text, findings.aside(path, text)))


def _without_sums() -> Text:
    return Text(
        "数据库的各行还没有校验和：升级时有任务在运行。下次在没有任务运行时启动服务，就会补上。",
        "The database's rows have no sums yet: jobs were running when it was upgraded. The next start of the server while"
        " none runs begins them.",
    )


def _senseless(error: Exception) -> Text:
    what = f"{type(error).__name__}: {error}"[:300]
    return Text(
        f"数据库有一行的内容无法理解（{what}），检查到此为止；请从备份恢复数据库。",
        f"A row of the database makes no sense ({what}), and the check ends here; put the database back from a backup.",
    )


def _outside(owner: Text, shown: str) -> Text:
    return Text(
        f"{owner.zh} 指向工作区及其根目录之外：{shown}；请把它移入工作区，或用 --root 允许它所在的目录。",
        f"{owner.en} points outside the workspace and its roots: {shown}. Move that into the workspace, or"
        " allow its folder with --root.",
    )


def _gone(owner: Text, shown: str) -> Text:
    return Text(
        f"{owner.zh} 的文件夹 {shown} 不见了；请从备份恢复它，或用 roadloop fsck --repair 登记为丢失。",
        f"{owner.en}: its folder {shown} is gone; put it back from a backup, or have it noted as lost with"
        " roadloop fsck --repair.",
    )


def _sum(path: Path) -> str:
    """The sha256 of a file; nothing when it cannot be read."""
    try:
        return publish.sha256_file(path)
    except OSError:
        return ""


def _is_ours(folder: Path) -> bool:
    """Whether a manifest that may be anybody's speaks of sums, damaged or not."""
    try:
        return b'"sha256"' in reading.read_bytes(folder / publish.MANIFEST)
    except OSError:
        return True


def _size(folder: Path) -> int:
    """The bytes that a manifest names."""
    try:
        files = publish.read_manifest(folder)["files"]
    except BrokenFileError:
        return 0
    return sum(f["bytes"] for f in files.values() if isinstance(f.get("bytes"), int))


def _file_size(description: Path) -> int:
    """The bytes of a model file pair's tensors."""
    params = description.with_suffix(".params")
    return params.stat().st_size if params.is_file() else 0
