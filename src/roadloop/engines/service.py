"""What a caller can do with engines: convert a model, list what was converted. No torch here."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import sqlalchemy as sa

from roadloop.console import parse_size
from roadloop.engines import tensorrt
from roadloop.engines.recipe import Conversion, ConversionRecipe, Convert
from roadloop.errors import InvalidValueError, NameTakenError, NotFoundError, Text
from roadloop.evaluation import service as evaluation
from roadloop.evaluation.calibration import open_calibration
from roadloop.evaluation.pictures import DATASET, open_source
from roadloop.jobs import queue
from roadloop.jobs.claims import Claim
from roadloop.jobs.states import JobState
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.models.engines import engine_file, engine_folder, find_engine
from roadloop.models.files import load_description
from roadloop.networks.trust import trust_of
from roadloop.parameters import NEWEST, stored
from roadloop.storage.database import Write
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform
from roadloop.training import service as training

KIND: Final = "convert"
#: The conversions whose engine is there.
STANDING: Final = sa.and_(jobs.c.kind == KIND, jobs.c.state == JobState.SUCCEEDED.value, jobs.c.error.is_(None))


def convert(platform: Platform, request: Convert) -> Write[str]:
    """Check a conversion.

    Args:
        platform: The installation.
        request: What is asked.

    Returns:
        Writes the job; answers its task id.

    Raises:
        NotFoundError: The model file, a picture folder or a dataset does not exist.
        NameTakenError: There is, or soon will be, such an engine.
        InvalidValueError: No size, int8 without pictures, pictures that are none, or TensorRT is not installed.
        BrokenFileError: A model file without its description.
        UntrustedCodeError: The model's network carries code that nobody has approved here.
        PathOutsideError: A folder lies outside the workspace.
    """
    if request.tensorrt:
        tensorrt.require()
    model = evaluation.find_model(platform, request.source, request.file)
    description = load_description(model.path)
    trust_of(platform).require(description.network.source, model.path)
    calibration, check = _pictures(platform, request, description.task)
    size = parse_size(request.size, "size") if request.size else description.input.size or description.input.crop
    file = engine_file(model.file, request.precision, size)
    recipe = ConversionRecipe(
        **request.part(Conversion),
        source=model.source,
        model=model.file,
        path=platform.workspace.store_path(model.path),
        sha256=description.params_sha256,
        file=file,
        folder=engine_folder(model.source, file),
        size=size,
        calibration=calibration,
        check=check,
    )
    there = platform.workspace.find_path(recipe.folder).exists()
    job = queue.Submission(KIND, recipe.payload(), f"{model.source} · {file}")

    def write(db: sa.Connection) -> str:
        same = jobs.c.payload["folder"].as_string() == recipe.folder
        at_work = db.scalar(sa.select(jobs.c.id).where(jobs.c.kind == KIND, ACTIVE, same))
        if there or at_work:
            raise _taken(recipe, at_work)
        return queue.submit(db, job)

    return write


def converted(platform: Platform) -> dict[str, list[str]]:
    """The newest 1,000 engines, newest first: source -> files, as `/starteva` takes them in `dicts`."""
    found: dict[str, list[str]] = {}
    query = sa.select(jobs.c.payload).where(STANDING).order_by(jobs.c.seq.desc()).limit(NEWEST)
    with platform.database.reading() as db:
        for payload in db.scalars(query):
            found.setdefault(payload["source"], []).append(payload["file"])
    return found


def file_of(platform: Platform, task_id: str) -> Path:
    """The `.onnx` file of the engine that a conversion made.

    Raises:
        NotFoundError: No conversion of that id has an engine.
    """
    with platform.database.reading() as db:
        payload = db.scalar(sa.select(jobs.c.payload).where(STANDING, jobs.c.id == task_id[:80]))
    if payload is None:
        raise NotFoundError(
            Text(
                f"没有 task_id 为 {task_id[:80]!r} 的引擎；/v1/engines 列出全部。",
                f"No engine has the task_id {task_id[:80]!r}; /v1/engines lists them all.",
            ),
            task_id=task_id[:80],
        )
    recipe = stored(ConversionRecipe, payload)
    return find_engine(platform.workspace, recipe.source, recipe.file)


def claims(db: sa.Connection, _workspace: Workspace) -> Iterator[Claim]:
    """The folders of the engines."""
    for row in db.execute(sa.select(jobs.c.id, jobs.c.payload).where(STANDING).order_by(jobs.c.seq)):
        owner = Text(f"引擎 {row.payload['file']}", f"The engine {row.payload['file']}")
        yield Claim(owner, row.payload["folder"], sealed=True, tasks=(row.id,))


def _pictures(platform: Platform, request: Convert, task: str) -> tuple[str, str]:
    """Where the ranges come from, and what is compared, checked; empty where there is neither.

    Raises:
        InvalidValueError: int8 without pictures, or pictures that are none.
    """
    workspace = platform.workspace
    data = training.dataset_of(platform, task) if not (request.calibration and request.check) else ""
    calibration = ""
    if request.precision == "int8":
        calibration = request.calibration or (data and f"{DATASET}{data}/train")
        if not calibration:
            raise InvalidValueError(
                Text(
                    f"int8 需要校准图片：模型的训练任务 {task} 或其数据不在这里，请用 calibration 给出图片目录或 dataset:<名称>/train。",
                    f"int8 needs calibration pictures: the model's training task {task}, or its dataset, is not here. Name a"
                    " picture folder, or dataset:<name>/train, in calibration.",
                ),
                parameter="calibration",
            )
        if not open_calibration(workspace, calibration).any():
            raise _none("calibration", calibration)
    check = request.check
    if check and not open_source(workspace, check, "check").any():
        raise _none("check", check)
    if not check and data and open_source(workspace, f"{DATASET}{data}/val").any():
        check = f"{DATASET}{data}/val"
    return calibration and workspace.store_path(calibration), check and workspace.store_path(check)


def _none(parameter: str, place: str) -> InvalidValueError:
    return InvalidValueError(
        Text(f"{parameter} 的 {place} 中没有图片。", f"{parameter}: {place} holds no pictures."), parameter=parameter
    )


def _taken(recipe: ConversionRecipe, task_id: str | None) -> NameTakenError:
    details: dict[str, Any] = {"parameter": "file"} | ({"task_id": task_id} if task_id else {})
    if task_id:
        return NameTakenError(
            Text(
                f"{recipe.source} 的引擎 {recipe.file} 正在转换（任务 {task_id}）；请等它完成。",
                f"The engine {recipe.file} of {recipe.source} is being converted (job {task_id}); wait for it.",
            ),
            **details,
        )
    return NameTakenError(
        Text(
            f"{recipe.source} 已有引擎 {recipe.file}，未作任何改动；要重新转换请先删除它，或换一个 precision 或 size。",
            f"{recipe.source} has an engine {recipe.file} already; nothing was changed. Delete it first to convert again, or"
            " choose another precision or size.",
        ),
        **details,
    )
