from collections.abc import Callable
from pathlib import Path

import pytest

from package_data import mask
from roadloop.errors import InvalidNameError, InvalidValueError, NotFoundError
from roadloop.imaging.encode import encode_color
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import shipped
from roadloop.settings import Settings
from roadloop.storage import publish
from roadloop.storage.platform import Platform, open_platform

Job = Callable[..., queue.Job]


def put(inbox: Path, *names: str) -> None:
    for name in names:
        (inbox / name).parent.mkdir(parents=True, exist_ok=True)
        (inbox / name).write_bytes(encode_color(ColorCoder(shipped()).to_rgb(mask(len(name)))))


def test_linedown__copies_the_numbers_of_a_range(platform: Platform, cut: Job, pull: Job) -> None:
    cut(platform, count=6, step=2)
    inbox = platform.workspace.home / "imports/annotations"
    put(inbox, "1/ext-label-a_0.png", "v1/2/ext-label-a_2.png", "v1/2/ext-label-a_3.png", "v1/2/more.png")
    put(inbox, "3/ext-label-a_4.png", "77/ext-label-x.png")
    (inbox / "3/ext-label-a_5.png").write_bytes((inbox / "3/ext-label-a_4.png").read_bytes()[:-9])
    job = pull(platform, 2, 77, "20180801")
    assert job.result == {"tasks": 3, "finished": 3, "already": 0, "unfinished": 0, "bad": 2, "overlap": 0}
    assert [("incomplete" in w.en, "no package 77" in w.en) for w in job.warnings] == [(True, False), (False, True)]
    released = platform.workspace.home / "released/20180801"
    assert sorted(p.relative_to(released).as_posix() for p in released.rglob("*.*")) == [
        "2/ext-label-a_2.png",
        "2/ext-label-a_3.png",
        "3/ext-label-a_4.png",
    ]
    put(inbox, "3/ext-label-a_5.png")
    job = pull(platform, 2, 3, "20180801")
    assert job.result is not None
    assert (job.result["finished"], job.result["already"]) == (1, 3)


def test_linedown__a_link_out_of_the_roots_is_not_followed(
    platform: Platform, tmp_path: Path, cut: Callable[..., None], pull: Job
) -> None:
    cut(platform, count=1)
    put(tmp_path / "outside", "secret.png")
    box = platform.workspace.home / "imports/annotations/1"
    box.mkdir(parents=True)
    (box / "ext-label-a_0.png").symlink_to(tmp_path / "outside" / "secret.png")
    job = pull(platform, 1, 1, "20180801")
    assert job.result is not None
    assert (job.result["finished"], job.result["bad"]) == (0, 1)
    assert "leads out" in job.warnings[0].en


def test_linedown__refuses_in_words(platform: Platform, pull: Job) -> None:
    with pytest.raises(NotFoundError, match=r"11\.\.20"):
        pull(platform, 11, 20, "asdsa")
    with pytest.raises(InvalidValueError, match="swap"):
        pull(platform, 20, 11, "asdsa")
    with pytest.raises(InvalidNameError, match="dest"):
        pull(platform, 1, 2, "../x")


def test_push__without_an_outbox_packages_lie_ready(platform: Platform, cut: Job, push: Job) -> None:
    cut(platform)
    job = push(platform, "v1", 2)
    assert job.result is not None
    assert (job.result["place"], job.result["pictures"]) == ("packages/v1/2", 1)
    with pytest.raises(NotFoundError, match="has no package 9"):
        push(platform, "v1", 9)
    with pytest.raises(NotFoundError, match="sad"):
        push(platform, "sad", 9)


def test_push__copies_to_the_outbox_once(settings: Settings, tmp_path: Path, cut: Job, push: Job) -> None:
    values = {"roots": (str(tmp_path / "share"),), "annotation_outbox": str(tmp_path / "share/out")}
    platform = open_platform(settings.model_copy(update=values), upgrade=True)
    cut(platform)
    assert push(platform, "v1", 1).state is JobState.SUCCEEDED
    copy = tmp_path / "share/out/v1/1"
    assert publish.verify(copy) == []
    assert len(list(copy.glob("ext-*.jpg"))) == 3
    again = push(platform, "v1", 1)
    assert again.result is not None
    assert again.result["already"] == 3
    (copy / "manifest.json").write_text("{}")
    job = push(platform, "v1", 1)
    assert (job.state, job.error) == (JobState.FAILED, "conflict")
    platform.database.close()


def test_push__a_package_that_lost_a_file_is_named_and_not_handed_over(settings: Settings, cut: Job, push: Job) -> None:
    opened = open_platform(settings.model_copy(update={"annotation_outbox": "outbox"}), upgrade=True)
    (opened.workspace.home / "outbox").mkdir()
    cut(opened)
    (opened.workspace.home / "packages/v1/1/ext-a_1.jpg").unlink()
    job = push(opened, "v1", 1)
    assert (job.state, job.error) == (JobState.FAILED, "broken_file")
    assert job.reason is not None
    assert job.reason.en.startswith("ext-a_1.jpg of packages/v1/1 is gone")
    assert not list((opened.workspace.home / "outbox").rglob("*.*"))
    opened.database.close()
