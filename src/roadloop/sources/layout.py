"""Which files of a source set belong together.

A picture is `X.jpg` (or `.jpeg`) with its label `X.png` (raw ids) or `label-X.png` (colours) beside it, in a
package; where both stand, `X.png` wins. A picture `X.png` needs its label as `label-X.png`. Where two files have one
name (`X.jpg` and `X.jpeg`), neither is taken. Nothing is opened here.
"""

from collections.abc import Iterable, Mapping
from pathlib import Path, PurePath
from typing import Final, Literal, NamedTuple

from roadloop.errors import Text
from roadloop.imaging.endings import odd_picture
from roadloop.sources.manifest import Row
from roadloop.storage.objects import Place, is_object, place_of
from roadloop.storage.paths import printable, readable

LabelKind = Literal["id", "color"]

CLASSES: Final = "classes.csv"
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


class Sample(NamedTuple):
    """One labelled picture of a source set.

    Attributes:
        source: Name of the source set.
        folder: Its package's folder.
        stem: Name without ending, NFC; `package/stem` is unique in a set.
        image_name: File name of the picture, as on the disk; an absolute path, or `s3://<bucket>/<key>`, where the set
            only refers to it.
        label_name: File name of the label, likewise.
        label_kind: `id` (pixel = raw id) or `color` (colours of the class table).
        track: Track id.
        point: Track point id; text order is time order.
        city: Free text.
        facts: Its row of the set's manifest; one that names it and no more where there is none.
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
    facts: Row

    @property
    def package(self) -> str:
        """Name of the package, NFC."""
        return readable(self.folder.name)

    @property
    def key(self) -> str:
        """`<package>/<stem>`, unique in the set; what split lists hold."""
        return f"{self.package}/{self.stem}"

    @property
    def stored(self) -> bool:
        """Whether the picture lies in an object store."""
        return is_object(self.image_name)

    @property
    def image(self) -> Place:
        """The picture's file."""
        return place_of(self.image_name, self.folder)

    @property
    def label(self) -> Place:
        """The label's file."""
        return place_of(self.label_name, self.folder)


class Pair(NamedTuple):
    """File names that belong together."""

    stem: str
    image_name: str
    label_name: str
    label_kind: LabelKind


class Paired(NamedTuple):
    """What one folder's files are to each other, each list in order of the names.

    Attributes:
        pairs: Pictures with their labels.
        unlabelled: Pictures without a label, and what was looked for.
        doubtful: Pictures for which there are two labels, which are named.
        problems: Files that are left out: pictures of one name, labels without a picture, kinds that are not read.
    """

    pairs: list[Pair]
    unlabelled: list[tuple[str, Text]]
    doubtful: list[tuple[str, Text]]
    problems: list[tuple[str, Text]]


def track_of(stem: str) -> str:
    """The track of a picture without one in a manifest: its stem up to the last `_`, else the stem."""
    head, _, _ = stem.rpartition("_")
    return head or stem


def point_of(stem: str) -> str:
    """The track point of such a picture: its stem after the last `_`, else the stem."""
    head, _, tail = stem.rpartition("_")
    return tail if head and tail else stem


def make_sample(source: str, folder: Path, pair: Pair, facts: Row) -> Sample:
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


def pair_files(names: Iterable[str]) -> Paired:
    """Match pictures and labels of one package; where two files could be meant, neither is taken.

    Args:
        names: File names; other than pictures, and hidden ones, are passed over.
    """
    jpegs, pngs, problems = _by_stem(names)
    found = Paired([], [], [], problems)
    used: set[str] = set()
    for stem, images in jpegs.items():
        ids, colors = pngs.get(stem, []), pngs.get(LABEL_PREFIX + stem, [])
        used |= {*ids, *colors}  # a colour label beside an id label that won is no problem
        rival = _rival(stem, jpegs, pngs)
        if rival and (ids or colors) and len(images) == 1:
            found.doubtful.append((images[0], _shared(images + rival, ids or colors)))
        else:
            _match(found, images, ids or colors, "id" if ids else "color")
    for stem, images in pngs.items():
        colors = pngs.get(LABEL_PREFIX + stem, [])
        if colors and not used & {*images, *colors}:
            used |= {*images, *colors}
            _match(found, images, colors, "color")
    for stem, images in pngs.items():
        if not used & {*images}:
            _file_alone(found, stem, images)
    for part in (found.pairs, found.unlabelled, found.doubtful, found.problems):
        part.sort()
    return found


