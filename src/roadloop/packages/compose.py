"""Fill one package folder under its scratch name."""

import csv
import hashlib
import io
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path, PurePath
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import DiskFullError, ObjectStoreError, RoadloopError
from roadloop.imaging.decode import check_image, decode_image
from roadloop.imaging.encode import encode_color
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import ClassTable, format_csv
from roadloop.packages import manifest as manifests
from roadloop.packages.choose import read_whole
from roadloop.packages.cut import PackageType, Size, border_of, for_package, framed, lower_half, packed_size
from roadloop.packages.manifest import PRE_LABELS, PackageManifest, PackedPicture
from roadloop.sources.layout import Problem
from roadloop.storage import publish, reading
from roadloop.storage.paths import Workspace
from roadloop.storage.sheets import Sheet

UInt8 = NDArray[np.uint8]
Annotate = Callable[[UInt8], UInt8]  # uint8 [H, W, 3] -> raw ids, uint8 [H, W]

CLASSES: Final = "classes.csv"
REASONS: Final = "reasons.csv"


class Brief(NamedTuple):
    """What all packages of a division share.

    Attributes:
        version: Name of the version.
        kind: `full` or `remote`.
        origin: Where the pictures come from.
        table: Classes to be painted.
        annotate: Predicts raw ids of a full picture; None without a model.
        max_pixels: Larger pictures are left out.
    """

    version: str
    kind: PackageType
    origin: str
    table: ClassTable
    annotate: Annotate | None
    max_pixels: int


def fill(
    workspace: Workspace, folder: Path, number: int, brief: Brief, rows: Sequence[Any]
) -> tuple[list[Problem], list[int]]:
    """Write a package: pictures, `ext-<n>.csv`, `classes.csv`, pre-annotations, the manifest last.

    Args:
        workspace: Where the originals stand.
        folder: Scratch folder, empty.
        number: Of the package.
        brief: What all packages share.
        rows: Planned pictures, rows of `package_pictures`; with a `reason` they were rejected before.

    Returns:
        Pictures left out with the reason, and the ids of their rows. When every one is, the folder stays empty.

    Raises:
        DiskFullError: No space is left; no picture is to blame.
    """
    pictures: list[PackedPicture] = []
    problems: list[Problem] = []
    broken: list[int] = []
    for row in rows:
        try:
            pictures.append(_add(workspace, folder, brief, row))
        except (DiskFullError, ObjectStoreError):
            raise
        except (RoadloopError, OSError) as error:
            problems.append(Problem(row.origin, reading.complaint(error)))
            broken.append(row.id)
    if pictures:
        _finish(folder, number, brief, pictures)
    return problems, broken


def _finish(folder: Path, number: int, brief: Brief, pictures: list[PackedPicture]) -> None:
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows((p.name, p.label) for p in pictures)
    (folder / f"ext-{number}.csv").write_text(lines.getvalue(), encoding="utf-8")
    (folder / CLASSES).write_text(format_csv(brief.table), encoding="utf-8")
    manifest = PackageManifest(
        version=brief.version,
        number=number,
        type=brief.kind,
        border=border_of(brief.kind),
        origin=brief.origin,
        class_table_name=brief.table.name,
        class_table=brief.table.to_rows(),
        pictures=pictures,
    )
    manifests.write(folder, manifest)


def _add(workspace: Workspace, folder: Path, brief: Brief, row: Any) -> PackedPicture:
    data = read_whole(workspace, row.origin)
    header = check_image(data, brief.max_pixels)
    source = Size(*header.size)
    stem = PurePath(row.name).stem.removeprefix(manifests.PICTURE_PREFIX)
    label = manifests.label_name(stem)
    with publish.disk_errors(folder):
        (folder / row.name).write_bytes(for_package(data, brief.kind, brief.max_pixels))
        if row.reason is not None:
            _explain(workspace, folder, row, label)
        elif brief.annotate is not None:
            ids = brief.annotate(decode_image(data, brief.max_pixels))
            _pre_label(folder, brief, label, ids)
    return PackedPicture(
        name=row.name,
        label=label,
        size=packed_size(source, brief.kind),
        source_size=source,
        source_sha256=hashlib.sha256(data).hexdigest(),
        track=row.track,
        point=row.point,
        facts=row.facts,
    )


def _pre_label(folder: Path, brief: Brief, label: str, ids: UInt8) -> None:
    """Write what a model thinks in the class table's colours, cut and framed as the picture is."""
    part = lower_half(ids) if brief.kind == "remote" else ids
    colors = framed(ColorCoder(brief.table).to_rgb(part), border_of(brief.kind), 255)
    (folder / PRE_LABELS).mkdir(exist_ok=True)
    (folder / PRE_LABELS / label).write_bytes(encode_color(colors))


def _explain(workspace: Workspace, folder: Path, row: Any, label: str) -> None:
    """Put the rejected label beside the picture, to be corrected, with what is wrong with it."""
    kept = workspace.find_path(row.label)
    if row.label and kept.is_file():
        (folder / PRE_LABELS).mkdir(exist_ok=True)
        shutil.copyfile(kept, folder / PRE_LABELS / label)
    with (folder / REASONS).open("a", encoding="utf-8", newline="") as stream:
        Sheet(stream).add([row.name, *row.reason])
