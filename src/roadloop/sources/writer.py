"""Write a source set: whole or absent."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import NameTakenError, Text
from roadloop.imaging.decode import decode_label
from roadloop.imaging.encode import encode_color
from roadloop.imaging.header import read_header
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import ClassTable, format_csv
from roadloop.sources.layout import CLASSES, LABEL_PREFIX, SPLIT_NAMES, SPLITS
from roadloop.sources.manifest import ALWAYS, MANIFEST, Row, format_manifest
from roadloop.storage import publish
from roadloop.storage.paths import Workspace, check_name, check_new_name


class NewSample(NamedTuple):
    """A labelled picture to be written.

    Attributes:
        package: Folder in the set.
        stem: File name without ending.
        image: JPEG or PNG bytes.
        label: PNG bytes of raw ids, 8-bit grey or palette.
        track: Track id; empty = derived from the stem.
        point: Track point id; empty = derived from the stem.
        city: Free text.
        time: When it was taken, `YYYY-MM-DD HH:MM:SS`; empty = unknown.
        longitude: Degrees east; empty = unknown.
        latitude: Degrees north; empty = unknown.
        datum: Of the two: wgs84, gcj02, bd09; empty = unknown.
        split: `train`, `val` or `test` for the set's official lists; empty = in none.
    """

    package: str
    stem: str
    image: bytes
    label: bytes
    track: str = ""
    point: str = ""
    city: str = ""
    time: str = ""
    longitude: str = ""
    latitude: str = ""
    datum: str = ""
    split: str = ""


def files_of_picture(
    stem: str, image: bytes, ids: Callable[[], bytes], colors: Callable[[], NDArray[np.uint8]]
) -> dict[str, bytes]:
    """The two files of a labelled picture in a source set.

    The label of a JPEG is `<stem>.png`, raw ids. That of a PNG is `label-<stem>.png` in colours, because `<stem>.png`
    is taken.

    Args:
        stem: File name without ending.
        image: JPEG or PNG bytes.
        ids: Makes the PNG of raw ids.
        colors: Makes the label in colours, uint8 [H, W, 3], RGB.

    Returns:
        File name -> bytes.

    Raises:
        BrokenFileError: The picture is neither JPEG nor PNG.
    """
    if read_header(image).format == "jpeg":
        return {f"{stem}.jpg": image, f"{stem}.png": ids()}
    return {f"{stem}.png": image, f"{LABEL_PREFIX}{stem}.png": encode_color(colors())}


class SourceSetWriter:
    """Receives the pictures of one new source set. Use `writing_set`."""

    def __init__(self, folder: Path, table: ClassTable) -> None:
        self._folder = folder
        self._coder = ColorCoder(table)
        self._rows: list[Row] = []
        self._splits: dict[str, list[str]] = {}
        self._sums: dict[str, dict[str, Any]] = {}
        self._write(CLASSES, format_csv(table).encode())

    def add(self, sample: NewSample) -> None:
        """Write one picture and its label, as `files_of_picture` names them.

        Raises:
            BrokenFileError: The picture is neither JPEG nor PNG, or the label is no id label.
            InvalidNameError: The package or the stem cannot be a file name.
        """
        package = check_name(sample.package, "package")
        (self._folder / package).mkdir(exist_ok=True)
        stem = check_name(sample.stem, "stem")
        files = files_of_picture(
            stem, sample.image, lambda: sample.label, lambda: self._coder.to_rgb(decode_label(sample.label))
        )
        for name, data in files.items():
            self._write(f"{package}/{name}", data)
        row = {**sample._asdict(), "stem": stem}
        self._rows.append(Row(*(str(row[column]) for column in ALWAYS)))
        if sample.split:
            self._splits.setdefault(sample.split, []).append(f"{sample.package}/{stem}")

    def finish(self) -> None:
        """Write the manifest, the split lists, and last the sums of everything."""
        self._write(MANIFEST, format_manifest(self._rows))
        if self._splits:
            (self._folder / SPLITS).mkdir()
            for split in SPLIT_NAMES:
                lines = "".join(f"{key}\n" for key in sorted(self._splits.get(split, [])))
                self._write(f"{SPLITS}/{split}.txt", lines.encode())
        publish.write_bytes(self._folder / publish.MANIFEST, publish.manifest_bytes(self._sums))

    def _write(self, file: str, data: bytes) -> None:
        (self._folder / file).write_bytes(data)
        self._sums[file] = publish.entry(data)


@contextmanager
def writing_set(workspace: Workspace, name: str, table: ClassTable) -> Iterator[SourceSetWriter]:
    """Write the source set `name`: it appears when the block ends, or not at all.

    Raises:
        NameTakenError: There is such a set.
        InvalidNameError: Not a name.
        LabelMapError: Two classes of the table share a colour.
        DiskFullError: No space is left.
    """
    target = workspace.sources / check_new_name(name, "name")
    if target.exists():
        raise _taken(name)
    with publish.publishing_folder(target) as scratch:
        writer = SourceSetWriter(scratch, table)
        yield writer
        writer.finish()
        if target.exists():
            raise _taken(name)


def _taken(name: str) -> NameTakenError:
    return NameTakenError(
        Text(
            f"源数据 {name} 已存在，未作任何改动；请换一个名称",
            f"There is a source set {name} already; nothing was changed. Choose another name",
        ),
        name=name,
    )