def _file_alone(found: Paired, stem: str, images: list[str]) -> None:
    """A PNG that nothing belongs to: a label by its name, else a picture."""
    if stem.startswith(LABEL_PREFIX):
        found.problems.extend((name, _alone(stem)) for name in images)
    else:
        _match(found, images, [], "color")


def _rival(stem: str, jpegs: Mapping[str, list[str]], pngs: Mapping[str, list[str]]) -> list[str]:
    """Pictures that the same label would belong to: `label-X.png` is ids to `label-X.jpg` and colours to `X.jpg`."""
    plain = stem.removeprefix(LABEL_PREFIX)
    if plain != stem and plain in jpegs and plain not in pngs:
        return jpegs[plain]
    return jpegs.get(LABEL_PREFIX + stem, []) if stem not in pngs else []


def _match(found: Paired, images: list[str], labels: list[str], kind: LabelKind) -> None:
    """File what there is of one stem."""
    stem = _stem(images[0])
    if len(images) > 1:
        found.problems.extend((image, _twins(images)) for image in images)
    elif len(labels) > 1:
        found.doubtful.append((images[0], _twins(labels)))
    elif labels:
        found.pairs.append(Pair(stem, images[0], labels[0], kind))
    else:
        png = PurePath(images[0]).suffix.lower() == ".png"
        found.unlabelled.append((images[0], _alone(stem) if png else _no_label(stem)))


def _by_stem(names: Iterable[str]) -> tuple[dict[str, list[str]], dict[str, list[str]], list[tuple[str, Text]]]:
    jpegs: dict[str, list[str]] = {}
    pngs: dict[str, list[str]] = {}
    problems: list[tuple[str, Text]] = []
    for name in sorted(names):
        ending = PurePath(name).suffix.lower()
        odd = odd_picture(name)
        if odd is not None:
            problems.append((name, odd))
        elif not name.startswith(".") and (ending == ".png" or ending in _JPEG_ENDINGS):
            group = pngs if ending == ".png" else jpegs
            group.setdefault(_stem(name), []).append(name)
    return jpegs, pngs, problems


def _stem(name: str) -> str:
    return readable(PurePath(name).stem)


def _no_label(stem: str) -> Text:
    return Text(f"缺少标注：{stem}.png 或 label-{stem}.png", f"No label: neither {stem}.png nor label-{stem}.png")


def _alone(stem: str) -> Text:
    if stem.startswith(LABEL_PREFIX):
        return Text("标注没有对应的图片", "A label without a picture")
    return Text(
        f"缺少对应文件：图片需要 label-{stem}.png，标注需要 {stem}.jpg",
        f"Alone: as a picture it needs label-{stem}.png, as a label it needs {stem}.jpg",
    )


def _shared(pictures: list[str], labels: list[str]) -> Text:
    shown, label = [printable(name) for name in pictures], printable(labels[0])
    return Text(
        f"{label} 既可属于 {' 也可属于 '.join(shown)}，无法确定；请改名",
        f"{label} could belong to {' and to '.join(shown)}; rename one",
    )


def _twins(names: list[str]) -> Text:
    shown = [printable(name) for name in names]
    return Text(
        f"{'、'.join(shown)} 重名，无法确定用哪一个；请改名或删去多余的",
        f"{' and '.join(shown)} have one name, so that it is open which is meant; rename or remove one",
    )
