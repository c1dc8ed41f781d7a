"""Which model files there are, and which can start a training task. Reads folders; no torch here."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import sqlalchemy as sa

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.jobs import queue
from roadloop.jobs.choices import unknown
from roadloop.models.files import PARAMS, START_ENDINGS, ModelFile, description_path, is_described, load_description
from roadloop.networks.folder import NetworkInfo
from roadloop.parameters import NEWEST
from roadloop.storage import search
from roadloop.storage.paths import Workspace, check_name, spoken
from roadloop.storage.platform import Platform

TRAININGS: Final = "jobs:train"  # the list of all training jobs
WEIGHTS: Final = "weights"  # the source name of the files in `weights/`
_NAME: Final = re.compile(r"(?P<prefix>.+)_ep-(?P<epoch>\d{4,9})\.params")


def models_folder(workspace: Workspace, task: str) -> Path:
    """Where a training task's model files stand."""
    return workspace.task(task) / "output" / "models"


def model_files(folder: Path) -> list[Path]:
    """The whole pairs of a folder as their `.params` files, newest epoch first."""
    found = [(match, path) for path in _files(folder, (PARAMS,)) if (match := _NAME.fullmatch(path.name))]
    found.sort(key=lambda pair: (-int(pair[0]["epoch"]), pair[1].name))
    return [path for _, path in found if description_path(path).is_file()]


def list_models(platform: Platform, q: str = "", after: str = "") -> tuple[dict[str, list[str]], str | None]:
    """Model files of the newest 1,000 training tasks, newest task and newest epoch first.

    Args:
        platform: The installation.
        q: Only tasks whose names contain this, whatever its case, and of the newest tasks the files whose names do.
        after: Go on with the tasks older than the one of this name.

    Returns:
        Task name -> names of `.params` and `.json` files by turns; and the task after which to go on, None at the end.

    Raises:
        NotFoundError: There is no training task `after`.
    """
    listed = {}
    wanted = q.strip().casefold()
    tasks, last = _tasks(platform, wanted, after)
    for task in tasks:
        pairs = model_files(models_folder(platform.workspace, task))
        if wanted not in task.casefold():
            pairs = [p for p in pairs if any(wanted in file.name.casefold() for file in (p, description_path(p)))]
        if pairs:
            listed[task] = [path.name for pair in pairs for path in (pair, description_path(pair))]
    return listed, last


def find_model(platform: Platform, source: str, file: str) -> Path:
    """The `.params` file that a task name, or `weights`, and a file name mean.

    Args:
        platform: The installation.
        source: A training task's name, or `weights`.
        file: Name of a `.params` file.

    Raises:
        InvalidNameError: One of the two cannot be a name.
        NotFoundError: There is no such file.
    """
    return _find(platform, source, file, (PARAMS,))


def find_weights(platform: Platform, name: str) -> Path:
    """The start weights that `/weights` lists under a name: `<file>` or `<task>/<file>`.

    Raises:
        InvalidNameError: A part of it cannot be a name.
        NotFoundError: There is no such file.
    """
    task, slash, file = name.rpartition("/")
    return _find(platform, task, file, (PARAMS,)) if slash else _find(platform, WEIGHTS, file, START_ENDINGS)


def _find(platform: Platform, source: str, file: str, endings: tuple[str, ...]) -> Path:
    workspace = platform.workspace
    check_name(source, "dicts")
    folder = workspace.weights if source == WEIGHTS else models_folder(workspace, source)
    path = workspace.entry(folder, file, "dicts")
    workspace.follow(description_path(path))
    if path.suffix not in endings or not path.is_file():
        known = [p.name for p in model_files(folder)[:5]]
        raise NotFoundError(
            Text(
                f"{source} 没有模型文件 {file}；最新的有：{'、'.join(known) or '无'}。",
                f"{source} has no model file {file}; the newest are: {', '.join(known) or 'none'}.",
            ),
            source=source,
            file=file,
        )
    return path


