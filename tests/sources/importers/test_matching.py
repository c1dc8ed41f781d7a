import os
import unicodedata

import pytest

from roadloop.sources.importers.matching import EXACT, Doubt, Match, find_named, pair, plain_name, url_name

NFD = unicodedata.normalize("NFD", "é")
GBK = os.fsdecode("苏州".encode("gbk"))


def test_pair__the_whole_path_decides_and_twins_keep_their_own() -> None:
    found = pair({"a/1.jpg": "a/1", "b/1.jpg": "b/1"}, {"m/b/1.png": "b/1", "m/a/1.png": "a/1"})
    assert {p: m.file for p, m in found.labels.items()} == {"a/1.jpg": "m/a/1.png", "b/1.jpg": "m/b/1.png"}
    assert all(m.rule is EXACT for m in found.labels.values())


def test_pair__case_decides_only_among_what_is_left() -> None:
    found = pair({"IMG.jpg": "IMG", "img.jpg": "img", "X.jpg": "X"}, {"IMG.png": "IMG", "x.png": "x"})
    assert {p: m.file for p, m in found.labels.items()} == {"IMG.jpg": "IMG.png", "X.jpg": "x.png"}
    assert "case" in found.labels["X.jpg"].rule.en
    assert found.doubts == {}


@pytest.mark.parametrize(
    ("pictures", "labels"),
    [
        ({"a.jpg": "a", "a.jpeg": "a"}, {"m/a.png": "a"}),
        ({"a.jpg": "a"}, {"m/A.png": "A", "n/A.png": "A"}),
        ({"a.jpg": "a"}, {"m/a.png": "a", "n/a.png": "a"}),
    ],
)
def test_pair__two_candidates_are_a_doubt_that_names_both(pictures: dict[str, str], labels: dict[str, str]) -> None:
    found = pair(pictures, labels)
    assert found.labels == {}
    assert found.doubts.keys() == {*pictures, *labels}
    several = [d for d in found.doubts.values() if len(d.candidates) == 2]
    assert several
    assert all(c in d.text.en for d in several for c in d.candidates)


def test_pair__forms_of_one_name() -> None:
    found = pair({"p": f"{NFD}/{GBK}"}, {"m": "é/苏州"})
    assert found.labels["p"].file == "m"
    assert "form" in found.labels["p"].rule.en


def named(text: str, *files: str) -> Match | Doubt | None:
    return find_named([url_name(text)], files).get(text)


@pytest.mark.parametrize(
    ("text", "file"),
    [
        ("/data/upload/1/0a1b2c3d-a_1.jpg", "images/a_1.jpg"),
        ("/data/local-files/?d=x/a%20b.jpg", "a b.jpg"),
        ("/data/local-files/?d=x/a+b.jpg", "a+b.jpg"),
        ("/data/local-files/?d=x/a+b.jpg", "a b.jpg"),
        ("/data/local-files/?d=x%5Cw.jpg", "w.jpg"),
        ("C:\\pics\\w.jpg", "pics/w.jpg"),
        ("s3://bucket/x/s.jpg", "x/s.jpg"),
        ("https://host/x/s.jpg?X-Sign=1%2F2", "s.jpg"),
        ("/data/upload/1/a?b#c.jpg", "a?b#c.jpg"),
        ("/data/upload/1/50%25.jpg", "50%25.jpg"),
        ("/data/upload/1/50%25.jpg", "50%.jpg"),
        (f"/data/upload/{NFD}.jpg", "é.jpg"),
        ("/data/upload/1/0a1b2c3d-A.JPG", "a.jpeg"),
    ],
)
def test_find_named__what_addresses_mean(text: str, file: str) -> None:
    found = named(text, file, "other.jpg")
    assert isinstance(found, Match)
    assert found.file == file


def test_find_named__another_folder_is_another_picture() -> None:
    assert named("/data/local-files/?d=cam1/0001.jpg", "cam0/0001.jpg") is None
    found = named("/data/local-files/?d=cam1/0001.jpg", "cam0/0001.jpg", "cam1/0001.jpg")
    assert found == Match("cam1/0001.jpg", EXACT)


def test_find_named__a_bare_name_in_two_folders_is_a_doubt() -> None:
    assert named("0001.jpg", "a/0001.jpg", "b/0001.jpg") == Doubt(("a/0001.jpg", "b/0001.jpg"))
    assert named("0001.jpg", "a/0001.jpg", "0001.jpg") == Match("0001.jpg", EXACT)


def test_find_named__two_uploads_of_one_name_are_a_doubt() -> None:
    names = [url_name("/data/upload/1/0a1b2c3d-a.jpg"), url_name("/data/upload/1/1a1b2c3d-a.jpg")]
    assert all(isinstance(m, Doubt) for m in find_named(names, ["a.jpg"]).values())
    found = find_named([*names, url_name("/data/upload/1/a.jpg")], ["a.jpg"])
    assert found == {"/data/upload/1/a.jpg": Match("a.jpg", EXACT)}


def test_find_named__a_weaker_rule_does_not_take_what_a_name_means_exactly() -> None:
    names = [plain_name("IMG.jpg"), plain_name("img.jpg")]
    assert find_named(names, ["IMG.jpg"]) == {"IMG.jpg": Match("IMG.jpg", EXACT)}
