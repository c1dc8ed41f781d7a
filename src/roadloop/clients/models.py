"""The pages 模型 and 评估: model files, evaluations, and what they found."""

from collections.abc import Iterator, Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Path, Reply, Sent, read_by_hand, same, unused
from roadloop.clients.shapes import all_rows, need_ticked, one_row, other_type, plain, progress, started
from roadloop.datasets.info import SPLITS
from roadloop.errors import ConflictError, NotFoundError, Text
from roadloop.evaluation.pictures import DATASET

#: In the order in which they are offered.
_SPLITS: Final = ("val", "test", "train")
#: What the page's four types of tasks are numbered; the models here are all of the first.
_FIRST: Final = "1"
_TYPES: Final = {
    "full": "full",
    "half": "remote",
    "remote": "remote",
    "lane": "lane",
    "union": "union",
    _FIRST: "full",
    "语义分割": "full",
}


def only_first(sent: Sent, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What the page's first type lists; the other types have no models here."""
    return found if str(sent.get("page", _FIRST)) == _FIRST else {}


def _model(ask: Ask, sent: Sent) -> Reply:
    return {"data": only_first(sent, ask("GET /model")["data"])}


def _places(ask: Ask, _sent: Sent) -> Reply:
    """Splits of finished datasets, versions of pictures, source sets."""
    finished = [row for row in all_rows(ask, "POST /data_history", {}) if row["state"] == "succeeded" and row["counts"]]
    splits = [
        f"{DATASET}{row['data_name']}/{split}" for row in finished for split in _SPLITS if row["counts"].get(split)
    ]
    versions = [f"images/{row['version']}" for row in ask("GET /v1/packages/versions")["data"] if row["images"]]
    return {"data": [*splits, *versions, *(f"sources/{name}" for name in ask("GET /data")["data"])]}


def evaluated(ask: Ask, sent: Sent, values: dict[str, Any]) -> Mapping[str, Any]:
    """What /starteva takes, from what the pages 模型, 发布 and TensorRT send."""
    need_ticked(sent)
    place, kind = str(sent.get("img", "")), str(sent.get("type", "full"))
    if not place:
        raise ConflictError(
            Text(
                "没有选择要评估的图片（img），没有开始任何任务；请先选择再提交。",
                "No pictures were chosen (img), and nothing was started. Choose some, then submit again.",
            ),
            parameter="img",
        )
    if kind in SPLITS and ("/" not in place or place.startswith(DATASET)):
        name = place.removeprefix(DATASET).partition("/")[0]
        values |= {"sour_dir": f"{DATASET}{name}/{kind}", "type": "full"}
    elif kind in _TYPES or kind in SPLITS:
        values |= {"sour_dir": place, "type": _TYPES.get(kind, "full")}
    else:
        raise other_type(kind)
    return {**values, "dicts": sources(ask, sent["dicts"])}


def sources(ask: Ask, dicts: Any) -> Any:
    """`dicts` as ours: on the page 发布 a release is named by its version alone."""
    if not _well_formed(dicts):
        return dicts  # our own endpoint says what is wrong with it
    tasks = ask("GET /model")["data"]
    return {
        name if name in tasks or "/" in name else _release(ask, name, files): files
        for name, files in dicts.items()
        if files
    }


def each_file(dicts: Any) -> Iterator[tuple[str, str]]:
    """Source and file of everything that `dicts` names; nothing where it is no such thing."""
    if _well_formed(dicts):
        yield from ((source, file) for source, files in dicts.items() for file in files)


def _well_formed(dicts: Any) -> bool:
    """Whether `dicts` names lists of files."""
    chosen = dicts.values() if isinstance(dicts, Mapping) else [None]
    return all(isinstance(files, list) and all(isinstance(file, str) for file in files) for files in chosen)


def _release(ask: Ask, version: str, files: list[str]) -> str:
    """The source that is a release of a version, whatever its category; the name itself where there is none."""
    rows = all_rows(ask, "GET /v1/releases", {"only": {"version": version}, "state": "succeeded"})
    holding = {f"{row['type']}/{version}" for row in rows if set(files) <= set(row["files"] or ())}
    if len(holding) > 1:
        several = ", ".join(sorted(holding))
        raise ConflictError(
            Text(
                f"版本 {version} 在多个类别中都有这些文件：{several}；请在任务的模型中勾选。",
                f"Several categories have these files in version {version}: {several}. Tick the model of its task.",
            ),
            parameter="dicts",
        )
    return holding.pop() if holding else version


def _show_info(ask: Ask, sent: Sent) -> Reply:
    row = one_row(ask, "POST /eva_rate", sent)
    zh = ask.call.language == "zh"
    lines = [f"{'图片' if zh else 'pictures'}: {row['total_img']}"] if row["total_img"] is not None else []
    for model in row["report"] or ():
        lines += ["", *_told(model, "name_zh" if zh else "name_en", zh=zh)]
    return {"data": "\n".join(lines)}


def _told(model: Mapping[str, Any], name: str, *, zh: bool) -> Iterator[str]:
    yield model["name"]
    if "miou" not in model:
        yield "没有标注，未计分" if zh else "no labels, so no scores"
        return
    yield f"mIoU {_share(model['miou'])}  {'像素准确率' if zh else 'pixel accuracy'} {_share(model['pixel_accuracy'])}"
    yield "IoU / precision / recall"
    for one in model["classes"]:
        figures = " ".join(_share(one[key]) for key in ("iou", "precision", "recall"))
        yield f"{one['train_id']:>3}  {figures}  {one[name]}"


def _share(value: float | None) -> str:
    return "     -" if value is None else f"{100 * value:6.2f}"


def _show(ask: Ask, sent: Sent) -> Reply:
    shown = ask("POST /show", {"task_id": sent.get("task_id") or _newest(ask), "cur_img": sent.get("cur_img") or 1})
    pictures = [{"name": one["name"], "data": one["data"]} for one in shown["la_data"]]
    return {"or_data": shown["or_data"], "la_data": pictures, "total_img": shown["total_img"]}


def _newest(ask: Ask) -> str:
    """The newest finished evaluation: what the page shows before one was started on it."""
    found = ask("POST /eva_rate", {"state": "succeeded", "page": 1, "page_size": 1})["data"]
    if not found:
        raise NotFoundError(
            Text(
                "还没有完成的评估；请先在模型页评估一个模型。",
                "No evaluation has finished yet; evaluate a model on the page 模型 first.",
            )
        )
    return str(found[0]["task_id"])


PATHS: Final = (
    Path(
        "GET", "/model", "see", ("GET /model",), read_by_hand("page"), "data{task: [file]}", answer=_model, nothing={},
        note=Text("page 2 到 4（其他任务类型）为空", "nothing for pages 2 to 4, the other types of tasks"),
    ),
    Path(
        "GET", "/eva_data", "see", ("POST /data_history", "GET /v1/packages/versions", "GET /data"), reads="data[]",
        answer=_places, nothing=[],
        note=Text(
            "dataset:<名称>/<划分>、images/<版本>、sources/<源数据>", "dataset:<name>/<split>, images/<version>, sources/<set>"
        ),
    ),
    Path(
        "POST", "/starteva", "work", ("POST /starteva", "GET /model", "GET /v1/releases"),
        read_by_hand("dicts", "type", "img") | same("gpus", "single_gpu") | unused("host", "output_confidence", "l_value"),
        "data.task_id, message", prepare=evaluated, shape=started, nothing={},
        note=Text(
            "img 为 sour_dir；type 为 train、val、test 时评估 img 的该划分；结果在 evaluations/<task_id>",
            "img is sour_dir; where type is train, val or test, that split of img; results in evaluations/<task_id>",
        ),
    ),
    Path(
        "POST", "/eva_rate", "see", ("POST /eva_rate",), read_by_hand("task_id"), "data[0].status",
        answer=progress("POST /eva_rate", plain), nothing=[], polled=True,
    ),
    Path(
        "POST", "/show_info", "see", ("POST /eva_rate",), read_by_hand("task_id"), "data", answer=_show_info, nothing="",
        note=Text("各类别的 IoU、precision、recall，百分比", "IoU, precision, recall of each class in per cent"),
    ),
    Path(
        "POST", "/show", "see", ("POST /show", "POST /eva_rate"), read_by_hand("task_id", "cur_img"),
        "errno, or_data, la_data[]{name, data}, total_img", answer=_show, nothing=[],
        note=Text("cur_img 0 视为 1；没有 task_id 时为最近完成的评估", "cur_img 0 is 1; without task_id the newest finished one"),
    ),
)  # fmt: skip
