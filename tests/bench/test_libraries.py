"""Libraries as opponents run in a process of their own: what they say, and what becomes of one that cannot run."""

import json
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks import scripts
from benchmarks.__main__ import app
from benchmarks.contest import Lap
from benchmarks.libraries import LIBRARIES, OpponentError, Steps, ask, interpreter, invited, reason
from roadloop.errors import InvalidValueError

STEPS = Steps(6, 4, 32, 48, 13)
STAND_IN = """
import json, sys
from pathlib import Path
assert sys.argv[1] == "--json"
steps, batch, *rest = map(int, sys.argv[2:])
with Path(__file__).with_suffix(".calls").open("a") as calls:
    print(steps, batch, *rest, file=calls)
print("{'loss': '2.5'}")  # libraries talk
print(json.dumps({"pictures": (steps - 1) * batch, "wall_seconds": 8.0, "cpu_seconds": 4.0, "parameters": 1234567,
                  "notes": ["it stands in"]}))
print()
"""
Write = Callable[[str, str], Path]


@pytest.fixture
def write(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Write:
    """Puts scripts in the place of the checkout's."""
    monkeypatch.setattr(scripts, "FOLDER", tmp_path)

    def put(name: str, text: str) -> Path:
        path = tmp_path / f"{name}.py"
        path.write_text(text)
        return path

    return put


def test_invited__tries_two_steps_then_takes_its_turns(write: Write) -> None:
    path = write("hf_trainer", STAND_IN)
    opponents = invited("segformer", sys.executable, STEPS, 7654321)
    (contender,) = opponents.contenders
    assert contender.name == "Hugging Face's Trainer"
    assert contender.run() == Lap(20, 8.0, 4.0)
    assert path.with_suffix(".calls").read_text() == "2 4 32 48 13\n6 4 32 48 13\n"
    assert opponents.notes == [
        "Hugging Face's Trainer: it stands in",
        "Hugging Face's Trainer: 1,234,567 parameters, roadloop's network has 7,654,321",
    ]


def test_invited__a_missing_package_is_named_in_a_note(write: Write) -> None:
    write("mmseg_train", "import sys, no_such_library_at_all")
    opponents = invited("fast-scnn", sys.executable, STEPS, 1)
    assert opponents.contenders == []
    (note,) = opponents.notes
    assert note.startswith("mmsegmentation did not take part: ")
    assert "ModuleNotFoundError: No module named 'no_such_library_at_all'" in note
    assert LIBRARIES["fast-scnn"].needs in note


def test_invited__no_library_has_every_network(write: Write) -> None:
    opponents = invited("enet", sys.executable, STEPS, 1)  # no script is there, and none is called
    assert opponents.contenders == []
    assert all(f"--network {name}" in opponents.notes[0] for name in LIBRARIES)


@pytest.mark.parametrize("network", sorted(LIBRARIES))
def test_libraries__their_scripts_are_in_the_checkout(network: str) -> None:
    assert Path(scripts.script(LIBRARIES[network].script)).is_file()


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import sys; print('{}'); sys.exit('no GPU\\nat all')", "ended with 1: at all"),
        ("import os; os.kill(os.getpid(), 9)", "ended with -9: it gave no reason"),
        ("print('all done')", "last line is no answer: 'all done'"),
        ("pass", "last line is no answer: ''"),
        ("print('{\"pictures\": 4}')", "last line is no answer"),
    ],
)
def test_ask__what_went_wrong(program: str, said: str) -> None:
    with pytest.raises(OpponentError) as caught:
        ask([sys.executable, "-c", program])
    assert said in caught.value.text.en
    assert caught.value.text.zh != caught.value.text.en


def test_ask__a_file_that_is_no_program(tmp_path: Path) -> None:
    broken = tmp_path / "python"
    broken.write_bytes(b"\0\1\2\3")
    broken.chmod(0o755)
    with pytest.raises(OpponentError, match="does not start"):
        ask([str(broken)])


def test_reason__is_the_line_that_names_the_error() -> None:
    several = "Traceback (most recent call last):\n  File x\npkg.sub.OddError: first\nsecond line\n"
    assert reason(several) == "pkg.sub.OddError: first"
    assert reason("a warning\n\nKilled\n") == "Killed"
    assert reason("") == ""


def test_interpreter__is_a_program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert interpreter(None) == sys.executable
    link = tmp_path / "python-of-others"
    link.symlink_to(sys.executable)  # as in a virtual environment, which is found beside the link
    assert interpreter(link) == str(link)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert interpreter(Path(link.name)) == str(link)
    for none in (tmp_path, tmp_path / "nothing"):
        with pytest.raises(InvalidValueError, match="is no program"):
            interpreter(none)


@pytest.mark.slow
def test_bench_train__a_library_is_the_third_side(write: Write) -> None:
    write("mmseg_train", STAND_IN)
    arguments = ["--pictures", "8", "--size", "96x64", "--rounds", "1", "--steps", "3", "--network", "fast-scnn"]
    done = CliRunner().invoke(
        app, ["train", *arguments, "--opponents-python", sys.executable, "--json"], catch_exceptions=False
    )
    found = json.loads(done.stdout.splitlines()[-1])
    assert [row["name"] for row in found["rows"]] == ["roadloop", "plain loop", "mmsegmentation"]
    ours, _, theirs = found["rows"]
    assert (theirs["items"], theirs["wall_seconds"], theirs["cpu_seconds"]) == (12, [8.0], [4.0])  # of four steps
    assert theirs["wall_ratio"] == pytest.approx((8.0 / 12) / (ours["wall_seconds"][0] / ours["items"]))
    assert "mmsegmentation: it stands in" in found["notes"]
