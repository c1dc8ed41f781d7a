"""What a source set says of itself beside its pictures, whatever layout they have: `manifest.csv` and `splits/`.

Pictures are called `<package>/<stem>` there. Lists are declared, so that they win over splits that folders' names tell.
"""

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from roadloop.errors import BrokenFileError, Text
from roadloop.sources.importers.found import Claim, Fate, Found, Item, Line, Statement
from roadloop.sources.importers.listing import Listed, read_lists
from roadloop.sources.importers.tree import Tree
from roadloop.sources.layout import SPLIT_NAMES, SPLITS
from roadloop.sources.manifest import MANIFEST, parse_rows

_KNOWN: Final = ("track", "point", "city", "time", "longitude", "latitude", "datum")
_READ: Final = Text("源数据的说明文件，已读取", "A source set's description; it was read")
_LATER: Final = Text("清单后面另有一行写同一图片", "A later row of the manifest is about the same picture")
_GONE: Final = Text("清单中的图片不在目录中", "The manifest names a picture that is not there")


def read_beside(tree: Tree, found: Found) -> Found:
    """What a layout's reader found, with what the manifest and the split lists say of it."""
    known = _manifest(tree, found.items)
    items = known.items
    present = set(tree.files)
    lists = [(split, file, "") for split in SPLIT_NAMES if (file := f"{SPLITS}/{split}.txt") in present]
    if lists:
        items = [item._replace(split="") for item in items]
    listed = read_lists(tree, lists, items, {i.image: f"{i.package}/{i.stem}" for i in items})
    return replace(
        found,
        items=listed.items,
        lines=(*found.lines, *known.lines, *listed.lines),
        statements=(*found.statements, *known.statements, *listed.statements),
        stated={**found.stated, **known.stated, **listed.stated},
    )


def _manifest(tree: Tree, items: Sequence[Item]) -> Listed:
    """The pictures with what a source set's manifest says of them."""
    nothing = Listed(list(items), [], [], {})
    if MANIFEST not in tree.files:
        return nothing
    try:
        rows = parse_rows(tree.read(MANIFEST))
    except (OSError, BrokenFileError):
        return nothing
    if not any(row.package and row.stem for row in rows):
        return nothing  # another program's file of that name
    claims = [Claim(MANIFEST, f"row {number}", row.key) for number, row in enumerate(rows, 2)]
    last = {row.key: place for place, row in enumerate(rows)}
    known, used = [], set()
    for item in items:
        place = last.get(f"{item.package}/{item.stem}")
        if place is not None:
            used.add(place)
            facts = {name: getattr(rows[place], name) for name in _KNOWN}
            item = item._replace(claims=(*item.claims, claims[place]), **facts)  # noqa: PLW2901
        known.append(item)
    ended = [
        Statement(claim, *((Fate.ABSENT, _GONE) if last[claim.picture] == place else (Fate.SUPERSEDED, _LATER)))
        for place, claim in enumerate(claims)
        if place not in used
    ]
    return Listed(known, [Line(MANIFEST, Fate.USED, _READ)], ended, {MANIFEST: len(rows)})
