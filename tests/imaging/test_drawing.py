"""Sheets for people, checked by what is drawn and what stays white."""

import numpy as np
import pytest

from roadloop.errors import Text
from roadloop.imaging.drawing import (
    CAPTION,
    GAP,
    LABEL,
    SIZE,
    Cell,
    Tile,
    UInt8,
    blank,
    both,
    draw_text,
    fitted,
    grid,
    headed,
    table,
    width_of,
)

LONG = "骑行者与非机动车（含电动自行车、三轮车）riders and non-motorised vehicles " * 3
BLUE = (20, 90, 160)


def drawn(text: str, room: int = 300) -> UInt8:
    sheet = blank(30, 300)
    draw_text(sheet, text, (0, 20, room))
    return sheet


def columns_with_ink(sheet: UInt8) -> list[int]:
    found: list[int] = np.flatnonzero((sheet != 255).any(axis=(0, 2))).tolist()
    return found


@pytest.mark.parametrize("name", ["车道线", "苏州", "lane", "路缘石 curb", "Привет", "日本語"])
def test_draw_text__names_are_drawn_as_they_are(name: str) -> None:
    """A font without the characters would draw question marks."""
    assert columns_with_ink(drawn(name))
    assert not np.array_equal(drawn(name), drawn("?" * len(name)))
    assert not np.array_equal(drawn(name), drawn(name[::-1]))


@pytest.mark.parametrize("name", ["\ud800", "\n", "\x1b", "\u202e"])
def test_draw_text__what_nobody_sees_is_a_question_mark(name: str) -> None:
    assert np.array_equal(drawn(f"a{name}b"), drawn("a?b"))


@pytest.mark.parametrize("room", [0, 3, 20, 41, 100])
def test_draw_text__stays_in_its_room(room: int) -> None:
    for align in ("left", "middle", "right"):
        sheet = blank(30, 300)
        draw_text(sheet, LONG, (100, 20, room), align=align)
        assert set(columns_with_ink(sheet)) <= set(range(100, 100 + room))


def test_fitted__takes_all_that_has_room() -> None:
    assert fitted("道路 road", width_of("道路 road")) == "道路 road"
    cut = fitted(LONG, 120)
    assert cut.endswith("…")
    kept = cut[:-1]
    assert LONG.startswith(kept)
    assert width_of(cut) <= 120 < width_of(LONG[: len(kept) + 1] + "…")
    assert fitted(LONG, 2) == ""


def test_draw_text__right_and_middle() -> None:
    ends = {}
    for align in ("left", "middle", "right"):
        sheet = blank(30, 300)
        draw_text(sheet, "道路", (50, 20, 200), align=align)
        ink = columns_with_ink(sheet)
        ends[align] = (ink[0], ink[-1])
    assert ends["left"][0] - 50 <= 3
    assert 250 - ends["right"][1] <= 3
    assert abs(sum(ends["middle"]) - 300) <= 4


@pytest.mark.parametrize(
    ("zh", "en", "shown"),
    [("道路", "road", "道路 road"), ("road", "road", "road"), ("", "road", "road"), ("道路", " ", "道路")],
)
def test_both__says_a_name_once(zh: str, en: str, shown: str) -> None:
    assert both(zh, en) == shown


def test_headed__narrow_sheets_become_wide_enough_for_the_title() -> None:
    title = Text("各类别出现在多少张中，按城市和月份", "in how many pictures each class is seen, by city and by month")
    found = headed(title, np.zeros((10, 20, 3), np.uint8))
    assert found.shape[1] == width_of(title.en) + 2 * GAP
    assert not found[-10:, :20].any()
    assert (found[-10:, 20:] == 255).all()
    assert headed(title, blank(10, 2000)).shape[1] == 2000


def test_grid__pictures_keep_their_proportions_and_captions_their_cell() -> None:
    black = np.zeros((50, 100, 3), np.uint8)
    found = grid([Tile(LONG, black), Tile("", black), Tile("二", np.zeros((100, 20, 3), np.uint8))], (40, 40), 2)
    step_x, step_y = 40 + 2 * GAP, CAPTION + 40 + GAP
    assert found.shape == (2 * step_y, 2 * step_x, 3)
    first, beside = found[:step_y, :step_x], found[:step_y, step_x:]
    assert (first[:CAPTION] != 255).any()
    assert (beside[:CAPTION] == 255).all()
    assert not first[CAPTION : CAPTION + 20, GAP : GAP + 40].any()  # 100 x 50 in 40 x 40 is 40 x 20
    assert (first[CAPTION + 20 :] == 255).all()
    tall = found[step_y:, :step_x]
    assert not tall[CAPTION : CAPTION + 40, GAP + 16 : GAP + 24].any()
    assert (tall[CAPTION:, : GAP + 16] == 255).all()


def test_table__short_labels_lie_and_long_ones_stand() -> None:
    cells = [[Cell(BLUE, "100"), None, Cell(BLUE)]]
    lying = table(["道路"], ["苏州", "", "上海"], cells, (64, 22))
    standing = table(["道路"], ["苏州", "", "南京市江宁区"], cells, (64, 22))
    assert lying.shape[0] < standing.shape[0]
    assert lying.shape[1] == standing.shape[1] == GAP + width_of("道路") + GAP + 3 * 64 + GAP
    left = lying.shape[1] - GAP - 3 * 64
    assert lying[-GAP - 5, left + 5].tolist() == list(BLUE)
    assert (lying[:, left + 64 : left + 128] == 255).all()  # a column without label and cells


def test_table__long_labels_are_cut_before_the_cells() -> None:
    cells = [[Cell(BLUE)] * 3] * 3
    found = table([LONG] * 3, [LONG] * 3, cells, (30, 30))
    assert found.shape[:2] == (LABEL + GAP + 90 + GAP, GAP + LABEL + GAP + 90 + GAP)
    top, left = found.shape[0] - 90 - GAP, found.shape[1] - 90 - GAP
    corner = found[:top, :left]
    assert (corner == 255).all()
    assert (found[top : top + 29, left - GAP + 1 : left] == 255).all()
    assert (found[top - GAP // 2 + 1 : top, left:] == 255).all()
    assert (found[top : top + 29, left : left + 29] == BLUE).all()


def test_table__cells_grow_with_what_stands_in_them() -> None:
    small, large = (table(["a"], ["b"], [[Cell(BLUE, text)]], (30, 22)).shape[1] for text in ("7", "12345678"))
    assert small < large


def test_width_of__chinese_characters_are_as_wide_as_the_font_is_high() -> None:
    assert abs(width_of("车道线" * 10) - 30 * SIZE) <= SIZE
