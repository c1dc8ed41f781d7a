"""What every command has in common."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main
from typer.testing import CliRunner

from roadloop.cli.main import app
from roadloop.errors import NotFoundError

MAKING = {"serve", "migrate", "demo", "restore"}  # commands that make a workspace
#: What the others need besides `--home`; the file and the folder are there.
NEEDED = {
    "audit export": [],
    "audit verify": [],
    "export": ["FILE"],
    "export-set": ["镇", "--layout", "coco", "--out", "out"],
    "fsck": [],
    "backup": ["backups"],
    "health": ["镇"],
    "import": ["FOLDER", "--name", "镇"],
    "networks": ["--no-speed"],
    "networks add": ["FOLDER"],
    "notices": [],
    "rehearse": [],
    "selection": ["0" * 32],
    "status": [],
    "sweep": ["s", "--data", "d", "--network", "n", "--try", "batch_size=4,8"],
    "tidy": [],
    "token add": ["program", "--user", "li"],
    "token list": [],
    "token revoke": ["1"],
    "train preview": ["t"],
    "user add": ["li", "--stdin"],
    "user disable": ["li"],
    "user list": [],
    "user passwd": ["li", "--stdin"],
    "user role": ["li", "viewer"],
    "user unlink": ["li"],
    "weights import": ["FILE", "--name", "x"],
    "weights trust": ["--list"],
}


def with_home(command: Any, name: str = "") -> Iterator[str]:
    """The commands that take `--home`, by their words."""
    if any("--home" in parameter.opts for parameter in command.params):
        yield name
    for word, inner in getattr(command, "commands", {}).items():
        yield from with_home(inner, f"{name} {word}".strip())


def test_home__every_command_that_takes_one_is_here() -> None:
    assert sorted(with_home(typer.main.get_command(app))) == sorted(NEEDED.keys() | MAKING)


@pytest.mark.parametrize("name", NEEDED)
def test_home__a_folder_that_is_no_workspace_is_refused_and_left_alone(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for place in (tmp_path / "nowhere", tmp_path / "other"):
        (tmp_path / "other").mkdir(exist_ok=True)
        (tmp_path / "other" / "network.py").write_text("")
        (tmp_path / "x.params").write_bytes(b"x")
        before = sorted(tmp_path.rglob("*"))
        given = [{"FILE": "x.params", "FOLDER": "other"}.get(word, word) for word in NEEDED[name]]
        with pytest.raises(NotFoundError, match="is no workspace of roadloop"):
            CliRunner().invoke(app, [*name.split(), *given, "--home", str(place)], catch_exceptions=False)
        assert sorted(tmp_path.rglob("*")) == before
