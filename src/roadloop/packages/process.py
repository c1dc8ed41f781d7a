"""Returned labels become a source set; what cannot be used is kept aside and explained.

A picture that was given to several annotators, or sent out again, is published once: the label of the newest package
made from rejected pictures wins, then that of the lowest package number. Labels of one picture are compared.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from typing import Any, Final

from roadloop.errors import (
    BrokenFileError,
    DiskFullError,
    JobError,
    LabelMapError,
    NameTakenError,
    PathOutsideError,
    RoadloopError,
    Text,
)
from roadloop.imaging.encode import encode_label
from roadloop.imaging.header import read_header
from roadloop.jobs.context import Move, Outcome, TaskContext
from roadloop.labels.table import ClassTable, different_meanings, union
from roadloop.packages import places, store
from roadloop.packages.agreement import Agreement
from roadloop.packages.evidence import Returned, Truths, load_image
from roadloop.packages.manifest import PackageManifest, read
from roadloop.packages.recipe import ProcessRecipe
from roadloop.packages.report import Report
from roadloop.packages.returned import Accepted, Rejected, ResultType, UInt8, accepts, check_label, truth_part
from roadloop.sources.service import open_set, scan
from roadloop.sources.writer import NewSample, SourceSetWriter
from roadloop.storage import ahead, publish, reading

_THREADS: Final = min(4, os.cpu_count() or 1)


@dataclass
class _Found:
    """What one run has found so far."""

    report: Report
    published: dict[str, Returned] = field(default_factory=dict)
    copies: dict[str, list[Returned]] = field(default_factory=dict)
    rejected: list[tuple[Returned, Rejected]] = field(default_factory=list)
    gold: dict[int, Agreement] = field(default_factory=dict)


class LabelRun:
    """One run of /process_label.

    Args:
        context: Of the job.
        recipe: Which labels, and the name of their source set.
    """

    def __init__(self, context: TaskContext, recipe: ProcessRecipe) -> None:
        self._context: Final = context
        self._workspace: Final = context.platform.workspace
        self._version: Final = recipe.version
        self._wanted: Final[ResultType] = recipe.types
        self._name: Final = recipe.name
        self._new: Final = recipe.new
        self._limit: Final = context.platform.settings.max_picture_mpix * 1_000_000
        self._released: Final = places.folder_of(self._workspace, places.RELEASED, self._version)
        self._task: Final = context.job.id[:8]
        self._kept: Final = self._released / places.REJECTED / self._task
        self._truths: Final[dict[str, Truths]] = {}

    def publish(self) -> Outcome:
        """Read every label and publish set, rejected labels and report.

        Raises:
            JobError: No label can be used.
            NameTakenError: The set exists by now.
        """
        target = self._workspace.sources / self._name
        with self._context.filling(target) as scratch:
            moves, result = self._work(scratch)
        if target.exists():
            raise _taken(self._name)
        return Outcome(result, [(scratch, target), *moves])

    def _work(self, scratch: Path) -> tuple[list[Move], dict[str, Any]]:
        context, found = self._context, _Found(Report(self._version, self._wanted, self._name))
        packages = list(self._packages(found.report))
        table = _common_table([manifest for _, manifest in packages])
        writer = SourceSetWriter(scratch, table)
        self._read_all(packages, writer, found)
        writer.finish()
        moves, result = self._conclude(found, table)
        os.sync()  # one flush for thousands of small files
        self._note(found)
        for text in found.report.warnings():
            context.warn(text)
        if not found.published:
            context.publish(moves)
            raise found.report.nothing_published()
        return moves, result

    def _packages(self, report: Report) -> Iterator[tuple[Path, PackageManifest]]:
        """The returned packages that fit, those with pictures sent out again first, then ascending."""
        with self._context.platform.database.reading() as db:
            again = set(store.resent_origins(db, self._version).values())
        numbers = places.numbered(self._released)
        for number in sorted(numbers, key=lambda n: (n not in again, -n if n in again else n)):
            package = places.find_package(self._workspace, number, self._version)
            if package is None:
                report.skip(number, Text("没有这个编号的任务包", "there is no package of this number"))
                continue
            try:
                manifest = read(package)
            except BrokenFileError as error:
                report.skip(number, error.text)
                continue
            if self._wanted in accepts(manifest.type):
                yield package, manifest
            else:
                report.skip(number, Text(f"任务包类型是 {manifest.type}", f"its type is {manifest.type}"))

    def _read_all(self, packages: list[tuple[Path, PackageManifest]], writer: SourceSetWriter, found: _Found) -> None:
        total, done = sum(len(m.pictures) for _, m in packages), 0
        before = self._published_before() if self._new else set()
        with ahead.threads(_THREADS, "labels") as pool:
            for package, manifest in packages:
                labels = list(self._labels(package, manifest, found))
                back = [label for label in labels if label.origin not in before]
                found.report.leave_out(len(labels) - len(back))
                for label, verdict in ahead.in_order(pool, self._check, back, 3 * _THREADS):
                    self._context.check_stop()
                    self._sort(label, verdict, writer, found)
                done += len(manifest.pictures)
                self._context.progress(done, total, Text(f"任务包 {manifest.number}", f"Package {manifest.number}"))
                self._context.reach("process.package")

    def _labels(self, package: Path, manifest: PackageManifest, found: _Found) -> Iterator[Returned]:
        with self._context.platform.database.reading() as db:
            rows = store.pictures_in(db, manifest.number)
        folder = self._released / str(manifest.number)
        for picture in manifest.pictures:
            file = folder / picture.label
            if reading.is_there(file):
                yield Returned(package, manifest, picture, file, rows.get(picture.name))
            else:
                found.report.missing(manifest.number, picture.name)

    def _check(self, label: Returned) -> tuple[Returned, Accepted | Rejected]:
        return label, self._verdict(label)

    def _verdict(self, label: Returned) -> Accepted | Rejected:
        try:
            data = reading.read_bytes(self._workspace.follow(label.file))
        except PathOutsideError as error:
            return Rejected(error.text)
        except OSError as error:
            what = reading.why(error)
            return Rejected(Text(f"无法读取：{what.zh}", f"Cannot be read: {what.en}"))
        return check_label(data, label.picture, label.manifest, self._wanted, self._limit)

    def _sort(self, label: Returned, verdict: Accepted | Rejected, writer: SourceSetWriter, found: _Found) -> None:
        if label.gold:
            self._sort_gold(label, verdict, found)
            return
        if isinstance(verdict, Accepted) and label.origin not in found.published:
            try:
                self._write(label, verdict, writer)
            except DiskFullError:
                raise
            except (RoadloopError, OSError) as error:
                verdict = Rejected(_reason(error))
            else:
                found.published[label.origin] = label
                found.report.accept(verdict)
        if isinstance(verdict, Rejected):
            found.rejected.append((label, verdict))
        else:
            found.copies.setdefault(label.origin, []).append(label)

    def _sort_gold(self, label: Returned, verdict: Accepted | Rejected, found: _Found) -> None:
        number = label.manifest.number
        if isinstance(verdict, Rejected):
            found.rejected.append((label, verdict))
        elif (truth := self._known(label, verdict.ids.shape)) is not None:
            found.gold.setdefault(number, Agreement()).add(truth, verdict.ids)
        else:
            found.report.skip_gold(number, label.picture.name)

    def _write(self, label: Returned, verdict: Accepted, writer: SourceSetWriter) -> None:
        picture, image = label.picture, load_image(self._workspace, label, self._wanted, self._limit)
        if verdict.unknown_pixels and read_header(image).format == "png" and _has_black(label.manifest.table):
            raise LabelMapError(
                Text(
                    "少量像素颜色未知；PNG 图片的标注以颜色保存，而类别表含黑色，无法标记为忽略",
                    "Some pixels have unknown colours; a PNG picture's label is kept in colours, and the class table"
                    " has black, so they cannot be marked as ignored",
                )
            )
        sample = NewSample(
            package=str(label.manifest.number),
            stem=picture.stem,
            image=image,
            label=encode_label(verdict.ids),
            track=picture.track,
            point=picture.point,
            **picture.facts,
        )
        with publish.disk_errors(self._workspace.sources / self._name):
            writer.add(sample)

    def _known(self, label: Returned, shape: tuple[int, ...]) -> UInt8 | None:
        """The true label of a gold picture, cut as the result is; None when the gold set does not have it now."""
        with self._context.platform.database.reading() as db:
            name = store.gold_set_of(db, label.manifest.number)
        if name not in self._truths:
            self._truths[name] = Truths(self._workspace, name, self._limit)
        truth = self._truths[name].find(label.row.truth)
        part = None if truth is None else truth_part(self._wanted)(truth)
        return part if part is not None and part.shape == shape else None

    def _conclude(self, found: _Found, table: ClassTable) -> tuple[list[Move], dict[str, Any]]:
        """Compare copies, keep rejected labels aside, write the report."""
        report = found.report
        for (first, second), agreement in sorted(self._compare(found).items()):
            report.add_agreement(first, second, agreement.summary(table))
        for number, agreement in sorted(found.gold.items()):
            report.add_gold(number, agreement.summary(table))
        resent = self._resent()
        rejected: list[Returned] = []
        for label, verdict in found.rejected:
            if label.origin in found.published or resent.get(label.origin, 0) > label.manifest.number:
                report.supersede(label.manifest.number, label.picture.name)
            else:
                report.reject(label.manifest.number, label.picture.name, label.picture.label, verdict)
                rejected.append(label)
        moves = [self._keep_aside(rejected, report)] if rejected else []
        page = self._released / places.REPORTS / f"{self._task}.json"
        moves.append((self._context.scratch(page), page))
        publish.write_json(moves[-1][0], report.to_json())
        store_path = self._workspace.store_path
        places_of = {"report": store_path(page), "rejected_folder": store_path(self._kept) if rejected else None}
        return moves, {**report.summary(), **places_of}

    def _keep_aside(self, rejected: Sequence[Returned], report: Report) -> Move:
        with self._context.filling(self._kept) as scratch:
            for label in rejected:
                folder = scratch / str(label.manifest.number)
                folder.mkdir(exist_ok=True)
                if label.file.is_file() and self._workspace.holds(label.file.resolve()):
                    shutil.copyfile(label.file, folder / label.picture.label)
            publish.write_json(scratch / "report.json", report.to_json()["rejected"])
            (scratch / "report.csv").write_text(report.rejected_csv(), encoding="utf-8-sig")
        return scratch, self._kept

    def _compare(self, found: _Found) -> dict[tuple[int, int], Agreement]:
        """Agreement between packages that hold the same pictures."""
        pairs: dict[tuple[int, int], Agreement] = {}
        for labels in found.copies.values():
            first, *others = sorted(labels, key=lambda r: r.manifest.number)
            if not others:
                continue
            base = self._verdict(first)
            for other in others:
                verdict = self._verdict(other)
                if isinstance(base, Accepted) and isinstance(verdict, Accepted) and base.ids.shape == verdict.ids.shape:
                    key = (first.manifest.number, other.manifest.number)
                    pairs.setdefault(key, Agreement()).add(base.ids, verdict.ids)
        return pairs

    def _resent(self) -> dict[str, int]:
        with self._context.platform.database.reading() as db:
            return store.resent_origins(db, self._version)

    def _published_before(self) -> set[str]:
        """Origins that an earlier run of this version and type published, as far as its set still stands."""
        with self._context.platform.database.reading() as db:
            names = store.finished_runs(db, self._version, self._wanted)
            standing = [open_set(self._workspace, n) for n in names if (self._workspace.sources / n).is_dir()]
            found: set[str] = set()
            for source in standing:
                for package, samples in groupby(scan(source).samples, key=lambda s: s.package):
                    origins = store.origins_by_stem(db, int(package)) if package.isdigit() else {}
                    found |= {origins[s.stem] for s in samples if s.stem in origins}
            return found

    def _note(self, found: _Found) -> None:
        """Write what became of each picture into the rows, as the holder of the job; the next attempt does so anew."""
        context = self._context
        kept = self._workspace.store_path(self._kept)
        good = [label.row.id for labels in found.copies.values() for label in labels if label.row is not None]
        bad, over = [], []
        resent = self._resent()
        for label, verdict in found.rejected:
            if label.row is None:
                continue
            if label.origin in found.published or resent.get(label.origin, 0) > label.manifest.number:
                over.append(label.row.id)
            else:
                place = f"{kept}/{label.manifest.number}/{label.picture.label}"
                bad.append((label.row.id, list(verdict.reason), place))
        for ids, outcome in ((good, "published"), (over, "superseded")):
            for part in store.parts(ids):
                with context.holding() as db:
                    store.set_outcomes(db, part, outcome)
        for rejected in store.parts(bad):
            with context.holding() as db:
                store.set_rejected(db, rejected)


def _common_table(manifests: list[PackageManifest]) -> ClassTable:
    """One class table for all packages.

    Raises:
        JobError: None of the packages can be used, or two give one raw id different meanings.
    """
    tables = [m.table for m in manifests]
    if not tables:
        raise JobError(Text("没有可用的任务包。", "There is no package that can be used."))
    for manifest, table in zip(manifests, tables, strict=True):
        different = different_meanings(tables[0], table)
        if different:
            raise JobError(
                Text(
                    f"任务包 {manifests[0].number} 与 {manifest.number} 的类别表对编号 {different} 含义不同；请分开发布。",
                    f"Packages {manifests[0].number} and {manifest.number} give the raw ids {different} different"
                    " meanings; return them under different versions.",
                )
            )
    return union(tables[0].name, tables)


def _has_black(table: ClassTable) -> bool:
    return any(c.color == (0, 0, 0) for c in table.classes)


def _reason(error: RoadloopError | OSError) -> Text:
    if isinstance(error, RoadloopError):
        return error.text
    what = reading.why(error)
    return Text(f"无法读写：{what.zh}", f"Cannot be read or written: {what.en}")


def _taken(name: str) -> NameTakenError:
    return NameTakenError(
        Text(
            f"源数据 {name} 刚刚被别的任务生成，未作任何改动；请再提交一次，会得到新的名称",
            f"Something else has just made a source set {name}; nothing was changed. Submit again to get another name",
        ),
        name=name,
    )
