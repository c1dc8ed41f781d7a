"""The contact sheet of a selection."""

from itertools import pairwise

import numpy as np

from roadloop.errors import Text
from roadloop.imaging.drawing import Tile
from roadloop.selection.output import CELL, SHOWN, contact_sheet, places


def test_places__all_or_evenly_spread() -> None:
    assert places(3) == [0, 1, 2]
    many = places(1000)
    assert (len(many), many[0], many[-1]) == (SHOWN, 0, 999)
    assert {later - earlier for earlier, later in pairwise(many)} <= {16, 17}


def test_contact_sheet__tracks_have_their_names() -> None:
    picture = np.zeros((90, 120, 3), np.uint8)
    title = Text("mined：2 张中的 2 张，按名次", "mined: 2 of 2 pictures, by rank")
    one, other = (contact_sheet([Tile(f"1  {track}", picture)], title) for track in ("苏州干将路", "南京中山路"))
    assert one.shape == other.shape
    assert not np.array_equal(one, other)
    assert (one == 0).all(axis=-1).sum() >= CELL[0] * CELL[1]  # small pictures are made as large as the cell
