"""What a tour shows while it runs: one line for each step, with a bar, what it does and the time left."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Column

from roadloop.errors import Language, Text


@dataclass(frozen=True)
class Done:
    """A finished step.

    Attributes:
        title: What was done.
        path: The endpoint that did it.
        name: What came of it.
        result: In words.
        seconds: How long it took.
    """

    title: Text
    path: str
    name: str
    result: Text
    seconds: float


class Line:
    """One step on the stage."""

    def __init__(self, progress: Progress, task: TaskID, language: Language) -> None:
        self.result = Text("", "")
        self._progress = progress
        self._task = task
        self._language: Language = language

    def count(self, done: int, total: int) -> None:
        """So many of so many are done."""
        self._progress.update(self._task, completed=done, total=total, detail=f"{done}/{total}")

    def job(self, row: dict[str, Any], detail: str) -> None:
        """A job's row, and what its log says just now."""
        words = [detail or row.get("note") or ""]
        if row["state"] == "queued":
            words.append(row.get("reason") or "")
        if row.get("eta_seconds") is not None and row["state"] == "running":
            left = Text("剩余", "left").pick(self._language)
            words.append(f"{left} {float(row['eta_seconds']):.0f} s")
        text = "  ".join(word for word in words if word)
        self._progress.update(self._task, completed=float(row["progress"]), total=1.0, detail=text)

    def wait(self, text: Text) -> None:
        """Busy for an unknown time."""
        self._progress.update(self._task, total=None, detail=text.pick(self._language))

    def done(self, result: Text) -> None:
        """The step's result, in words."""
        self.result = result
        self._progress.update(self._task, completed=1.0, total=1.0, detail=result.pick(self._language))


class Stage:
    """Shows the steps and keeps their times.

    Args:
        console: Where.
        language: Of the words.
    """

    def __init__(self, console: Console, language: Language) -> None:
        self.console = console
        self.language: Language = language
        self.steps: list[Done] = []

    @contextmanager
    def step(self, title: Text, path: str, name: str) -> Iterator[Line]:
        """Show one step while the block runs."""
        begun = time.monotonic()
        columns = (
            TextColumn("{task.description}", table_column=Column(width=16, no_wrap=True)),
            TextColumn("[cyan]{task.fields[path]}", table_column=Column(width=12, no_wrap=True)),
            BarColumn(bar_width=16),
            TimeElapsedColumn(),
            TextColumn("{task.fields[detail]}", table_column=Column(ratio=1, no_wrap=True)),
        )
        with Progress(*columns, console=self.console, expand=True) as progress:
            label = title.pick(self.language)
            task = progress.add_task(label, total=None, path=path, detail=name)
            line = Line(progress, task, self.language)
            yield line
        self.steps.append(Done(title, path, name, line.result, time.monotonic() - begun))
