"""Which model files a request means: `{source: [files]}` read against the workspace.

A source is a training task's name, `weights`, or a release `<category>/<version>`. A release holds its pairs in a
folder for each environment and place, so its files are named `<env>-<adcode>/<file>`; the file alone will do while
its bundles do not differ in it.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.models import service as models
from roadloop.models.engines import ONNX, find_engine, is_engine
from roadloop.models.files import PARAMS, load_description
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import Platform


class ModelChoice(NamedTuple):
    """One chosen model file: what the request called it, and where it is."""

    source: str
    file: str
    path: Path


def choose_models(platform: Platform, dicts: Mapping[str, Any]) -> list[ModelChoice]:
    """The model files, and engines, that `dicts` names, each once, in the order of the request.

    A `.json` stands for the `.params` of the same name, so that both may be listed.

    Raises:
        InvalidValueError: Nothing is named, or something that is no list of model files.
        NotFoundError: A source or a file does not exist; says which there are.
    """
    chosen: dict[tuple[str, str], ModelChoice] = {}
    for source, files in dicts.items():
        for file in _file_names(source, files):
            if is_engine(file):
                choice = ModelChoice(source, file, find_engine(platform.workspace, source, file))
            else:
                choice = find_model(platform, source, str(Path(file).with_suffix(PARAMS)))
            chosen.setdefault((choice.source, choice.file), choice)
    if not chosen:
        raise _invalid("没有选择模型文件", "no model file is chosen")
    return list(chosen.values())


def find_model(platform: Platform, source: str, file: str) -> ModelChoice:
    """One model file.

    Args:
        platform: The installation.
        source: Training task, `weights`, or `<category>/<version>`.
        file: Name of the `.params`; in a release also `<env>-<adcode>/<name>`.

    Raises:
        NotFoundError: The source or the file does not exist.
        InvalidNameError: One of them cannot be a name.
        InvalidValueError: Several bundles of a release have different files of that name.
    """
    if "/" not in source:
        return ModelChoice(source, file, models.find_model(platform, source, file))
    category, _, version = source.partition("/")
    names = [check_name(name, "dicts") for name in (category, version, *file.split("/"))]
    return _find_released(platform.workspace, "/".join(names[:2]), "/".join(names[2:]))


def _find_released(workspace: Workspace, source: str, wanted: str) -> ModelChoice:
    folder = workspace.models / source
    if not folder.is_dir():
        raise NotFoundError(
            Text(
                f"没有发布版本 {source}；/release_tab 列出已发布的模型。",
                f"There is no release {source}; /release_tab lists what is published.",
            ),
            source=source,
        )
    present = {p.relative_to(folder).as_posix(): p for p in sorted(folder.glob(f"*/*{PARAMS}"))}
    found = [p for p in present if p == wanted or p.endswith(f"/{wanted}")]
    if not found:
        there = ", ".join(list(present)[-20:]) or "-"
        raise NotFoundError(
            Text(
                f"{source} 中没有模型文件 {wanted}；有：{there}。",
                f"{source} has no model file {wanted}; it has: {there}.",
            ),
            source=source,
            file=wanted,
        )
    if len({load_description(present[p]).params_sha256 for p in found}) > 1:
        raise _invalid(f"{source} 中有多个 {wanted}：{found}，请写全", f"{source} has {found}: name one of them")
    return ModelChoice(source, found[0], present[found[0]])


def _file_names(source: str, files: Any) -> list[str]:
    names = [files] if isinstance(files, str) else files
    good = isinstance(names, list) and all(isinstance(n, str) and n.endswith((PARAMS, ".json", ONNX)) for n in names)
    if not good:
        raise _invalid(
            f"{source} 的值应为模型文件名列表（.params、.json，或引擎 .onnx）",
            f"{source}: a list of model files (.params), or of engines (.onnx), is needed",
        )
    return list(names)


def _invalid(zh: str, en: str) -> InvalidValueError:
    return InvalidValueError(
        Text(f"dicts：{zh}；应为 {{任务名: [模型文件]}}。", f"dicts: {en}; it should be {{task name: [model files]}}."),
        parameter="dicts",
    )
