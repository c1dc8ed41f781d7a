"""Plain pairs: a picture and its label in one folder, or in `images/` and `labels/` beside each other.

In one folder: `X.jpg` with `X.png`, or any picture with `label-X.png`, `X_L.png`, `X_label.png` or `X_mask.png`. In two,
mmsegmentation's `img_dir/` and `ann_dir/` among them: the label has the picture's name, or one of those. Lists at the top,
`train.txt` and the like, give the splits; a row of two files declares a pair. A source set of roadloop is such a folder; what
it says of itself is read by `beside`.
"""

from pathlib import PurePosixPath
from typing import Final, Literal

from roadloop.errors import Text
from roadloop.sources.importers.found import NO_LABEL, Fate, FileLabel, Found, Layout, Line, make_item
from roadloop.sources.importers.listing import find_lists, read_lists, read_pairs
from roadloop.sources.importers.matching import Doubt, Match, Pairing, pair
from roadloop.sources.importers.tree import PICTURE_FOLDERS, Tree, split_of
from roadloop.sources.layout import LABEL_PREFIX

_LABELS: Final = frozenset(
    {"labels", "label", "masks", "mask", "annotations", "annotation", "ann_dir", "gt", "seg", "segmentation"}
)
_ENDINGS: Final = ("_L", "_label", "_labels", "_mask", "_gt")
_DEPTH: Final = 3  # how many folders of a path may be called images, or labels
_ALONE: Final = Text("没有找到与它成对的图片或标注", "No picture or label was found that makes a pair with it")
_OTHER: Final = Text("图片已有另一个标注", "The picture has another label already")


def find(tree: Tree) -> Found:
    """All pairs of a folder; there may be none."""
    lists = find_lists(tree)
    pairs = _Pairs(tree, read_pairs(tree, lists))
    pairs.match()
    items = [
        make_item(file, FileLabel(match.file, _reading(match.file)), rule=match.rule, split=split_of(file))
        for file, match in sorted(pairs.labels.items())
    ]
    keys = {item.image: PurePosixPath(item.image).with_suffix("").as_posix() for item in items}
    rows = {file: {word for line in tree.text(file).splitlines() for word in line.split()[:1]} for _, file, _ in lists}
    lists = [known for known in lists if rows[known[1]] & {*keys, *keys.values()}]  # others are something else
    listed = read_lists(tree, lists, items, keys)
    lines = [*pairs.lines(), *listed.lines]
    return Found(listed.items, lines, listed.statements, listed.stated)


