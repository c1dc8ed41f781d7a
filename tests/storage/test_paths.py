import os
import unicodedata
from pathlib import Path

import pytest

from roadloop.errors import InvalidNameError, InvalidValueError, PathOutsideError
from roadloop.lists import read_names, write_names
from roadloop.storage.paths import Workspace, check_name, check_new_name


@pytest.mark.parametrize("name", ["suzhou", "苏州任务", "lane-all-20180710", "kd-seg.template", "a b", "é", "x" * 100])
def test_check_name__good(name: str) -> None:
    assert check_name(name, "data_name") == unicodedata.normalize("NFC", name)


def test_check_name__nfc_twins_are_one() -> None:
    assert check_name("e\u0301", "n") == check_name("\u00e9", "n") == "\u00e9"


@pytest.mark.parametrize(
    "name",
    [
        "", ".", "..", ".x", "-x", "a/b", "a\\b", "/etc/passwd", "../x", "a\0b", "a\nb", "a\u202eb", " a", "a ",
        "x" * 101, "道" * 90, "a\ud800",
    ],
)  # fmt: skip
def test_check_name__bad(name: str) -> None:
    with pytest.raises(InvalidNameError):
        check_name(name, "data_name")


@pytest.mark.parametrize("name", ["suzhou,2024", "苏州，2024", '"a', ",", " a", "a/b"])
def test_check_new_name__bad(name: str) -> None:
    with pytest.raises(InvalidNameError, match="name"):
        check_new_name(name, "data_name")


@pytest.mark.parametrize(
    "name", ["a#b", "50%", "a b", "路😀", "a&b=c", "a+b", "a?b", "a;b", "o'k", "<b>", 'a"b', "a、b"]
)
def test_check_new_name__stands_in_a_list_as_it_is(name: str) -> None:
    assert check_new_name(name, "data_name") == name
    assert write_names([name, "b"]) == f"{name},b"
    assert read_names(f"b, {name}") == ["b", name]


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    for folder in ("home", "home-twin", "pictures", "outside"):
        (tmp_path / folder).mkdir()
    return Workspace(tmp_path / "home", (f"{tmp_path / 'pictures'}:ro",))


def test_resolve__relative_and_absolute_inside(workspace: Workspace, tmp_path: Path) -> None:
    assert workspace.resolve("imports/车道线", "src") == tmp_path / "home" / "imports" / "车道线"
    assert workspace.resolve(str(tmp_path / "home" / "x"), "src") == tmp_path / "home" / "x"
    assert workspace.resolve(str(tmp_path / "pictures" / "a.jpg"), "src") == tmp_path / "pictures" / "a.jpg"


@pytest.mark.parametrize("text", ["../outside", "a/../../outside", "/etc/passwd", "/data/", "{tmp}/home-twin/x", "/"])
def test_resolve__outside(workspace: Workspace, tmp_path: Path, text: str) -> None:
    with pytest.raises(PathOutsideError):
        workspace.resolve(text.format(tmp=tmp_path), "src")


