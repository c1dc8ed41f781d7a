"""What an operator sees of a model's code."""

from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from roadloop.errors import BrokenFileError, InvalidValueError, NotFoundError
from roadloop.models import approve, cli
from roadloop.models.files import description_path
from roadloop.networks.folder import TEMPLATES, digest, read_source
from roadloop.storage.platform import Platform

SavePair = Callable[..., Path]


def test_shown__nothing_hides_and_nothing_moves_the_cursor() -> None:
    source = "a = 1  # \x1b[1A\rimport os\r\nb = '\u202e\u200b路'\n\tc\x0c\n"
    assert approve.shown(source) == ["a = 1  # \\x1b[1A\\r", "import os", "b = '\\u202e\\u200b路'", "\tc\\x0c"]


def test_nearest__is_the_one_with_most_lines_in_common() -> None:
    enet = read_source(TEMPLATES / "enet")
    assert approve.nearest(enet + "import os\n", approve.templates()) == "enet"
    assert approve.nearest("import os\nos.system('true')\n", approve.templates()) is None
    lines = [line for line in approve.differences(enet, enet + "import os\n", "enet") if line.startswith(("+", "-"))]
    assert lines == ["--- enet", "+++ -", "+import os"]


def test_carried__of_a_pair_of_its_json_and_of_a_network_py(tmp_path: Path, save_pair: SavePair) -> None:
    path = save_pair(tmp_path)
    code = approve.carried(path)
    assert (code.name, code.digest) == ("c_network", digest(code.source))
    assert approve.carried(description_path(path)) == code
    (tmp_path / "network.py").write_text(code.source)
    alone = approve.carried(tmp_path / "network.py")
    assert (alone.name, alone.source, alone.digest) == (tmp_path.name, code.source, code.digest)
    with pytest.raises(InvalidValueError, match="tensors alone"):
        approve.carried(tmp_path / "x.pth")
    with pytest.raises(NotFoundError):
        approve.carried(tmp_path / "x.params")
    description_path(path).write_text("{}")
    with pytest.raises(BrokenFileError):
        approve.carried(path)


def test_trust_command__shows_differences_and_lists_what_waits(platform: Platform, save_pair: SavePair) -> None:
    source = read_source(TEMPLATES / "enet") + "X = 1\n"
    part = {"name": "edited", "digest": digest(source), "settings": {"width": 0.25}, "source": source}
    path = save_pair(platform.workspace.weights, network=part)
    home = ["--home", str(platform.workspace.home)]

    def run(*arguments: str) -> str:
        return CliRunner().invoke(cli.app, ["trust", *arguments, *home], input="y\n", catch_exceptions=False).output

    assert f"{digest(source)}  weights/{path.name}  not approved" in run("--list")
    said = run(str(path))
    assert "Its differences from the nearest known network, enet" in said
    assert "\n+X = 1\n" in said
    listed = run("--list")
    assert "not approved" not in listed
    assert "approved by" in listed
    assert run("--revoke", digest(source)[:10]).startswith(f"Revoked {digest(source)}")
    shipped = read_source(TEMPLATES / "enet")
    own = save_pair(platform.workspace.weights, "own", network={**part, "digest": digest(shipped), "source": shipped})
    assert "it is the source of the shipped template enet" in run(str(own))
