"""The file of targets: what is understood, and what is said of the rest."""

from pathlib import Path

import pytest

from roadloop.errors import InvalidValueError
from roadloop.jobs.registry import TASKS
from roadloop.notices.targets import Target, read_targets
from roadloop.notices.words import GROUPS, KINDS

GOOD = """
[[target]]
name = "张工"
form = "feishu"
url = "https://open.example.com/hook/planted-key"
secret = "planted-secret"
hear = ["failed", "packages:succeeded"]

[[target]]
name = "dashboard"
form = "json"
url = "http://10.0.0.7:9000/roadloop"
private = true
language = "en"
page = "https://roadloop.example.com"
"""


def written(path: Path, text: str) -> str:
    file = path / "notices.toml"
    file.write_text(text)
    return str(file)


def test_targets__are_read_with_what_is_usual(tmp_path: Path) -> None:
    robot, program = read_targets(written(tmp_path, GOOD))
    assert (robot.name, robot.form, robot.host, robot.language, robot.private) == (
        "张工", "feishu", "open.example.com", "zh", False,
    )  # fmt: skip
    assert (program.hear, program.private) == (("failed", "release:succeeded"), True)
    assert "planted" not in repr(robot)
    assert read_targets("") == ()
    assert read_targets(written(tmp_path, "")) == ()


@pytest.mark.parametrize(
    ("before", "after", "says"),
    [
        ('form = "feishu"', 'form = "fax"', "form"),
        ("https://open.example.com/hook/", "ftp://planted-secret@x/", "url"),
        ("https://open.example.com/hook/", "http:///", "url"),
        ("https://open.example.com/hook/planted-key", "http://x:99999/", "url"),
        ('"failed", ', '"planted-secret", ', "hear"),
        ('"packages:succeeded"', '"packages:soon"', "hear"),
        ('name = "张工"', 'name = ""', "name"),
        ('name = "张工"', "name = 3", "name"),
        ('name = "张工"', 'who = "planted-secret"', "name, who"),
        ('name = "张工"', 'name = "dashboard"', "dashboard"),
        ("private = true", 'private = "planted-secret"', "number 2 private"),
        ("[[target]]\nname", "[[targets]]\nname", "targets"),
        ('secret = "planted-secret"', "secret = planted-secret", "TOML"),
    ],
)
def test_targets__that_are_wrong_are_named_without_their_secrets(
    tmp_path: Path, before: str, after: str, says: str
) -> None:
    assert before in GOOD
    file = written(tmp_path, GOOD.replace(before, after, 1))
    with pytest.raises(InvalidValueError) as refused:
        read_targets(file)
    for text in refused.value.text:
        assert file in text
        assert "planted" not in text.replace(file, "")
    assert says in refused.value.text.en


def test_targets__a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(InvalidValueError, match="ROADLOOP_NOTICES"):
            read_targets(str(path))


@pytest.mark.parametrize(
    ("hear", "kind", "state", "told"),
    [
        ("failed", "train", "failed", True),
        ("failed", "train", "succeeded", False),
        ("train", "train", "running", True),
        ("train", "evaluate", "running", False),
        ("train:failed", "train", "failed", True),
        ("train:failed", "train", "lost", False),
        ("packages", "task_divide", "succeeded", True),
        ("packages:failed", "process_label", "failed", True),
        ("packages:failed", "train", "failed", False),
        ("*", "rehearsal", "cancelled", True),
        ("*:lost", "train", "lost", True),
        ("train:*", "train", "cancelled", True),
        ("*", "train", "queued", False),
        ("train", "train", "created", False),
    ],
)
def test_hear__means_what_it_says(hear: str, kind: str, state: str, told: bool) -> None:
    target = Target.model_validate({"name": "x", "form": "json", "url": "http://x/", "hear": [hear]})
    assert target.hears(kind, state) is told


def test_words__name_every_kind_of_job() -> None:
    assert set(KINDS) == set(TASKS)
    assert set().union(*GROUPS.values()) <= set(KINDS)