def test_resolve__a_link_that_leads_out(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "home" / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(PathOutsideError):
        workspace.resolve("link/x", "src")


def test_resolve__a_link_loop(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "home" / "loop").symlink_to(tmp_path / "home" / "loop")
    with pytest.raises(PathOutsideError):
        workspace.resolve("loop/x", "src")


def test_resolve__read_only_root(workspace: Workspace, tmp_path: Path) -> None:
    with pytest.raises(PathOutsideError, match="read-only"):
        workspace.resolve(str(tmp_path / "pictures" / "out"), "dest_dir", write=True)


@pytest.mark.parametrize("text", ["", "  ", "a\0b", "x" * 5000])
def test_resolve__not_a_path(workspace: Workspace, text: str) -> None:
    with pytest.raises(InvalidValueError):
        workspace.resolve(text, "src")


def test_store_path__is_relative_inside_the_home_and_moves_with_it(workspace: Workspace, tmp_path: Path) -> None:
    home = workspace.home
    (home / "link").symlink_to(tmp_path / "pictures")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place, text in (
        (home / "evaluations" / "苏州", "evaluations/苏州"),
        (home, "."),
        (str(home / "link" / "a"), "link/a"),
        (tmp_path / "home-twin" / "x", str(tmp_path / "home-twin" / "x")),
        ("imports/x", "imports/x"),
        ("", ""),
        ("/no\0file", "/no\0file"),
        (str(tmp_path / "loop" / "x"), str(tmp_path / "loop" / "x")),
    ):
        assert workspace.store_path(place) == text
    (tmp_path / "mirror").symlink_to(home)
    assert workspace.store_path(tmp_path / "mirror" / "imports") == "imports"
    home.rename(tmp_path / "moved")
    moved = Workspace(tmp_path / "moved")
    assert moved.find_path("evaluations/苏州") == tmp_path / "moved" / "evaluations" / "苏州"
    assert moved.find_path("/elsewhere/x") == Path("/elsewhere/x")


NFC, NFD = "Düsseldorf", unicodedata.normalize("NFD", "Düsseldorf")
GBK = os.fsdecode("苏州".encode("gb18030"))


@pytest.mark.parametrize(("written", "asked"), [(NFD, NFC), (NFC, NFD), (NFD, NFD), (GBK, "苏州")])
def test_resolve__finds_what_is_written_otherwise(workspace: Workspace, written: str, asked: str) -> None:
    place = workspace.home / "imports" / written / written
    place.mkdir(parents=True)
    assert workspace.resolve(f"imports/{asked}/{asked}", "src") == place
    assert workspace.resolve(f"{workspace.home}/imports/{asked}/new", "src") == place.parent / "new"


def test_resolve__finds_a_root_that_is_written_otherwise(tmp_path: Path) -> None:
    (tmp_path / NFD / "a").mkdir(parents=True)
    workspace = Workspace(tmp_path / "home", (str(tmp_path / NFD),))
    assert workspace.resolve(f"{tmp_path}/{NFC}/a", "src") == tmp_path / NFD / "a"
    with pytest.raises(PathOutsideError):
        workspace.resolve(f"{tmp_path}/{NFC}2/a", "src")


def test_resolve__the_exact_spelling_wins(workspace: Workspace) -> None:
    for name in (NFC, NFD):
        (workspace.home / name).mkdir()
    assert workspace.resolve(NFD, "src").name == NFD
    assert workspace.resolve(NFC, "src").name == NFC


def test_resolve__two_that_read_the_same_are_refused_by_name(workspace: Workspace) -> None:
    both = ["u\u0308o\u0308", "\u00fco\u0308"]  # neither is NFC
    for name in both:
        (workspace.home / name).mkdir()
    with pytest.raises(InvalidNameError) as refused:
        workspace.resolve("üö", "src")
    for name in both:
        assert ascii(name) in refused.value.text.zh
        assert ascii(name) in refused.value.text.en


def test_resolve__no_folder_outside_the_roots_is_listed(workspace: Workspace, tmp_path: Path) -> None:
    (tmp_path / "outside" / NFD).mkdir()
    (workspace.home / "link").symlink_to(tmp_path / "outside")
    with pytest.raises(PathOutsideError):
        workspace.resolve(f"link/{NFC}", "src")


@pytest.mark.parametrize(
    "text", ["x" * 256, "道" * 86, "a/" + "道" * 86 + "/b", "a/" * 2000 + "b", "a\ud800", "a\0b", " "]
)
def test_resolve__no_path(workspace: Workspace, text: str) -> None:
    with pytest.raises(InvalidValueError) as refused:
        workspace.resolve(text, "src")
    assert len(refused.value.text.en) < 300


def test_resolve__255_bytes_are_a_name(workspace: Workspace) -> None:
    assert workspace.resolve("道" * 85, "src") == workspace.home / ("道" * 85)


@pytest.mark.parametrize("form", [NFC, NFD])
def test_dataset_and_task__are_found_in_a_copy_that_writes_names_otherwise(workspace: Workspace, form: str) -> None:
    for find, folder in ((workspace.dataset, workspace.datasets), (workspace.task, workspace.tasks)):
        (folder / form).mkdir(parents=True)
        assert find(NFC) == folder / form
        assert find("新") == folder / "新"
    assert workspace.find_path(f"datasets/{NFC}/a") == workspace.datasets / form / "a"
    (workspace.home / "loop").symlink_to(workspace.home / "loop")
    assert workspace.find_path(f"loop/{NFC}") == workspace.home / "loop" / NFC
