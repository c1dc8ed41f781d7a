"""What the job of a training task runs, and the one that checks whether a team's own network can be trained."""

import functools
import shutil
from collections.abc import Sequence
from pathlib import Path

import torch

from roadloop.errors import BrokenFileError, Text
from roadloop.jobs.context import JobCancelled, Outcome, TaskContext
from roadloop.labels.label_map import LabelMap
from roadloop.models.files import PARAMS, description_path, is_described
from roadloop.models.service import find_weights
from roadloop.networks import trial
from roadloop.networks.folder import CHECKPOINT, NAMES, SOURCE, network_folder
from roadloop.networks.recipe import AddNet
from roadloop.networks.trust import trust_of
from roadloop.storage import publish
from roadloop.training import engine
from roadloop.training.configure import TaskFacts, warnings
from roadloop.training.create import defaults
from roadloop.training.crew import Crew
from roadloop.training.group import Group
from roadloop.training.machines import SeveralMachines, divided
from roadloop.training.measured import TRAIN, settled
from roadloop.training.recipe import TrainingRecipe
from roadloop.training.service import facts_of, read_task
from roadloop.training.work import Work


def train(context: TaskContext) -> Outcome:
    """Train the task of the payload, from its newest good checkpoint on.

    Returns:
        The result: `epochs`, and `best` with epoch, mIoU and model file.

    Raises:
        RoadloopError: A named failure.
        JobCancelled: Somebody asked for the end; a checkpoint has been saved.
    """
    work, facts = load_work(context)
    for folder in (work.checkpoints, work.results, work.metrics.parent, work.tensorboard, work.configuration):
        clear_remains(folder, context.job.token)
    for text in warnings(work.recipe.train, work.recipe.data, facts):
        context.warn(text)
    write_configuration(context, work)
    copy_start_weights(context, work)
    context.reach("train.configured")
    if not train_here(context, work):
        raise JobCancelled
    return Outcome({"epochs": context.memo["epoch"], "best": context.memo.get("best")}, kept=left(work.task))


def left(task: Path) -> list[Path]:
    """What a finished task's folder holds: checkpoints as folders, the rest as files.

    Without logs, and without the tensors of model files, whose sums stand in the descriptions beside them.
    """
    checkpoints = [p.parent for p in task.glob(f"checkpoints/epoch-*/{publish.MANIFEST}")]
    files = [p for p in task.rglob("*") if p.is_file() and not p.name.startswith(".") and p.suffix != ".log"]
    described = {p.with_suffix(PARAMS) for p in task.glob("output/models/*.json")}
    return [*checkpoints, *(p for p in files if p not in described and task / "checkpoints" not in p.parents)]


def add_network(context: TaskContext) -> Outcome:
    """Check the network that stands in a folder, with the settings of its own `train.json`.

    Returns:
        The result: `digest`, `parameters` and `multiply_adds` (for one picture of 480 x 360 and 3 classes).

    Raises:
        InvalidValueError: `train.json` or `data.json` hold what no training takes.
        JobError: The network cannot be trained; says why and what to do.
    """
    folder = network_folder(context.platform.workspace, context.recipe(AddNet).name)
    train, _data = defaults(folder)
    settings = {key: value for key, value in train.network_settings.items() if key != CHECKPOINT}
    context.progress(0, 1, Text("试运行网络", "trying the network"))
    result = trial.run(folder, settings, f"networks/{folder.name}/{SOURCE}", context.check_stop)
    context.log(f"network={folder.name} " + " ".join(f"{key}={value}" for key, value in result.items()))
    return Outcome(result=result)


