import random
import unicodedata
from pathlib import Path

import pytest

from roadloop.errors import Text
from roadloop.sources.layout import Pair, make_sample, pair_files, point_of, track_of
from roadloop.sources.manifest import Row


def test_track_of__up_to_the_last_underscore() -> None:
    assert track_of("0016E5_07959") == "0016E5"
    assert track_of("苏州_1_2") == "苏州_1"
    assert track_of("single") == "single"
    assert track_of("_x") == "_x"
    assert point_of("0006R0_f01080") == "f01080"
    assert point_of("single") == "single"


def names(entries: list[tuple[str, Text]]) -> list[str]:
    assert all(reason.zh and reason.en for _, reason in entries)
    return [name for name, _ in entries]


def test_pair_files__id_labels_win_over_colours() -> None:
    found = pair_files(["a.jpg", "a.png", "label-a.png", "b.JPEG", "label-b.png"])
    assert found.pairs == [Pair("a", "a.jpg", "a.png", "id"), Pair("b", "b.JPEG", "label-b.png", "color")]
    assert found[1:] == ([], [], [])


def test_pair_files__png_pictures_need_colour_labels() -> None:
    found = pair_files(["a.png", "label-a.png", "c.png"])
    assert found.pairs == [Pair("a", "a.png", "label-a.png", "color")]
    assert names(found.unlabelled) == ["c.png"]


def test_pair_files__each_lonely_file_is_named_once() -> None:
    found = pair_files(["a.jpg", "b.png", "label-c.png", "notes.txt", ".d.jpg", "d.BMP", "f.jfif"])
    assert not found.pairs
    assert not found.doubtful
    assert names(found.unlabelled) == ["a.jpg", "b.png"]
    assert names(found.problems) == ["d.BMP", "f.jfif", "label-c.png"]
    assert "save it as" in found.problems[0][1].en
    assert ".jpg" in found.problems[1][1].zh


@pytest.mark.parametrize(
    ("files", "doubtful", "problems"),
    [
        (("e.jpg", "e.jpeg", "e.png"), [], ["e.jpeg", "e.jpg"]),
        (("e.jpg", "e.png", "e.PNG", "label-e.png"), ["e.jpg"], []),
        (("e.jpg", "label-e.png", "label-e.PNG"), ["e.jpg"], []),
        (("e.png", "label-e.png", "label-e.PNG"), ["e.png"], []),
        (("e.png", "e.PNG", "label-e.png"), [], ["e.PNG", "e.png"]),
        (("e.png", "e.PNG"), [], ["e.PNG", "e.png"]),
        (("e.jpg", "label-e.jpg", "label-e.png"), ["e.jpg", "label-e.jpg"], []),
        (("e\u0301.jpg", "\u00e9.jpg", "\u00e9.png"), [], ["e\u0301.jpg", "\u00e9.jpg"]),
    ],
)
def test_pair_files__where_two_could_be_meant_both_are_named(
    files: tuple[str, ...], doubtful: list[str], problems: list[str]
) -> None:
    found = pair_files(files)
    assert not found.pairs
    assert not found.unlabelled
    assert (names(found.doubtful), names(found.problems)) == (doubtful, problems)
    assert all(" and " in reason.en for _, reason in [*found.doubtful, *found.problems])


def test_pair_files__every_picture_has_one_outcome_and_no_file_two_uses() -> None:
    stems = ("a", "b", "label-a", "label-b", "label-label-a", "\u00e9", "e\u0301")
    every = [stem + ending for stem in stems for ending in (".jpg", ".jpeg", ".JPG", ".png", ".PNG", ".bmp", ".txt")]
    drawn = random.Random(0)
    for _ in range(2000):
        check_outcomes(set(drawn.sample(every, drawn.randrange(12))))


def check_outcomes(files: set[str]) -> None:
    found = pair_files(files)
    pictures = [p.image_name for p in found.pairs] + names(found.unlabelled) + names(found.doubtful)
    used = [name for p in found.pairs for name in (p.image_name, p.label_name)]
    assert len(set(used)) == len(used)
    assert len(set(pictures)) == len(pictures)
    accounted = {*used, *pictures, *names(found.problems)}
    assert accounted <= files
    assert {f for f in files if f.lower().endswith((".jpg", ".jpeg", ".bmp"))} <= accounted
    stems = [unicodedata.normalize("NFC", Path(name).stem) for name in pictures]
    assert len(set(stems)) == len(stems)  # outputs are named after them


def test_pair_files__two_colour_labels_beside_an_id_label_do_not_matter() -> None:
    found = pair_files(["a.jpg", "a.png", "label-a.png", "label-a.PNG"])
    assert (found.pairs, found[1:]) == ([Pair("a", "a.jpg", "a.png", "id")], ([], [], []))


def test_pair_files__a_picture_named_like_a_colour_label() -> None:
    found = pair_files(["label-a.jpg", "label-a.png"])
    assert (found.pairs, found[1:]) == ([Pair("label-a", "label-a.jpg", "label-a.png", "id")], ([], [], []))


def test_pair_files__decomposed_names_pair_with_composed_ones() -> None:
    assert pair_files(["e\u0301.jpg", "\u00e9.png"]).pairs == [Pair("\u00e9", "e\u0301.jpg", "\u00e9.png", "id")]


def test_make_sample__the_manifest_wins() -> None:
    pair = Pair("a_1", "a_1.jpg", "a_1.png", "id")
    sample = make_sample("set", Path("/x/包"), pair, Row("包", pair.stem, "t9", "p9", "苏州"))
    assert (sample.track, sample.point, sample.city, sample.key) == ("t9", "p9", "苏州", "包/a_1")
    assert sample.image == Path("/x/包/a_1.jpg")
    plain = make_sample("set", Path("/x/包"), pair, Row("包", pair.stem))
    assert (plain.track, plain.point, plain.city) == ("a", "1", "")
