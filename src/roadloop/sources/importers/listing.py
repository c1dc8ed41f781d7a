"""Split lists: text files that name pictures, one a line, alone or with their labels."""

import re
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from roadloop.errors import Text
from roadloop.sources.importers.found import LIST_FILE, Claim, Fate, Item, Line, Statement
from roadloop.sources.importers.matching import LISTED, Doubt, Match, Pairing, pair
from roadloop.sources.importers.tree import Tree
from roadloop.sources.layout import SPLIT_NAMES

_LISTS: Final = tuple((split, re.compile(rf"{split}(_list)?\.txt")) for split in SPLIT_NAMES)
_ABSENT: Final = Text("列表中的图片不在导入的图片中", "The list names a picture that is not among those with a label")
_AGAIN: Final = Text("同一划分已写过这张图片", "The same split names this picture already")
_BOTH: Final = Text(
    "这张图片被写入不同的划分，未采用任何一个", "The picture is put into different splits; none was taken"
)


class Listed(NamedTuple):
    """What split lists, or a manifest, say.

    Attributes:
        items: The items, with their splits, or with what the manifest knows.
        lines: One for each file.
        statements: The lines that name no picture, or one again.
        stated: File -> how many lines name a picture.
    """

    items: list[Item]
    lines: list[Line]
    statements: list[Statement]
    stated: dict[str, int]


def read_lists(
    tree: Tree, lists: Sequence[tuple[str, str, str]], items: Sequence[Item], keys: Mapping[str, str]
) -> Listed:
    """Give the items the splits that lists name; a line that no picture has is said.

    A line is what `keys` call a picture, or its path; what stands behind either is not read.

    Args:
        tree: The imported folder.
        lists: (split, file, what stands before the names of this list in `keys`).
        items: What was found.
        keys: Picture -> what lists call it.
    """
    names = set(keys.values())
    said: dict[str, list[tuple[Claim, str]]] = {}
    stated: dict[str, int] = {}
    for split, file, prefix in lists:
        rows = [(n, line.strip()) for n, line in enumerate(tree.text(file).splitlines(), 1) if line.strip()]
        stated[file] = len(rows)
        for number, text in rows:
            word = text.split()[0]  # lists may carry a column more, such as the mask
            path = keys.get(prefix + word.lstrip("/"))
            name = path or prefix + (text if prefix + text in names or prefix + word not in names else word)
            said.setdefault(name, []).append((Claim(file, f"line {number}", text), split))
    found = pair({i.image: keys[i.image] for i in items}, {name: name for name in said}).labels
    taken = {match.file for match in found.values()}
    statements, clear = [], dict[str, tuple[Claim, str]]()
    for name, claims in said.items():
        if name not in taken:
            statements += [Statement(claim, Fate.ABSENT, _ABSENT) for claim, _ in claims]
        elif len({split for _, split in claims}) > 1:
            statements += [Statement(claim, Fate.AMBIGUOUS, _BOTH) for claim, _ in claims]
        else:
            clear[name] = claims[0]
            statements += [Statement(claim, Fate.SUPERSEDED, _AGAIN) for claim, _ in claims[1:]]
    settled = []
    for item in items:
        claim, split = clear.get(found[item.image].file, (None, "")) if item.image in found else (None, item.split)
        settled.append(item._replace(split=split, claims=(*item.claims, claim) if claim else item.claims))
    lines = [Line(file, Fate.USED, LIST_FILE) for _, file, _ in lists]
    return Listed(settled, lines, statements, stated)


def find_lists(tree: Tree) -> list[tuple[str, str, str]]:
    """Lists at the top of a folder, `train.txt` or `train_list.txt`, as `read_lists` takes them."""
    return [(split, file, "") for split, name in _LISTS for file in tree.files if name.fullmatch(file)]


def read_pairs(tree: Tree, lists: Sequence[tuple[str, str, str]]) -> Pairing:
    """The pairs that rows of two files declare, whatever the files are called; paths are relative to the folder."""
    pictures: dict[str, set[str]] = {}
    labels: dict[str, set[str]] = {}
    present = set(tree.files)
    for row in (line.split() for _, file, _ in lists for line in tree.text(file).splitlines()):
        if len(row) == 2 and present.issuperset(row) and row[0] != row[1]:
            pictures.setdefault(row[0], set()).add(row[1])
            labels.setdefault(row[1], set()).add(row[0])
    found = Pairing({}, {})
    for picture, several in pictures.items():
        label = min(several)
        if len(several) == 1 and labels[label] == {picture}:
            found.labels[picture] = Match(label, LISTED)
    for others in (pictures, labels):
        found.doubts.update(
            {file: Doubt(tuple(sorted(several))) for file, several in others.items() if len(several) > 1}
        )
    for picture, several in pictures.items():
        if several & found.doubts.keys():
            found.doubts.setdefault(picture, Doubt(tuple(sorted(several))))
    return found
