"""Imports that somebody carries out on the command line, in this process: the same steps as the job's."""

import os
import uuid
from datetime import datetime
from pathlib import Path
from typing import Final

from rich.progress import Progress

from roadloop.errors import JobError, NameTakenError, NotFoundError, Text
from roadloop.sources.bringing import Brought, bring, foresee, judge, write_report
from roadloop.sources.offimport import check_idle, check_origin, prepare
from roadloop.sources.recipe import ImportRecipe
from roadloop.storage import publish
from roadloop.storage.objects import is_object
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform


class Terminal:
    """Shows an import on a progress bar and keeps its warnings; a `Work`.

    Args:
        bar: Where progress is shown.
        title: What it is called there.
    """

    def __init__(self, bar: Progress, title: str) -> None:
        self.warnings: Final[list[Text]] = []
        self._bar: Final = bar
        self._task: Final = bar.add_task(title, total=None)
        self._mark: Final = uuid.uuid4().hex[:8]
        self._scratch: Final[set[Path]] = set()

    def log(self, line: str) -> None:
        """There is no log: the report has all of it."""

    def warn(self, text: Text) -> None:
        """Keep a warning, once."""
        if text not in self.warnings:
            self.warnings.append(text)

    def progress(self, done: float, total: float, note: Text | None = None) -> None:  # noqa: ARG002 - one kind of work
        """Move the bar."""
        self._bar.update(self._task, completed=done, total=total)

    def check_stop(self) -> None:
        """Ctrl-C is how it is stopped."""

    def reach(self, point: str) -> None:
        """No test stops here."""

    def scratch(self, target: Path) -> Path:
        """A path beside `target` that belongs to this import alone."""
        target.parent.mkdir(parents=True, exist_ok=True)
        path = target.parent / publish.hidden_name(target.name, self._mark)
        self._scratch.add(path)
        return path

    def drop_scratch(self) -> None:
        """Remove what has not become visible."""
        for path in self._scratch:
            publish.remove(path)


def import_here(platform: Platform, request: ImportRecipe, terminal: Terminal) -> tuple[Brought, Path]:
    """Import a folder.

    Args:
        platform: The installation.
        request: `src` is an absolute path, or a place in an object store.
        terminal: Shows it.

    Returns:
        What was brought, and the report's path.

    Raises:
        JobError, ConflictError, LabelMapError: As the job; where a report was written, the text names it.
        NameTakenError: The set came from elsewhere, or an import into it goes on.
        DiskFullError: No space is left; nothing was changed.
    """
    workspace, recipe = _planned(platform, request)
    target = workspace.sources / recipe.dest
    report = workspace.logs / f"import-{datetime.now().astimezone():%Y%m%d-%H%M%S}-{os.getpid()}.report.csv"
    grows = target.exists()
    try:
        brought = bring(terminal, workspace, recipe, _max_pixels(platform))
        publish.move(*write_report(terminal, brought.report, report))
        error = judge(terminal, brought.report)
        if error is not None:
            raise JobError(Text(f"{error.text.zh}；报告：{report}", f"{error.text.en}; the report: {report}"))
        if target.exists() and not grows:
            raise NameTakenError(
                Text(f"源数据 {recipe.dest} 已由别人建立", f"Somebody else has made the source set {recipe.dest}")
            )
        for move in brought.moves:
            publish.move(*move)
    finally:
        terminal.drop_scratch()
    return brought, report


def foresee_here(platform: Platform, request: ImportRecipe, terminal: Terminal) -> Brought:
    """Say what an import would do; nothing is written.

    Raises:
        JobError, ConflictError, LabelMapError, NameTakenError: As `import_here`.
    """
    workspace, recipe = _planned(platform, request)
    return foresee(terminal, workspace, recipe, _max_pixels(platform))


def _planned(platform: Platform, request: ImportRecipe) -> tuple[Workspace, ImportRecipe]:
    """The workspace and the checked import. Who may use the command line may copy from any folder that he can read."""
    settings = platform.settings
    if not (is_object(request.src) or Path(request.src).exists() or (settings.home / request.src).exists()):
        raise NotFoundError(Text(f"没有目录 {request.src}", f"There is no folder {request.src}"), parameter="src")
    given = (f"{request.src}:ro",) if request.mode == "copy" else ()
    workspace = Workspace(settings.home, (*settings.roots, *given))
    recipe = prepare(workspace, request)
    check_origin(workspace, recipe)
    with platform.database.reading() as db:
        check_idle(db, recipe.dest)
    return workspace, recipe


def _max_pixels(platform: Platform) -> int:
    return platform.settings.max_picture_mpix * 1_000_000
