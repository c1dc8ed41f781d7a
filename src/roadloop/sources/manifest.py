"""A source set's `manifest.csv`: what is known of each picture, and where it is when the set only refers to it.

The first nine columns are always there; the rest only in sets that need them. Paths may hold bytes that are no
UTF-8 (old GBK disks), so they are kept as they are; every other column is clean text.
"""

import csv
import io
import unicodedata
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final, NamedTuple

from roadloop.errors import BrokenFileError, Text
from roadloop.storage import reading

MANIFEST: Final = "manifest.csv"
ALWAYS: Final = ("package", "stem", "track", "point", "city", "time", "longitude", "latitude", "datum")
PATHS: Final = frozenset({"origin", "image", "label"})


class Row(NamedTuple):
    """What a manifest says of one picture; empty text where it says nothing.

    Attributes:
        package: Its folder in the set.
        stem: Its name without ending.
        track: Track id; empty = derived from the stem.
        point: Track point id; empty = derived from the stem.
        city: Free text.
        time: When it was taken, `YYYY-MM-DD HH:MM:SS`.
        longitude: Degrees east.
        latitude: Degrees north.
        datum: Of the two: `wgs84`, `gcj02`, `bd09` or `unknown`; empty as `unknown`.
        author: Free text.
        source: `0` online, `1` offline, `2` hand-picked.
        annotype: `0` first annotation, `1` rework, `2` second rework.
        datakind: `0` production, `1` test.
        imgoprange: `0` half of the picture, `1` all of it.
        origin: Where it was imported from, relative to the imported folder.
        image_sha256: Of the picture when it was imported.
        label_sha256: Of what its label was made from.
        image: Where the picture is: relative to the workspace, absolute in a root, or `s3://<bucket>/<key>`; empty = in
            the package.
        label: Where the label is, likewise; empty = `<package>/<stem>.png` or `label-<stem>.png`.
        label_kind: `id` or `color`, for a label that is not in the package.
    """

    package: str
    stem: str
    track: str = ""
    point: str = ""
    city: str = ""
    time: str = ""
    longitude: str = ""
    latitude: str = ""
    datum: str = ""
    author: str = ""
    source: str = ""
    annotype: str = ""
    datakind: str = ""
    imgoprange: str = ""
    origin: str = ""
    image_sha256: str = ""
    label_sha256: str = ""
    image: str = ""
    label: str = ""
    label_kind: str = ""

    @property
    def key(self) -> str:
        """`<package>/<stem>`."""
        return f"{self.package}/{self.stem}"


def read_manifest(folder: Path) -> dict[str, Row]:
    """The rows of a set by `<package>/<stem>`, of several for one picture the last; none where there is no manifest.

    Raises:
        BrokenFileError: It is no csv.
    """
    path = folder / MANIFEST
    return {row.key: row for row in parse_rows(reading.read_bytes(path))} if path.is_file() else {}


def parse_rows(data: bytes) -> list[Row]:
    """The rows of a manifest's bytes, in order; unknown columns are passed over.

    Raises:
        BrokenFileError: It is no csv.
    """
    reader = csv.DictReader(io.StringIO(data.decode("utf-8-sig", "surrogateescape"), newline=""))
    try:
        return [_row(values) for values in reader]
    except csv.Error as error:
        line = reader.line_num
        raise BrokenFileError(
            Text(
                f"源数据的 {MANIFEST} 第 {line} 行附近不是有效的 csv：{error}。请改正或移走该文件。",
                f"The source set's {MANIFEST} is not valid csv near line {line}: {error}. Mend or remove that file.",
            )
        ) from error


def format_manifest(rows: Iterable[Row]) -> bytes:
    """The file's bytes, rows in order of package and stem."""
    ordered = sorted(rows)
    columns = [c for c in Row._fields if c in ALWAYS or any(getattr(row, c) for row in ordered)]
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([getattr(row, c) for c in columns] for row in ordered)
    return out.getvalue().encode("utf-8", "surrogateescape")


def _row(values: Mapping[str, str | None]) -> Row:
    texts = {name: (values.get(name) or "").strip() for name in Row._fields}
    clean = {name: text if name in PATHS else _clean(text) for name, text in texts.items()}
    return Row(**clean)


def _clean(text: str) -> str:
    return unicodedata.normalize("NFC", text.encode("utf-8", "surrogateescape").decode("utf-8", "replace"))
