import os
import unicodedata
from pathlib import Path

import pytest

from roadloop.errors import InvalidNameError, InvalidValueError, PathOutsideError
from roadloop.lists import read_names, write_names
from roadloop.storage.paths import (
    Root,
    Workspace,
    check_name,
    check_new_name,
    is_text,
    parse_root,
    printable,
    readable,
    spoken,
)


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


LATIN = os.fsdecode(b"caf\xe9!")  # neither UTF-8 nor GBK


def test_readable__gbk_is_read_and_other_bytes_are_shown() -> None:
    assert (readable(GBK), spoken(GBK), is_text(GBK)) == ("苏州", "苏州", False)
    assert (readable(LATIN), printable(LATIN), spoken(LATIN)) == ("caf\\xe9!",) * 3
    assert (readable(NFD), spoken(NFD), printable(NFD)) == (NFC, NFD, NFD)


def test_store_path__bytes_that_are_no_text_are_kept_only_where_a_file_can_hold_them(workspace: Workspace) -> None:
    place = workspace.home / "imports" / GBK / "a"
    assert workspace.store_path(place) == "imports/苏州/a"
    assert workspace.store_path(place, raw=True) == f"imports/{GBK}/a"
    place.mkdir(parents=True)
    assert workspace.find_path(workspace.store_path(place)) == place


def test_check_name__240_bytes_are_a_name() -> None:
    assert check_name("道" * 80, "n") == "道" * 80
    with pytest.raises(InvalidNameError):
        check_name("道" * 80 + "x", "n")


@pytest.mark.parametrize("name", ["a\ue000b", "a\u2028b", "a\u2029b", "a\u200bb", "a\x7fb"])
def test_check_name__nothing_that_nobody_sees(name: str) -> None:
    with pytest.raises(InvalidNameError, match="data_name") as refused:
        check_name(name, "data_name")
    assert refused.value.details["parameter"] == "data_name"


def test_check_new_name__a_refusal_names_the_parameter() -> None:
    assert check_name("Xian", "n") == "Xian"
    for name in ("a,b", ".a"):
        with pytest.raises(InvalidNameError, match="data_name") as refused:
            check_new_name(name, "data_name")
        assert refused.value.details["parameter"] == "data_name"


def test_parse_root__writable_unless_it_says_ro(tmp_path: Path) -> None:
    odd = tmp_path / "a:b"
    assert parse_root(f"{tmp_path}:rw") == Root(tmp_path, writable=True)
    assert parse_root(f"{tmp_path}:ro") == Root(tmp_path, writable=False)
    assert parse_root(str(tmp_path)) == Root(tmp_path, writable=True)
    assert parse_root(str(odd)) == Root(odd, writable=True)
    assert parse_root(f"{odd}:ro") == Root(odd, writable=False)


def test_resolve__writes_go_to_the_home_and_to_writable_roots(workspace: Workspace, tmp_path: Path) -> None:
    assert workspace.resolve("evaluations/x", "dest_dir", write=True) == workspace.home / "evaluations" / "x"
    other = Workspace(tmp_path / "home", (str(tmp_path / "pictures"),))
    assert other.resolve(f"{tmp_path}/pictures/x", "dest_dir", write=True) == tmp_path / "pictures" / "x"


@pytest.mark.parametrize("first", ["outer", "inner"])
def test_resolve__the_innermost_root_says_whether_one_may_write(tmp_path: Path, first: str) -> None:
    roots = {"outer": str(tmp_path / NFD), "inner": f"{tmp_path / NFD / NFD}:ro"}
    workspace = Workspace(tmp_path / "home", tuple(sorted(roots.values(), reverse=first == "outer")))
    (tmp_path / NFD / NFD).mkdir(parents=True)
    assert workspace.resolve(f"{tmp_path}/{NFC}/x", "dest_dir", write=True) == tmp_path / NFD / "x"
    with pytest.raises(PathOutsideError, match="read-only root") as refused:
        workspace.resolve(f"{tmp_path}/{NFC}/{NFC}/x", "dest_dir", write=True)
    assert refused.value.details["parameter"] == "dest_dir"


def test_resolve__the_home_itself(workspace: Workspace) -> None:
    assert workspace.resolve(".", "src") == workspace.home


def test_resolve__two_dots_are_refused_even_where_they_stay_inside(workspace: Workspace) -> None:
    with pytest.raises(PathOutsideError):
        workspace.resolve("imports/../imports", "src")


@pytest.mark.parametrize("text", ["../x", "/etc/passwd", "loop/x"])
def test_resolve__a_refusal_names_the_parameter_and_the_folders_that_will_do(workspace: Workspace, text: str) -> None:
    (workspace.home / "loop").symlink_to(workspace.home / "loop")
    with pytest.raises(PathOutsideError) as refused:
        workspace.resolve(text, "src")
    assert refused.value.text.en.startswith(f"src: {text!r} is outside")
    pictures = workspace.home.with_name("pictures")
    assert f"inside: {workspace.home}、{pictures}." in refused.value.text.en
    assert refused.value.details["parameter"] == "src"


def test_resolve__what_is_no_path_names_the_parameter(workspace: Workspace) -> None:
    with pytest.raises(InvalidValueError, match="src is not a valid path") as refused:
        workspace.resolve("", "src")
    assert refused.value.details["parameter"] == "src"


def test_dataset__the_exact_spelling_wins_and_two_others_are_refused(workspace: Workspace) -> None:
    for name in (NFC, NFD):
        (workspace.datasets / name).mkdir(parents=True)
    assert (workspace.dataset(NFD).name, workspace.dataset(NFC).name) == (NFD, NFC)
    for find, folder, parameter in (
        (workspace.dataset, workspace.datasets, "data"),
        (workspace.task, workspace.tasks, "task"),
        (lambda name: workspace.find_path(f"weights/{name}"), workspace.weights, "path"),
    ):
        for name in ("u\u0308o\u0308", "\u00fco\u0308"):
            (folder / name).mkdir(parents=True)
        with pytest.raises(InvalidNameError, match=f"^{parameter}: 2 entries of {folder.name} read as üö") as refused:
            find("üö")
        assert refused.value.details["parameter"] == parameter


def test_entry__a_name_of_the_folder_and_nothing_outside(workspace: Workspace, tmp_path: Path) -> None:
    workspace.weights.mkdir()
    (workspace.weights / NFD).mkdir()
    (workspace.weights / "out").symlink_to(tmp_path / "outside")
    (workspace.weights / "in").symlink_to(tmp_path / "pictures")
    assert workspace.entry(workspace.weights, NFC, "model") == workspace.weights / NFD
    assert workspace.entry(workspace.weights, "new", "model") == workspace.weights / "new"
    assert workspace.entry(workspace.weights, "in", "model") == workspace.weights / "in"
    with pytest.raises(PathOutsideError, match="leads out"):
        workspace.entry(workspace.weights, "out", "model")
    for name in ("..", "a/b", "/etc"):
        with pytest.raises(InvalidNameError, match=r"^model"):
            workspace.entry(workspace.weights, name, "model")
