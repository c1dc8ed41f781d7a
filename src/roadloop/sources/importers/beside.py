"""What a source set says of itself beside its pictures, whatever layout they have: `manifest.csv` and `splits/`.

Pictures are called `<package>/<stem>` there. Lists are declared, so that they win over splits that folders' names tell.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from roadloop.errors import BrokenFileError, Text
from roadloop.sources.importers.found import Claim, Fate, Found, Item, Line, Statement
from roadloop.sources.importers.listing import read_lists
from roadloop.sources.importers.tree import Tree
from roadloop.sources.layout import MANIFEST, SPLIT_NAMES, SPLITS
from roadloop.sources.manifest import parse_rows

_KNOWN: Final = ("track", "point", "city", "time", "longitude", "latitude", "datum")
_READ: Final = Text("源数据的说明文件，已读取", "A source set's description; it was read")
_LATER: Final = Text("清单后面另有一行写同一图片", "A later row of the manifest is about the same picture")
_GONE: Final = Text("清单中的图片不在目录中", "The manifest names a picture that is not there")


def read_beside(tree: Tree, found: Found) -> Found:
    """What a layout's reader found, with what the manifest and the split lists say of it."""
    rows = _manifest(tree, found.items)
    items = rows.items if rows else list(found.items)
    present = set(tree.files)
    lists = [(split, file, "") for split in SPLIT_NAMES if (file := f"{SPLITS}/{split}.txt") in present]
    if lists:
        items = [item._replace(split="") for item in items]
    listed = read_lists(tree, lists, items, {i.image: f"{i.package}/{i.stem}" for i in items})
    lines = [*listed.lines, *([Line(MANIFEST, Fate.USED, _READ)] if rows else [])]
    told = {line.file for line in lines}
    return replace(
        found,
        items=listed.items,
        lines=(*(line for line in found.lines if line.file not in told), *lines),
        statements=(*found.statements, *(rows.statements if rows else ()), *listed.statements),
        stated={**found.stated, **listed.stated, **({MANIFEST: rows.stated} if rows else {})},
    )


class _Rows(NamedTuple):
    """What a source set's manifest says of its pictures."""

    items: list[Item]
    statements: list[Statement]
    stated: int


def _manifest(tree: Tree, items: Sequence[Item]) -> _Rows | None:
    if MANIFEST not in tree.files:
        return None
    try:
        rows = parse_rows(tree.read(MANIFEST))
    except (OSError, BrokenFileError):
        return None
    if not any(row.package and row.stem for row in rows):
        return None  # another program's file of that name
    last = {row.key: (number, row) for number, row in enumerate(rows, 2)}
    claims = [Claim(MANIFEST, f"row {number}", row.key) for number, row in enumerate(rows, 2)]
    known, used = [], set()
    for item in items:
        number, row = last.get(f"{item.package}/{item.stem}", (0, None))
        if row is not None:
            used.add(number)
            facts = {name: getattr(row, name) for name in _KNOWN}
            claim = Claim(MANIFEST, f"row {number}", row.key)
            item = item._replace(claims=(*item.claims, claim), **facts)  # noqa: PLW2901
        known.append(item)
    kept = {number for number, _ in last.values()}
    ended = [
        Statement(claim, *((Fate.ABSENT, _GONE) if number in kept else (Fate.SUPERSEDED, _LATER)))
        for number, claim in enumerate(claims, 2)
        if number not in used
    ]
    return _Rows(known, ended, len(rows))
