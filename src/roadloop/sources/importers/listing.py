"""Official split lists: text files that name pictures, one a line."""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

from roadloop.errors import Text
from roadloop.sources.importers.found import LIST_FILE, Claim, Fate, Item, Line, Statement
from roadloop.sources.importers.matching import pair
from roadloop.sources.importers.tree import Tree

_ABSENT: Final = Text("列表中的图片不在导入的图片中", "The list names a picture that is not among those with a label")
_AGAIN: Final = Text("同一划分已写过这张图片", "The same split names this picture already")
_BOTH: Final = Text(
    "这张图片被写入不同的划分，未采用任何一个", "The picture is put into different splits; none was taken"
)


class Listed(NamedTuple):
    """What split lists say.

    Attributes:
        items: The items, with their splits.
        lines: One for each list.
        statements: The lines that name no picture, or one again.
        stated: List -> how many lines name a picture.
    """

    items: tuple[Item, ...]
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
    return Listed(tuple(settled), lines, statements, stated)
