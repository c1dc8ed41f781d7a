"""Known pictures among the others: which are drawn, and that nothing shows which they are."""

from pathlib import PurePath
from types import SimpleNamespace

import pytest

from package_data import write_images
from roadloop.errors import BrokenFileError, JobError, NotFoundError, PathOutsideError
from roadloop.packages import choose
from roadloop.packages.listing import Candidate
from roadloop.packages.plan import Role
from roadloop.storage.platform import Platform

FACTS = {"city": "苏州"}


def ordinary(name: str, track: str = "t", point: str = "1") -> tuple[Candidate, Role]:
    return Candidate(f"images/v/{name}", name, track, point, FACTS), "base"


def gold(name: str = "known.png") -> tuple[Candidate, Role]:
    return Candidate(f"sources/known/{name}", name, "", "", {}, "p/known"), "gold"


def names(plan: list[list[tuple[Candidate, Role]]], seed: int = 0) -> list[str]:
    return [picture.name for package in choose.disguise(plan, seed) for picture, _ in package]


def test_disguise__a_known_picture_reads_like_its_neighbour() -> None:
    plan = [[ordinary("drive_000007.jpg", "drive", "000007"), gold()]]
    (package,) = choose.disguise(plan, 3)
    (hidden,) = [picture for picture, role in package if role == "gold"]
    stem = PurePath(hidden.name).stem
    assert (hidden.origin, hidden.truth) == ("sources/known/known.png", "p/known")
    assert hidden.name.startswith("drive_")
    assert hidden.name.endswith(".png")  # its bytes are what they are
    assert len(stem) == len("drive_000007")
    assert stem != "drive_000007"
    assert int(stem[-6:]) > 60  # of a million
    assert (hidden.track, hidden.point, hidden.facts) == ("drive", stem[-6:], FACTS)
    assert [picture.name for picture, _ in package] == sorted(picture.name for picture, _ in package)
    assert names(plan, 3) == names(plan, 3) != names(plan, 4)


def test_disguise__names_stay_unique_and_the_last_number_alone_changes() -> None:
    taken = [ordinary(f"v2_a{n}b.jpg", point=str(n)) for n in range(9)]
    found = names([[*taken, gold()], [ordinary("other.jpg"), gold("x.jpg"), gold("y.jpg")]])
    assert sorted(found[:10]) == [*(f"v2_a{n}b.jpg" for n in range(9)), "v2_a9b.png"]
    assert sorted(found[10:]) == ["other.jpg", "other_0.jpg", "other_1.jpg"]  # which has no number


def test_disguise__where_no_number_is_left_one_is_added() -> None:
    taken = [ordinary(f"a{n}.jpg") for n in range(10)]
    (added,) = set(names([[*taken, gold("k.jpg")]])) - {picture.name for picture, _ in taken}
    assert added.endswith("_500.jpg")


def test_disguise__each_package_is_in_the_order_of_tracks_points_and_names() -> None:
    package = [
        ordinary("c.jpg", "t", "2"),
        ordinary("b.jpg", "t", "1"),
        ordinary("a.jpg", "t", "2"),
        ordinary("d.jpg", "s", "9"),
    ]
    assert names([package]) == ["d.jpg", "b.jpg", "a.jpg", "c.jpg"]


def test_draw_gold__only_good_pictures_and_as_many_as_wanted(platform: Platform, gold_set: str) -> None:
    folder = platform.workspace.sources / gold_set
    assert choose.draw_gold(platform.workspace, "none such", 0, 0, 10**6) == []
    drawn = choose.draw_gold(platform.workspace, gold_set, 3, 0, 10**6)
    assert [(one.track, one.point, one.facts) for one in drawn] == [("", "", {})] * 3
    for one in drawn:
        assert one.origin == f"sources/{gold_set}/{one.truth}.jpg"
        assert one.name == PurePath(one.origin).name
    assert drawn == choose.draw_gold(platform.workspace, gold_set, 3, 0, 10**6)
    assert drawn != choose.draw_gold(platform.workspace, gold_set, 3, 1, 10**6)
    (folder / "p" / "k_000.jpg").write_bytes(b"no picture")
    good = {one.truth for one in choose.draw_gold(platform.workspace, gold_set, 7, 0, 10**6)}
    assert good == {f"p/k_{n:03d}" for n in range(1, 8)}
    with pytest.raises(JobError, match="has only 7 pictures that can be tests, 8 are asked for"):
        choose.draw_gold(platform.workspace, gold_set, 8, 0, 10**6)
    with pytest.raises(NotFoundError) as refused:
        choose.draw_gold(platform.workspace, "none such", 1, 0, 10**6)
    assert refused.value.details["parameter"] == "gold_set"
    with pytest.raises(JobError, match="only 0 pictures"):
        choose.draw_gold(platform.workspace, gold_set, 1, 0, 10)  # all are larger


def test_of_version__what_is_not_in_a_package_yet(platform: Platform) -> None:
    write_images(platform, "v", ["a_1.jpg", "a_2.jpg", "b.bmp"])
    found, problems = choose.of_version(platform.workspace, "v", {"images/v/a_1.jpg"})
    assert [one.origin for one in found] == ["images/v/a_2.jpg"]
    assert [one.file for one in problems] == ["b.bmp"]
    with pytest.raises(NotFoundError, match="images/none"):
        choose.of_version(platform.workspace, "none", set())


def test_again__pictures_as_they_were_sent_out_before() -> None:
    row = SimpleNamespace(origin="images/v/a_1.jpg", name="ext-a_1.jpg", track="a", point="1", facts=FACTS)
    assert choose.again([row]) == [Candidate("images/v/a_1.jpg", "a_1.jpg", "a", "1", FACTS)]


def test_read_whole__a_picture_inside_the_workspace(platform: Platform, gold_set: str) -> None:
    home, picture = platform.workspace.home, f"sources/{gold_set}/p/k_000.jpg"
    assert choose.read_whole(platform.workspace, picture) == (home / picture).read_bytes()
    with pytest.raises(FileNotFoundError):
        choose.read_whole(platform.workspace, "images/none.jpg")
    (home / "images").mkdir()
    (home / "images" / "x.jpg").write_text("{}")
    with pytest.raises(BrokenFileError):
        choose.read_whole(platform.workspace, "images/x.jpg")
    (home / "images" / "out.jpg").symlink_to(home.parent / "secret.jpg")
    (home.parent / "secret.jpg").write_bytes((home / picture).read_bytes())
    with pytest.raises(PathOutsideError):
        choose.read_whole(platform.workspace, "images/out.jpg")
