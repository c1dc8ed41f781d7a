"""The page TensorRT, and 置信度 of the page 模型: converted models, their evaluation, how sure a model is of each class."""

import re
from collections.abc import Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand, same, unused
from roadloop.clients.models import each_file, evaluated, only_first, sources
from roadloop.clients.shapes import MOST_ROWS, all_rows, need_ticked, started
from roadloop.engines import tensorrt
from roadloop.errors import ConflictError, NotFoundError, Text, many
from roadloop.models.engines import is_engine
from roadloop.models.files import PARAMS

_PAGE: Final = 1000
_MOST_PICTURES: Final = 2000  #: that a conversion looks at to find the ranges of int8


def _models(ask: Ask, sent: Sent) -> Reply:
    """The models, from which engines are made, and the engines of each."""
    found = {name: list(files) for name, files in ask("GET /model")["data"].items()}
    for row in all_rows(ask, "GET /v1/engines", {"state": "succeeded"}):
        found.setdefault(row["source"], []).insert(0, row["file"])
    return {"data": only_first(sent, found)}


def _convert(ask: Ask, sent: Sent, _values: dict[str, Any]) -> Mapping[str, Any]:
    need_ticked(sent)
    ticked = [(source, file) for source, file in each_file(sources(ask, sent["dicts"])) if file.endswith(PARAMS)]
    if len(ticked) != 1:
        raise ConflictError(
            Text(
                f"勾选了 {len(ticked)} 个 {PARAMS} 文件，没有开始转换；请只勾选一个。",
                f"{many(len(ticked), f'file {PARAMS} is', f'files {PARAMS} are')} ticked, and nothing was converted; tick exactly one.",
            ),
            parameter="dicts",
        )
    if sent.get("fp16") and sent.get("int8"):
        raise ConflictError(
            Text(
                "fp16 与 int8 只能勾选一个，没有开始转换；两种都要时请分两次转换。",
                "Tick fp16 or int8, not both; nothing was converted. For both, convert twice.",
            ),
            parameter="int8",
        )
    source, file = ticked[0]
    precision = "int8" if sent.get("int8") else "fp16" if sent.get("fp16") else "fp32"
    values: dict[str, Any] = {
        "source": source,
        "file": file,
        "size": _size(str(sent.get("shape", ""))),
        "precision": precision,
        "tensorrt": tensorrt.installed(),
    }
    if precision == "int8":
        values |= {"calibration": sent.get("imagelstInt8", "")}
        batch, batches = _number(sent, "batchSizeInt8"), _number(sent, "maxBatchesInt8")
        if batch and batches:
            values |= {"calibration_pictures": min(batch * batches, _MOST_PICTURES)}
    return values


def _size(shape: str) -> str:
    """WIDTHxHEIGHT of `480x360`, or of a shape that ends in height and width, such as `1,3,360,480`."""
    numbers = re.findall(r"\d+", shape)
    if len(numbers) < 2:
        return shape
    return (
        f"{numbers[0]}x{numbers[1]}"
        if re.fullmatch(r"\s*\d+\s*[xX*×]\s*\d+\s*", shape)
        else f"{numbers[-1]}x{numbers[-2]}"
    )


def _number(sent: Sent, name: str) -> int:
    said = str(sent.get(name, ""))
    return int(said) if said.isascii() and said.isdigit() and len(said) < 6 else 0


