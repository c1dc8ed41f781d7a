"""Which files of a source set belong together.

A picture is `X.jpg` (or `.jpeg`) with its label `X.png` (raw ids) or `label-X.png` (colours) beside it, in a
package; where both stand, `X.png` wins. A picture `X.png` needs its label as `label-X.png`. Nothing is opened here.
"""

import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePath
from typing import Final, Literal, NamedTuple

from roadloop.errors import Text

LabelKind = Literal["id", "color"]

CLASSES: Final = "classes.csv"
MANIFEST: Final = "manifest.csv"
SPLITS: Final = "splits"
SPLIT_NAMES: Final = ("train", "val", "test")
LABEL_PREFIX: Final = "label-"
_JPEG_ENDINGS: Final = frozenset({".jpg", ".jpeg"})


class Problem(NamedTuple):
    """One file that is left out, and why; one line of a report.

    Attributes:
        file: `<set>/<package>/<file>`.
        reason: Why, in both languages.
    """

    file: str
    reason: Text


class Facts(NamedTuple):
    """What a set's manifest says about a picture; empty text where it says nothing.

    Attributes:
        track: Track id.
        point: Track point id.
        city: Free text.
        author: Free text.
        source: `0` online, `1` offline, `2` hand-picked.
        annotype: `0` first annotation, `1` rework, `2` second rework.
        datakind: `0` production, `1` test.
        imgoprange: `0` half of the picture, `1` all of it.
        time: When it was taken, `YYYY-MM-DD HH:MM:SS`.
    """

    track: str = ""
    point: str = ""
    city: str = ""
    author: str = ""
    source: str = ""
    annotype: str = ""
    datakind: str = ""
    imgoprange: str = ""
    time: str = ""


class Sample(NamedTuple):
    """One labelled picture of a source set.

    Attributes:
        source: Name of the source set.
        folder: Its package's folder.
        stem: Name without ending, NFC; `package/stem` is unique in a set.
        image_name: File name of the picture, as on the disk; an absolute path where the set only refers to it.
        label_name: File name of the label, likewise.
        label_kind: `id` (pixel = raw id) or `color` (colours of the class table).
        track: Track id.
        point: Track point id; text order is time order.
        city: Free text.
        facts: All that the set's manifest says.
    """

    source: str
    folder: Path
    stem: str
    image_name: str
    label_name: str
    label_kind: LabelKind
    track: str
    point: str
    city: str
    facts: Facts = Facts()

    @property
    def package(self) -> str:
        """Name of the package, NFC."""
        return unicodedata.normalize("NFC", self.folder.name)

    @property
    def key(self) -> str:
        """`<package>/<stem>`, unique in the set; what split lists hold."""
        return f"{self.package}/{self.stem}"

    @property
    def image(self) -> Path:
        """The picture's file."""
        return self.folder / self.image_name

    @property
    def label(self) -> Path:
        """The label's file."""
        return self.folder / self.label_name


class Pair(NamedTuple):
    """File names that belong together."""

    stem: str
    image_name: str
    label_name: str
    label_kind: LabelKind


def track_of(stem: str) -> str:
    """The track of a picture without one in a manifest: its stem up to the last `_`, else the stem."""
    head, _, _ = stem.rpartition("_")
    return head or stem


def point_of(stem: str) -> str:
    """The track point of such a picture: its stem after the last `_`, else the stem."""
    head, _, tail = stem.rpartition("_")
    return tail if head and tail else stem


def printable(name: str) -> str:
    """A file name with bytes that are no UTF-8 made visible."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def make_sample(source: str, folder: Path, pair: Pair, facts: Facts) -> Sample:
    """A sample with what the manifest says, else what the file's name says."""
    return Sample(
        source,
        folder,
        *pair,
        facts.track or track_of(pair.stem),
        facts.point or point_of(pair.stem),
        facts.city,
        facts,
    )


def pair_files(names: Iterable[str]) -> tuple[list[Pair], list[tuple[str, Text]]]:
    """Match pictures and labels of one package.

    Args:
        names: File names; other than `.jpg`, `.jpeg`, `.png` and hidden ones are passed over.

    Returns:
        Pairs in order of their stems, and (file name, reason) for each picture or label without a partner.
    """
    jpegs, pngs, problems = _by_stem(names)
    pairs: list[Pair] = []
    for stem, image in jpegs.items():
        if stem in pngs:
            pairs.append(Pair(stem, image, pngs[stem], "id"))
        elif LABEL_PREFIX + stem in pngs:
            pairs.append(Pair(stem, image, pngs[LABEL_PREFIX + stem], "color"))
        else:
            problems.append((image, _no_label(stem)))
    used = {p.label_name for p in pairs}
    for stem, image in pngs.items():
        label = pngs.get(LABEL_PREFIX + stem)
        if label is not None and image not in used and label not in used:
            pairs.append(Pair(stem, image, label, "color"))
            used |= {image, label}
    # A colour label beside an id label that won is no problem.
    used |= {pngs[LABEL_PREFIX + p.stem] for p in pairs if LABEL_PREFIX + p.stem in pngs}
    problems += [(name, _alone(stem)) for stem, name in pngs.items() if name not in used]
    return sorted(pairs), sorted(problems)


def _by_stem(names: Iterable[str]) -> tuple[dict[str, str], dict[str, str], list[tuple[str, Text]]]:
    jpegs: dict[str, str] = {}
    pngs: dict[str, str] = {}
    problems: list[tuple[str, Text]] = []
    for name in sorted(names):
        path = PurePath(name)
        ending = path.suffix.lower()
        if name.startswith(".") or (ending != ".png" and ending not in _JPEG_ENDINGS):
            continue
        group = pngs if ending == ".png" else jpegs
        stem = unicodedata.normalize("NFC", path.stem)
        if stem in group:
            problems.append((name, _twin(group[stem])))
        else:
            group[stem] = name
    return jpegs, pngs, problems


def _no_label(stem: str) -> Text:
    return Text(f"缺少标注：{stem}.png 或 label-{stem}.png", f"No label: neither {stem}.png nor label-{stem}.png")


def _alone(stem: str) -> Text:
    if stem.startswith(LABEL_PREFIX):
        return Text("标注没有对应的图片", "A label without a picture")
    return Text(
        f"缺少对应文件：图片需要 label-{stem}.png，标注需要 {stem}.jpg",
        f"Alone: as a picture it needs label-{stem}.png, as a label it needs {stem}.jpg",
    )


def _twin(other: str) -> Text:
    return Text(f"与 {other} 重名", f"The same name as {other}")
