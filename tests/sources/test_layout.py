from pathlib import Path

from roadloop.sources.layout import Facts, Pair, make_sample, pair_files, point_of, track_of


def test_track_of__up_to_the_last_underscore() -> None:
    assert track_of("0016E5_07959") == "0016E5"
    assert track_of("苏州_1_2") == "苏州_1"
    assert track_of("single") == "single"
    assert track_of("_x") == "_x"
    assert point_of("0006R0_f01080") == "f01080"
    assert point_of("single") == "single"


def test_pair_files__id_labels_win_over_colours() -> None:
    pairs, problems = pair_files(["a.jpg", "a.png", "label-a.png", "b.JPEG", "label-b.png"])
    assert pairs == [Pair("a", "a.jpg", "a.png", "id"), Pair("b", "b.JPEG", "label-b.png", "color")]
    assert problems == []


def test_pair_files__png_pictures_need_colour_labels() -> None:
    pairs, problems = pair_files(["a.png", "label-a.png", "c.png"])
    assert pairs == [Pair("a", "a.png", "label-a.png", "color")]
    assert [name for name, _ in problems] == ["c.png"]


def test_pair_files__each_lonely_file_is_named_once() -> None:
    _, problems = pair_files(["a.jpg", "b.png", "label-c.png", "notes.txt", ".d.jpg", "e.jpg", "e.jpeg", "e.png"])
    assert [name for name, _ in problems] == ["a.jpg", "b.png", "e.jpg", "label-c.png"]
    assert all(reason.zh and reason.en for _, reason in problems)


def test_pair_files__a_picture_named_like_a_colour_label() -> None:
    pairs, problems = pair_files(["label-a.jpg", "label-a.png"])
    assert pairs == [Pair("label-a", "label-a.jpg", "label-a.png", "id")]
    assert problems == []


def test_pair_files__decomposed_names_pair_with_composed_ones() -> None:
    pairs, _ = pair_files(["e\u0301.jpg", "\u00e9.png"])
    assert pairs == [Pair("\u00e9", "e\u0301.jpg", "\u00e9.png", "id")]


def test_make_sample__the_manifest_wins() -> None:
    pair = Pair("a_1", "a_1.jpg", "a_1.png", "id")
    sample = make_sample("set", Path("/x/包"), pair, Facts("t9", "p9", "苏州"))
    assert (sample.track, sample.point, sample.city, sample.key) == ("t9", "p9", "苏州", "包/a_1")
    assert sample.image == Path("/x/包/a_1.jpg")
    plain = make_sample("set", Path("/x/包"), pair, Facts())
    assert (plain.track, plain.point, plain.city) == ("a", "1", "")
