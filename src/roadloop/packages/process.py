"""Returned labels become a source set; what cannot be used is kept aside and explained.

A picture that was given to several annotators, or sent out again, is published once: the label of the newest package
made from rejected pictures wins, then that of the lowest package number. Labels of one picture are compared.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from itertools import chain, groupby
from pathlib import Path
from typing import Any, Final

from roadloop.errors import (
    BrokenFileError,
    DiskFullError,
    JobError,
    LabelMapError,
    NameTakenError,
    ObjectStoreError,
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
from roadloop.packages.cut import lower_half
from roadloop.packages.evidence import Returned, Truths, load_image
from roadloop.packages.manifest import PackageManifest, read
from roadloop.packages.recipe import ProcessRecipe
from roadloop.packages.report import Report
from roadloop.packages.returned import Accepted, Rejected, UInt8, accepts, check_label
from roadloop.sources.service import open_set, scan
from roadloop.sources.writer import NewSample, SourceSetWriter
from roadloop.storage import ahead, publish, reading

_THREADS: Final = min(4, os.cpu_count() or 1)


Packages = list[tuple[Path, PackageManifest]]
Bad = list[tuple[Returned, Rejected]]


class LabelRun:
    """One run of /process_label.

    Args:
        context: Of the job.
        recipe: Which labels, and the name of their source set.
    """

    def __init__(self, context: TaskContext, recipe: ProcessRecipe) -> None:
        self._context: Final = context
        self._workspace: Final = context.platform.workspace
        self._recipe: Final = recipe
        self._limit: Final = context.platform.settings.max_picture_mpix * 1_000_000
        self._released: Final = places.folder_of(self._workspace, places.RELEASED, recipe.version)
        self._task: Final = context.job.id[:8]
        self._kept: Final = self._released / places.REJECTED / self._task
        self._truths: Final[dict[str, Truths]] = {}
        self._report: Final = Report(recipe.version, recipe.types, recipe.name)
        self._published: Final = set[str]()  # origins
        self._copies: Final[dict[str, list[Returned]]] = {}
        self._rejected: Final[Bad] = []
        self._gold: Final[dict[int, Agreement]] = {}

    def publish(self) -> Outcome:
        """Read every label and publish set, rejected labels and report.

        Raises:
            JobError: No label can be used.
            NameTakenError: The set exists by now.
        """
        name = self._recipe.name
        target = self._workspace.sources / name
        with self._context.filling(target) as scratch:
            moves, result = self._work(scratch)
        if target.exists():
            raise NameTakenError(
                Text(
                    f"源数据 {name} 刚刚被别的任务生成，未作任何改动；请再提交一次，会得到新的名称",
                    f"Something else has just made a source set {name}; nothing was changed. Submit again to get another"
                    " name",
                ),
                name=name,
            )
        return Outcome(result, [(scratch, target), *moves])

    def _work(self, scratch: Path) -> tuple[list[Move], dict[str, Any]]:
        packages = list(self._packages())
        table = _common_table([manifest for _, manifest in packages])
        writer = SourceSetWriter(scratch, table)
        self._read_all(packages, writer)
        writer.finish()
        bad, over = self._parted()
        moves, result = self._conclude(table, bad, over)
        os.sync()  # one flush for thousands of small files
        self._note(bad, over)
        for text in self._report.warnings():
            self._context.warn(text)
        if not self._published:
            self._context.publish(moves)
            raise self._report.nothing_published()
        return moves, result

    def _packages(self) -> Iterator[tuple[Path, PackageManifest]]:
        """The returned packages that fit, those with pictures sent out again first, then ascending."""
        skipped, again = self._report.skipped, set(self._resent().values())
        numbers = places.numbered(self._released)
        for number in sorted(numbers, key=lambda n: (n not in again, -n if n in again else n)):
            package = places.find_package(self._workspace, number, self._recipe.version)
            if package is None:
                skipped.append((number, Text("没有这个编号的任务包", "there is no package of this number")))
                continue
            try:
                manifest = read(package)
            except BrokenFileError as error:
                skipped.append((number, error.text))
                continue
            if self._recipe.types in accepts(manifest.type):
                yield package, manifest
            else:
                skipped.append((number, Text(f"任务包类型是 {manifest.type}", f"its type is {manifest.type}")))

    def _read_all(self, packages: Packages, writer: SourceSetWriter) -> None:
        total, done = sum(len(m.pictures) for _, m in packages), 0
        before = self._published_before() if self._recipe.new else set()
        with ahead.threads(_THREADS, "labels") as pool:
            for package, manifest in packages:
                labels = list(self._labels(package, manifest))
                back = [label for label in labels if label.origin not in before]
                self._report.earlier += len(labels) - len(back)
                verdicts = ahead.in_order(pool, self._verdict, back, 3 * _THREADS)
                for label, verdict in zip(back, verdicts, strict=True):
                    self._context.check_stop()
                    self._sort(label, verdict, writer)
                done += len(manifest.pictures)
                self._context.progress(done, total, Text(f"任务包 {manifest.number}", f"Package {manifest.number}"))
                self._context.reach("process.package")

    def _labels(self, package: Path, manifest: PackageManifest) -> Iterator[Returned]:
        with self._context.platform.database.reading() as db:
            rows = store.pictures_in(db, manifest.number)
        folder = self._released / str(manifest.number)
        for picture in manifest.pictures:
            file = folder / picture.label
            if reading.is_there(file):
                yield Returned(package, manifest, picture, file, rows.get(picture.name))
            else:
                self._report.missing.append({"package": manifest.number, "picture": picture.name})

    def _verdict(self, label: Returned) -> Accepted | Rejected:
        try:
            data = reading.read_bytes(self._workspace.follow(label.file))
        except (PathOutsideError, OSError) as error:
            return Rejected(reading.complaint(error))
        return check_label(data, label.picture, label.manifest, self._recipe.types, self._limit)

    def _sort(self, label: Returned, verdict: Accepted | Rejected, writer: SourceSetWriter) -> None:
        if label.gold:
            self._sort_gold(label, verdict)
            return
        if isinstance(verdict, Accepted) and label.origin not in self._published:
            try:
                self._write(label, verdict, writer)
            except (DiskFullError, ObjectStoreError):
                raise
            except (RoadloopError, OSError) as error:
                verdict = Rejected(_reason(error))
            else:
                self._published.add(label.origin)
                self._report.published += 1
                self._report.unknown_pixels += verdict.unknown_pixels
        if isinstance(verdict, Rejected):
            self._rejected.append((label, verdict))
        else:
            self._copies.setdefault(label.origin, []).append(label)

    def _sort_gold(self, label: Returned, verdict: Accepted | Rejected) -> None:
        if isinstance(verdict, Rejected):
            self._rejected.append((label, verdict))
        elif (truth := self._known(label, verdict.ids.shape)) is not None:
            self._gold.setdefault(label.manifest.number, Agreement()).add(truth, verdict.ids)
        else:
            self._report.gold_skipped.append(_entry(label))

    def _write(self, label: Returned, verdict: Accepted, writer: SourceSetWriter) -> None:
        picture, image = label.picture, load_image(self._workspace, label, self._recipe.types, self._limit)
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
        with publish.disk_errors(self._workspace.sources / self._recipe.name):
            writer.add(sample)

    def _known(self, label: Returned, shape: tuple[int, ...]) -> UInt8 | None:
        """The true label of a gold picture, cut as the result is; None when the gold set does not have it now."""
        with self._context.platform.database.reading() as db:
            name = store.gold_set_of(db, label.manifest.number)
        if name not in self._truths:
            self._truths[name] = Truths(self._workspace, name, self._limit)
        truth = self._truths[name].find(label.row.truth)
        if truth is not None and self._recipe.types != "union":
            truth = lower_half(truth)
        return truth if truth is not None and truth.shape == shape else None

    def _parted(self) -> tuple[Bad, list[Returned]]:
        """The rejected labels; and those of pictures that another annotator labelled well, or that were sent out again."""
        resent, bad, over = self._resent(), Bad(), list[Returned]()
        for label, verdict in self._rejected:
            if label.origin in self._published or resent.get(label.origin, 0) > label.manifest.number:
                over.append(label)
            else:
                bad.append((label, verdict))
        return bad, over

    def _conclude(self, table: ClassTable, bad: Bad, over: list[Returned]) -> tuple[list[Move], dict[str, Any]]:
        """Compare copies, keep rejected labels aside, write the report."""
        report = self._report
        for packages, agreement in sorted(self._compare().items()):
            report.agreement.append({"packages": list(packages), **agreement.summary(table)})
        for number, agreement in sorted(self._gold.items()):
            report.gold.append({"package": number, **agreement.summary(table)})
        report.superseded += [_entry(label) for label in over]
        report.rejected += [{**_entry(label), "label": label.picture.label, **why.to_json()} for label, why in bad]
        moves = [self._keep_aside([label for label, _ in bad])] if bad else []
        page = self._released / places.REPORTS / f"{self._task}.json"
        moves.append((self._context.scratch(page), page))
        publish.write_json(moves[-1][0], report.to_json())
        store_path = self._workspace.store_path
        places_of = {"report": store_path(page), "rejected_folder": store_path(self._kept) if bad else None}
        return moves, {**report.summary(), **places_of}

    def _keep_aside(self, rejected: Sequence[Returned]) -> Move:
        with self._context.filling(self._kept) as scratch:
            for label in rejected:
                folder = scratch / str(label.manifest.number)
                folder.mkdir(exist_ok=True)
                if label.file.is_file() and self._workspace.holds(label.file.resolve()):
                    shutil.copyfile(label.file, folder / label.picture.label)
            publish.write_json(scratch / "report.json", self._report.rejected)
            (scratch / "report.csv").write_text(self._report.rejected_csv(), encoding="utf-8-sig")
        return scratch, self._kept

    def _compare(self) -> dict[tuple[int, int], Agreement]:
        """Agreement between packages that hold the same pictures."""
        pairs: dict[tuple[int, int], Agreement] = {}
        for labels in self._copies.values():
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
            return store.resent_origins(db, self._recipe.version)

    def _published_before(self) -> set[str]:
        """Origins that an earlier run of this version and type published, as far as its set still stands."""
        with self._context.platform.database.reading() as db:
            names = store.finished_runs(db, self._recipe.version, self._recipe.types)
            standing = [open_set(self._workspace, n) for n in names if (self._workspace.sources / n).is_dir()]
            found: set[str] = set()
            for source in standing:
                for package, samples in groupby(scan(source).samples, key=lambda s: s.package):
                    origins = store.origins_by_stem(db, int(package)) if package.isdigit() else {}
                    found |= {origins[s.stem] for s in samples if s.stem in origins}
            return found

    def _note(self, bad: Bad, over: list[Returned]) -> None:
        """Write what became of each picture into the rows, as the holder of the job; the next attempt does so anew."""
        kept = self._workspace.store_path(self._kept)
        for labels, outcome in ((chain(*self._copies.values()), "published"), (over, "superseded")):
            for part in store.parts(label.row.id for label in labels if label.row is not None):
                with self._context.holding() as db:
                    store.set_outcomes(db, part, outcome)
        for rejected in store.parts((label, why) for label, why in bad if label.row is not None):
            with self._context.holding() as db:
                for label, why in rejected:
                    place = f"{kept}/{label.manifest.number}/{label.picture.label}"
                    store.set_rejected(db, label.row.id, why.reason, place)


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


def _entry(label: Returned) -> dict[str, Any]:
    return {"package": label.manifest.number, "picture": label.picture.name}


def _has_black(table: ClassTable) -> bool:
    return any(c.color == (0, 0, 0) for c in table.classes)


def _reason(error: RoadloopError | OSError) -> Text:
    if isinstance(error, RoadloopError):
        return error.text
    what = reading.why(error)
    return Text(f"无法读写：{what.zh}", f"Cannot be read or written: {what.en}")