class _Pairs:
    """Finds the label of each picture: the pairs that a list declares, whatever files are called, then by their forms.

    Args:
        tree: The imported folder.
        declared: What lists say.
    """

    def __init__(self, tree: Tree, declared: Pairing) -> None:
        self.labels: Final[dict[str, Match]] = declared.labels
        self._doubts: Final[dict[str, Doubt]] = declared.doubts
        self._superseded: set[str] = set()
        self._files: Final = tree.pictures()
        keys = {file: PurePosixPath(file).with_suffix("").as_posix() for file in self._files}
        self._keys: Final = keys
        jpegs = {key for file, key in keys.items() if not _is_png(file)}
        both = jpegs & {key for file, key in keys.items() if _is_png(file)}
        below = {file for file in self._files if _places(file, _LABELS)}
        whole = {key for file, key in keys.items() if file not in below}
        # `X_L.jpg` with `X_L.png` is a pair of its own; `label-X.jpg` stays open, for `label-X.png` may be X's.
        own_pair = {file for file in self._files if keys[file] in both and not _is_prefixed(file)}
        marked = {file: _bare(keys[file], whole) for file in self._files if file not in own_pair}
        self._marked: Final = {file: bare for file, bare in marked.items() if bare is not None}
        plain = [file for file in self._files if file not in below and file not in self._marked]
        own = {bare for file, bare in self._marked.items() if file not in below}
        #: PNGs that are labels by lying beside a JPEG; a PNG with a marked label of its own is a picture.
        self._beside: Final = [f for f in plain if _is_png(f) and (keys[f] in jpegs or keys[f] not in own)]
        self._plain: Final = plain
        self._below: Final = below

    def match(self) -> None:
        """Pair everything up, the more particular forms first."""
        self._doubt_rivals()
        jpegs = [file for file in self._left() if not _is_png(file)]
        self._take(jpegs, {file: self._keys[file] for file in self._beside}, self._keys)
        self._take(self._left(), {f: b for f, b in self._marked.items() if f not in self._below}, self._keys)
        for i in range(_DEPTH):
            for j in range(_DEPTH):
                pictures = {f: key for f in self._left() if (key := _starred(self._keys[f], PICTURE_FOLDERS, i))}
                self._take(list(pictures), self._folder_labels(j, marked=False), pictures)
                self._take(list(pictures), self._folder_labels(j, marked=True), pictures)

    def _doubt_rivals(self) -> None:
        """Where `X.jpg` and `X.png` stand beside each other, and a folder of labels has X's: which of the two is labelled?"""
        labels: dict[str, str] = {}
        for place in range(_DEPTH):
            for marked in (False, True):
                labels |= {key: file for file, key in self._folder_labels(place, marked=marked).items()}
        jpegs = {self._keys[file]: file for file in self._plain if not _is_png(file)}
        for file in self._beside if labels else ():
            if (jpeg := jpegs.get(self._keys[file])) is None:
                continue
            stars = [_starred(self._keys[file], PICTURE_FOLDERS, place) for place in range(_DEPTH)]
            if (label := next((labels[star] for star in stars if star in labels), None)) is not None:
                three = (jpeg, file, label)
                self._doubts.update({one: Doubt(tuple(other for other in three if other != one)) for one in three})

    def lines(self) -> list[Line]:
        """What became of the files that are in no pair."""
        used = self.labels.keys() | {match.file for match in self.labels.values()}
        lines = []
        for file in self._files:
            if file in used:
                continue
            if file in self._doubts:
                lines.append(Line(file, Fate.AMBIGUOUS, self._doubts[file].text))
            elif file in self._superseded:
                lines.append(Line(file, Fate.SUPERSEDED, _OTHER))
            else:
                lines.append(Line(file, Fate.MISSING, _ALONE if _is_png(file) or file in self._below else NO_LABEL))
        return lines

    def _left(self) -> list[str]:
        taken = {match.file for match in self.labels.values()}
        return [f for f in self._plain if f not in self.labels and f not in taken and f not in self._doubts]

    def _take(self, pictures: list[str], labels: dict[str, str], keys: dict[str, str]) -> None:
        taken = {match.file for match in self.labels.values()} | self._doubts.keys()
        free = {file: key for file, key in labels.items() if file not in taken}
        found = pair({f: keys[f] for f in pictures if f not in free and f not in self.labels}, free)
        self.labels.update(found.labels)
        self._doubts.update(found.doubts)
        have = {keys[f] for f in self.labels if f in keys}
        matched = {match.file for match in found.labels.values()}
        self._superseded |= {f for f, key in free.items() if key in have and f not in matched and f not in found.doubts}

    def _folder_labels(self, place: int, *, marked: bool) -> dict[str, str]:
        known = self._marked if marked else {f: self._keys[f] for f in self._below if f not in self._marked}
        starred = {f: _starred(key, _LABELS, place) for f, key in known.items() if f in self._below}
        return {f: key for f, key in starred.items() if key}


def _is_png(file: str) -> bool:
    return file.lower().endswith(".png")


def _reading(label: str) -> Literal["auto", "color"]:
    """How a label is read: `label-X.png` is in colours, whatever kind of PNG it is."""
    return "color" if _is_prefixed(label) else "auto"


def _is_prefixed(file: str) -> bool:
    return PurePosixPath(file).name.startswith(LABEL_PREFIX)


def _places(file: str, names: frozenset[str]) -> list[int]:
    """Where the folders of a path are called one of some names, the last first."""
    parts = PurePosixPath(file).parts[:-1]
    return [i for i in range(len(parts) - 1, -1, -1) if parts[i].lower() in names]


def _starred(key: str, names: frozenset[str], place: int) -> str:
    """A key with one such folder replaced, so that `images/a` and `masks/a` are the same; empty when there is none."""
    places = _places(key, names)
    if place >= len(places):
        return ""
    parts = key.split("/")
    return "/".join((*parts[: places[place]], "*", *parts[places[place] + 1 :]))


def _bare(key: str, known: set[str]) -> str | None:
    """The key of the picture that a marked label belongs to; None when the file is not marked."""
    folder, _, stem = key.rpartition("/")
    head = f"{folder}/" if folder else ""
    if stem.startswith(LABEL_PREFIX):
        return head + stem.removeprefix(LABEL_PREFIX)
    for ending in _ENDINGS:
        bare = head + stem.removesuffix(ending)
        if stem.endswith(ending) and (bare in known or _places(key, _LABELS)):
            return bare
    return None


LAYOUT: Final = Layout("pairs", find, Text("图片与同名标注成对", "pictures with labels of their names"))
