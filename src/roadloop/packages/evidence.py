"""A returned label and what belongs to it: its picture, and for some pictures the true label."""

import hashlib
from contextlib import suppress
from pathlib import Path
from typing import Any, Final, NamedTuple

from roadloop.errors import BrokenFileError, RoadloopError, Text
from roadloop.labels.table import ClassTable
from roadloop.packages.cut import half_of
from roadloop.packages.manifest import PackageManifest, PackedPicture
from roadloop.packages.returned import ResultType, UInt8
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.layout import Sample
from roadloop.sources.service import open_set, scan
from roadloop.storage import reading
from roadloop.storage.objects import Place
from roadloop.storage.paths import Workspace


class Returned(NamedTuple):
    """A label that came back, not read yet.

    Attributes:
        package: Its package's folder under `packages/`.
        manifest: Of the package.
        picture: Which picture.
        file: The label's file under `released/`.
        row: What the database knows of the picture; None for a package from elsewhere.
    """

    package: Path
    manifest: PackageManifest
    picture: PackedPicture
    file: Path
    row: Any

    @property
    def origin(self) -> str:
        """What two packages with the same picture have in common."""
        return str(self.row.origin) if self.row is not None else f"{self.manifest.number}/{self.picture.name}"

    @property
    def gold(self) -> bool:
        """Whether its label was known all along."""
        return self.row is not None and self.row.role == "gold"


def load_image(workspace: Workspace, label: Returned, wanted: ResultType, max_pixels: int) -> bytes:
    """The picture that the published label belongs to, from the original where it is still there.

    Raises:
        BrokenFileError: Neither the original nor an unchanged copy is there.
        PathOutsideError: Links of one lead out of the workspace and its roots.
    """
    picture = label.picture
    files: list[Place] = [label.package / picture.name, label.file.parent / picture.name]
    if label.row is not None:
        files.insert(0, workspace.find_place(label.row.origin))
    for file in files:
        if isinstance(file, Path) and not file.is_file():
            continue
        with suppress(FileNotFoundError):  # an object that is gone
            data = reading.read_bytes(workspace.follow_place(file))
            if hashlib.sha256(data).hexdigest() == picture.source_sha256:
                return data if wanted == "union" else half_of(data, max_pixels)
    framed = label.package / picture.name
    if wanted == "remote" and framed.is_file():
        return half_of(reading.read_bytes(framed), max_pixels, label.manifest.border)
    raise BrokenFileError(
        Text(
            f"图片 {picture.name} 不见了或已被改动，任务包与原图都没有原样的文件",
            f"The picture {picture.name} is gone or was changed: neither package nor original has it as it was",
        )
    )


class Truths:
    """The true labels of a gold set.

    Args:
        workspace: The installation's folders.
        name: The source set; when it is gone, there are no truths.
        max_pixels: Larger labels are not read.
    """

    def __init__(self, workspace: Workspace, name: str, max_pixels: int) -> None:
        self._limit: Final = max_pixels
        self._samples: dict[str, Sample] = {}
        self._table: ClassTable | None = None
        try:
            source = open_set(workspace, name, "gold_set")
        except RoadloopError:
            return
        self._table = source.table
        self._samples = {sample.key: sample for sample in scan(source).samples}

    def find(self, key: str) -> UInt8 | None:
        """Raw ids, uint8 [H, W], of a sample; None when it is gone or broken."""
        sample = self._samples.get(key)
        if sample is None or self._table is None:
            return None
        checked = check_sample(sample, self._table, self._limit)
        return checked.ids if isinstance(checked, Checked) else None