def compatible_weights(
    platform: Platform, network: NetworkInfo, num_classes: int | None = None, *, leave_out: str = "", q: str = ""
) -> list[str]:
    """Names of the files in `weights/` and of the newest 1,000 tasks, the most fitting first, then newest first.

    A name is what `/starttask` takes: `<file>`, or `<task>/<file>` for another task's result.

    First come those of the same network code and number of classes, then of the same code, then of a network with
    the same name; then the rest, which may still share some tensors.

    Args:
        platform: The installation.
        network: The task's network.
        num_classes: The task's number of outputs, when it is known.
        leave_out: Name of the task itself.
        q: Only files and tasks whose names contain this, whatever its case, of whatever age.
    """
    wanted = q.strip().casefold()
    found = [one for one in _candidates(platform, leave_out, wanted) if wanted in one[0].casefold()]
    return [name for name, record in sorted(found, key=lambda one: _rank(one[1], network, num_classes))]


def _rank(record: ModelFile | None, network: NetworkInfo, num_classes: int | None) -> int:
    if record is None:
        return 4
    if record.network.digest == network.digest:
        return 0 if record.num_classes == num_classes else 1
    return 2 if record.network.name == network.name else 3


def _candidates(platform: Platform, leave_out: str, wanted: str) -> Iterator[tuple[str, ModelFile | None]]:
    holds = platform.workspace.holds
    for path in sorted(p for p in _files(platform.workspace.weights, START_ENDINGS) if holds(p.resolve())):
        yield spoken(path.name), _describe(path)
    for task in _tasks(platform, wanted)[0]:
        if task == leave_out:
            continue
        pairs = model_files(models_folder(platform.workspace, task))
        record = _describe(pairs[0]) if pairs else None  # a task has one network
        for path in pairs:
            yield f"{task}/{path.name}", record


def _describe(path: Path) -> ModelFile | None:
    try:
        return load_description(path) if is_described(path) else None
    except (NotFoundError, BrokenFileError):
        return None


def _files(folder: Path, endings: tuple[str, ...]) -> list[Path]:
    if not folder.is_dir():
        return []
    return [p for p in folder.iterdir() if p.suffix in endings and not p.name.startswith(".") and p.is_file()]


def _tasks(platform: Platform, wanted: str, after: str = "") -> tuple[list[str], str | None]:
    """Names of the newest 1,000 training tasks, and of so many older ones with `wanted` in their names.

    Where these are all that there are, the folders that no job knows follow; else the name after which to go on is told.
    """
    with platform.database.reading() as db:
        below = _seq(db, after) if after else search.ANY
        seqs = _trainings(db, below)
        found = search.find(db, TRAININGS, wanted, NEWEST, below=below) if wanted else []
        newest = _titles(db, seqs)
        titles = _titles(db, [*{*seqs, *found}]) if found else newest
        last = len(seqs) < NEWEST
        known = set(titles) if last and not after else set(_titles(db, None)) if last else set()
    tasks = platform.workspace.tasks
    folders = sorted(spoken(p.name) for p in tasks.iterdir() if p.is_dir()) if last and tasks.is_dir() else []
    names = list(dict.fromkeys([*titles, *(name for name in folders if name not in known)]))
    return names, None if last else newest[-1]


def _trainings(db: sa.Connection, below: int) -> list[int]:
    newest = sa.select(queue.jobs.c.seq).where(queue.jobs.c.kind == "train", queue.jobs.c.seq < below)
    return list(db.scalars(newest.order_by(queue.jobs.c.seq.desc()).limit(NEWEST)))


def _titles(db: sa.Connection, seqs: list[int] | None) -> list[str]:
    """Names of trainings, newest first; of all of them with None."""
    query = sa.select(queue.jobs.c.title).where(queue.jobs.c.kind == "train").order_by(queue.jobs.c.seq.desc())
    return list(db.scalars(query if seqs is None else query.where(queue.jobs.c.seq.in_(seqs))))


def _seq(db: sa.Connection, name: str) -> int:
    """The number of the newest training job of that name."""
    for seq in search.find(db, TRAININGS, name):
        if db.scalar(sa.select(queue.jobs.c.title).where(queue.jobs.c.seq == seq)) == name:
            return seq
    raise unknown(name)