def load_work(context: TaskContext) -> tuple[Work, TaskFacts]:
    """The task's fixed recipe, and where its parts are.

    Raises:
        UntrustedCodeError: The network's code, as it was when the task was started, may no longer run here.
    """
    platform = context.platform
    task = read_task(platform, context.job.id)
    facts = facts_of(platform, task)
    recipe = TrainingRecipe.model_validate(task.row.recipe)
    trust_of(platform).require(task.row.source, platform.workspace.task(recipe.task) / "conf" / SOURCE)
    base, begin = None, recipe.train.network_settings.get(CHECKPOINT)
    if recipe.data.data_type == "aug":
        base = platform.workspace.dataset(facts.dataset.base_data)
    work = Work(
        recipe=recipe,
        source=task.row.source,
        dataset=platform.workspace.dataset(recipe.dataset.name),
        base_dataset=base,
        task=platform.workspace.task(recipe.task),
        threads=platform.settings.torch_threads,
        loaders=platform.settings.loader_workers,
        max_pixels=platform.settings.max_picture_mpix * 1_000_000,
        decoded_cache_mib=platform.settings.decoded_cache_mib,
        mlflow_url=platform.settings.mlflow_url,
        begin=platform.workspace.find_path(str(begin)) if begin else None,
    )
    return work, facts


def train_here(context: TaskContext, work: Work) -> bool:
    """Train in this process on one device, or with a process for each of several, here or on several machines."""
    cuda, seats = bool(context.gpus), context.job.seats
    if seats:
        sizes = divided(work.recipe.train.cpu_processes, seats)
        machines = functools.partial(SeveralMachines, seats=seats, sizes=sizes, meet=context.meet)
        return Crew(work, sum(sizes), context, cuda=cuda, machines=machines).run()
    size = len(context.gpus) if cuda else work.recipe.train.cpu_processes
    if size > 1:
        return Crew(work, size, context, cuda=cuda).run()
    return engine.run(work, Group(torch.device("cuda", 0) if cuda else torch.device("cpu")), context)


def clear_remains(folder: Path, token: int) -> None:
    """Make the folder, and remove what attempts before `token` left half-done in it."""
    folder.mkdir(parents=True, exist_ok=True)
    for path in publish.scratch_in(folder):
        attempt = publish.attempt_of(path.name)
        if attempt is None or attempt.token < token:
            publish.remove(path)


def write_configuration(context: TaskContext, work: Work) -> None:
    """Leave the recipe, the label map, the network's code and its table of names in the task's folder.

    `recipe.json` is what was asked, `train.json` what repeats it: with what was measured in the place of `auto`.
    """
    folder, recipe = work.configuration, work.recipe
    label_map = LabelMap.from_json(recipe.label_map)
    values = {
        "recipe.json": {"digest": recipe.digest(), **recipe.model_dump(mode="json")},
        TRAIN: settled(recipe.train, work.task).model_dump(mode="json"),
        "data.json": recipe.data.model_dump(mode="json"),
        "label_map.json": label_map.to_maps(),
    }
    moves = [(context.scratch(folder / name), folder / name) for name in (*values, "network.py")]
    for value, (scratch, _target) in zip(values.values(), moves[:-1], strict=True):
        publish.write_json(scratch, value)
    publish.write_text(moves[-1][0], work.source)
    names = network_folder(context.platform.workspace, recipe.network.name) / NAMES
    moves += copied(context, [(names, folder / NAMES)] if names.is_file() else [])
    context.publish(moves)


def copy_start_weights(context: TaskContext, work: Work) -> None:
    """Keep the task's own copy of its start weights, so that every attempt begins from the same bytes.

    Raises:
        NotFoundError: The file is gone.
        BrokenFileError: It is not the one that was chosen.
    """
    target, start = work.start_weights, work.recipe.start_weights
    if target is None or start is None:
        return
    if not target.is_file():
        source = find_weights(context.platform, start.name)
        pairs = [(source, target), (description_path(source), description_path(target))]
        context.publish(copied(context, pairs if is_described(source) else pairs[:1]))
    if publish.sha256_file(target) != start.digest:
        raise BrokenFileError(
            Text(
                f"初始权重 {start.name} 的内容在任务开始后改变了；请恢复该文件，或新建任务。",
                f"The start weights {start.name} have changed since the task was started;"
                " put the file back, or create a new task.",
            ),
            path=str(target),
        )


def copied(context: TaskContext, pairs: Sequence[tuple[Path, Path]]) -> list[tuple[Path, Path]]:
    """Copy files under scratch names; returns what is to be renamed."""
    moves = []
    for source, target in pairs:
        scratch = context.scratch(target)
        scratch.parent.mkdir(parents=True, exist_ok=True)
        with publish.disk_errors(target):
            shutil.copyfile(source, scratch)
        moves.append((scratch, target))
    return moves