def _evaluate(ask: Ask, sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    asked = dict(evaluated(ask, sent, values))
    if any(is_engine(file) for _, file in each_file(asked["dicts"])):
        asked.pop("gpus", None)  # engines run on the CPU
    return asked


def _confidence(ask: Ask, sent: Sent) -> Reply:
    """How sure a model was in the newest evaluation of it."""
    source, file = str(sent.get("task_name", "")), str(sent.get("model", ""))
    task_id, number = _evaluation(ask, source, file)
    name = "name_zh" if ask.call.language == "zh" else "name_en"
    path, pictures, whole = "GET /v1/evaluations/{task_id}/models/{model}/confidence", list[Any](), dict[str, Any]()
    while len(pictures) < MOST_ROWS:
        asked = {"task_id": task_id, "model": number, "skip": len(pictures), "limit": _PAGE}
        answer = ask(path, asked)
        whole = answer["data"]
        pictures += whole["pictures"]
        if not whole["pictures"] or len(pictures) >= answer["total"]:
            break
    called = {str(one["train_id"]): one[name] for one in whole["classes"]}
    rows = [
        {
            "trackpointid": one["name"].rpartition("/")[2],
            "whole_con": _rounded(one["confidence"]),
            "origin_whole_con": one["confidence"],
            "origin_cls_con": ", ".join(f"{called.get(k, k)} {_rounded(v)}" for k, v in one["classes"].items()),
        }
        for one in pictures
    ]
    by_class = {one[name]: _rounded(one["confidence"]) for one in whole["classes"] if one["confidence"] is not None}
    total = {
        "task_name": source,
        "model": file,
        "pictures": len(rows),
        "total_whole_con": _rounded(whole["confidence"]),
        "total_cls_con": by_class,
    }
    return {"message": "success", "total_data": total, "con_data": rows}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)


def _evaluation(ask: Ask, source: str, file: str) -> tuple[str, int]:
    """The newest finished evaluation of a model file, and the model's place in it."""
    for row in all_rows(ask, "POST /eva_rate", {"state": "succeeded"}):
        for place, one in enumerate(row["report"] or (), start=1):
            if (one["source"], one["file"]) == (source, file):
                return str(row["task_id"]), place
    raise NotFoundError(
        Text(
            f"{source}/{file} 还没有完成的评估，所以没有置信度；请先评估它。",
            f"No evaluation of {source}/{file} has finished, so there is no confidence; evaluate it first.",
        ),
        parameter="model",
    )


PATHS: Final = (
    Path(
        "POST", "/con_info", "see", ("POST /eva_rate", "GET /v1/evaluations/{task_id}/models/{model}/confidence"),
        read_by_hand("task_name", "model"),
        "total_data{total_cls_con{class: value}}, con_data[]{trackpointid, whole_con, origin_whole_con, origin_cls_con}, message",
        answer=_confidence, nothing={},
        note=Text("模型最近一次完成的评估中的置信度，0 到 1", "confidence in the newest finished evaluation of the model, 0 to 1"),
    ),
    Path(
        "GET", "/t_model", "see", ("GET /v1/engines", "GET /model"), read_by_hand("page"), "data{task: [file]}", answer=_models,
        nothing={}, note=Text("引擎（.onnx）与可转换的模型", "engines (.onnx), and the models that can be converted"),
    ),
    Path(
        "POST", "/tensor_w", "work", ("POST /v1/engines", "GET /model", "GET /v1/releases"),
        read_by_hand("dicts", "shape", "fp16", "int8", "imagelstInt8", "batchSizeInt8", "maxBatchesInt8")
        | unused("page", "gpu", "maxBatchSize", "iname", "oname", "OIndex", "server", "multiple4", "topk", "reuseCacheInt8"),
        "data.task_id, message", prepare=_convert, shape=started, nothing={},
        note=Text(
            "转换为 ONNX（fp32、fp16、int8），装有 TensorRT（trtexec）时同时生成其计划；shape 为 宽x高，或以 高,宽 结尾；imagelstInt8 为校准图片",
            "converts to ONNX (fp32, fp16, int8), and to a plan of TensorRT's where trtexec is installed; shape is WIDTHxHEIGHT, or ends in height,width; imagelstInt8 are the pictures"
            " that it is calibrated with",
        ),
    ),
    Path(
        "POST", "/tensor_eva", "work", ("POST /starteva", "GET /model", "GET /v1/releases"),
        read_by_hand("dicts", "type", "img") | same("gpus", "single_gpu") | unused("effective_c", "argmax", "l_value"),
        "data.task_id, message", prepare=_evaluate, shape=started, nothing={},
        note=Text("同 /starteva；引擎在 CPU 上运行", "as /starteva; engines run on the CPU"),
    ),
)  # fmt: skip
