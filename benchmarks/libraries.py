"""Training libraries as opponents: each runs its script in a process of its own, by an interpreter that may be another.

A library may need packages that do not go with roadloop's. So roadloop imports none: it calls
`python opponents/<script>.py --json STEPS BATCH HEIGHT WIDTH CLASSES`, and the last line that the script prints is an
`Answer`. A library that cannot run is named in a note, with the reason that its process gave.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, NamedTuple

from pydantic import BaseModel, ConfigDict, ValidationError

from benchmarks.contest import Contender, Lap
from benchmarks.scripts import script
from roadloop.errors import InvalidValueError, RoadloopError, Text

ERROR_LINE: Final = re.compile(r"[A-Za-z_][\w.]*(Error|Exception|Interrupt|Exit)\b")


class OpponentError(RoadloopError):
    """An opponent's process did not end well, or did not say what it took."""

    code = "opponent_failed"


class Steps(NamedTuple):
    """What a library is to do, in the order of its script's arguments."""

    steps: int
    batch_size: int
    height: int
    width: int
    classes: int


class Answer(BaseModel):
    """What a script says of its steps, the first left out."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    pictures: int
    wall_seconds: float
    cpu_seconds: float
    parameters: int
    notes: tuple[str, ...]


@dataclass(frozen=True)
class Library:
    """A library that can train one of roadloop's networks.

    Attributes:
        name: As it is shown.
        script: Of `opponents/`, without its ending.
        needs: Packages, in words.
    """

    name: str
    script: str
    needs: str

    def run(self, python: str, steps: Steps) -> Answer:
        """Train once in a process of `python`.

        Raises:
            OpponentError: The process failed, with the reason that it gave.
        """
        return ask([python, script(self.script), "--json", *map(str, steps)])


#: By the network that the library trains as well.
LIBRARIES: Final = {
    "segformer": Library("Hugging Face's Trainer", "hf_trainer", "transformers and accelerate"),
    "fast-scnn": Library("mmsegmentation", "mmseg_train", "mmsegmentation, mmengine and mmcv or mmcv-lite"),
}


@dataclass
class Opponents:
    """The libraries that take part in a contest.

    Attributes:
        contenders: One for each that ran two steps.
        notes: What they do otherwise than roadloop, and why one does not take part.
    """

    contenders: list[Contender] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def invited(network: str, python: str, steps: Steps, parameters: int) -> Opponents:
    """Try two steps of the library that trains `network`, if there is one.

    Args:
        network: Name of the template.
        python: Interpreter that has the library.
        steps: What it does in each round.
        parameters: Of roadloop's network.
    """
    library = LIBRARIES.get(network)
    if library is None:
        others = ", ".join(f"{other.name} with --network {name}" for name, other in LIBRARIES.items())
        return Opponents(notes=[f"no library takes part with {network}: {others}"])
    try:
        first = library.run(python, steps._replace(steps=2))
    except OpponentError as error:
        why = f"{error}. It needs {library.needs}, here or in --opponents-python (benchmarks/README.md)"
        return Opponents(notes=[f"{library.name} did not take part: {why}"])

    def run() -> Lap:
        answer = library.run(python, steps)
        return Lap(answer.pictures, answer.wall_seconds, answer.cpu_seconds)

    size = f"{first.parameters:,} parameters, roadloop's network has {parameters:,}"
    return Opponents([Contender(library.name, run)], [f"{library.name}: {said}" for said in (*first.notes, size)])


def interpreter(python: Path | None) -> str:
    """The program that runs opponents, this one's interpreter for None; a name is looked up in PATH, and links of a virtual environment stay links.

    Raises:
        InvalidValueError: There is no such program.
    """
    if python is None:
        return sys.executable
    found = shutil.which(str(python))
    if found is None:
        raise InvalidValueError(
            Text(
                f"--opponents-python {python} 不是可执行的 Python；请给出如 venv/bin/python 的路径。",
                f"--opponents-python {python} is no program; give a path such as venv/bin/python.",
            ),
            parameter="opponents-python",
        )
    return found


def ask(command: Sequence[str]) -> Answer:
    """Run a script and read its answer.

    Raises:
        OpponentError: It could not be started, failed, or its last line is no answer.
    """
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, check=False)
    except OSError as error:
        raise _failed(f"{command[0]} 无法启动：{error}", f"{command[0]} does not start: {error}") from error
    if done.returncode:
        why = reason(done.stderr.decode(errors="replace"))
        raise _failed(
            f"进程以 {done.returncode} 结束：{why or '没有说明原因'}",
            f"its process ended with {done.returncode}: {why or 'it gave no reason'}",
        )
    lines = done.stdout.decode(errors="replace").split("\n")
    last = next((line for line in reversed(lines) if line.strip()), "")
    try:
        return Answer.model_validate_json(last)
    except ValidationError as error:
        raise _failed(f"最后一行不是结果：{last[:200]!r}", f"its last line is no answer: {last[:200]!r}") from error


def reason(stderr: str) -> str:
    """The line of a traceback that names the error, or whatever was said last."""
    lines = [line.rstrip() for line in stderr.splitlines() if line.strip()]
    named = [line for line in lines if ERROR_LINE.match(line)]
    return (named or lines or [""])[-1][:300]


def _failed(zh: str, en: str) -> OpponentError:
    return OpponentError(Text(zh, en))
