"""Whether mining paid: the results of training on the mined arm against those on the random control arm.

One run of a training tells little: another seed moves mIoU by a point or more. So several runs of each arm are
compared by mean and range, and the answer is "yes" only when the worst run of the mined arm beats the best run of the
control arm; "no" is said as plainly.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import sqlalchemy as sa
from rich.table import Table

from roadloop.errors import ConflictError, LabelMapError, Text
from roadloop.evaluation.service import newest_scores
from roadloop.models.files import load_description
from roadloop.selection.model import Aim

Verdict = Literal["paid", "not_paid", "unclear"]

VALIDATION: Final = "validation"
_CAUTION: Final = Text(
    "分数来自各自训练的验证集：只有两组数据的验证集相同才可比较；更稳妥的做法是用 /starteva 在同一批图片上评估全部模型。",
    "The scores are those of each training's own validation split: they compare only if both datasets have the same"
    " one. It is safer to evaluate all models on the same pictures with /starteva.",
)


class ArmResult(NamedTuple):
    """What one training brought.

    Attributes:
        task: The training task.
        file: Its model file.
        scored_on: What the scores were measured on: `<sour_dir> (<type>)` of an evaluation, or `validation`.
        miou: 0..1; None when not known.
        ious: Train id -> IoU.
        classes: Train id -> (English, Chinese name) of what the model predicts.
    """

    task: str
    file: str
    scored_on: str
    miou: float | None
    ious: dict[int, float]
    classes: dict[int, tuple[str, str]]


def result_of(db: sa.Connection, task: str, params: Path) -> ArmResult:
    """What is known about a model: its newest evaluation with labels, else its training's validation."""
    record = load_description(params)
    classes = {c.train_id: (c.name_en, c.name_zh) for c in record.classes}
    scored = newest_scores(db, record.params_sha256)
    if scored is not None:
        ious = {c["train_id"]: c["iou"] for c in scored["classes"] if c["iou"] is not None}
        return ArmResult(task, params.name, f"{scored['sour_dir']} ({scored['type']})", scored["miou"], ious, classes)
    miou, listed = record.training.get("miou"), record.training.get("iou")
    found = (
        {i: float(v) for i, v in enumerate(listed) if isinstance(v, int | float)} if isinstance(listed, list) else {}
    )
    value = float(miou) if isinstance(miou, int | float) else None
    return ArmResult(task, params.name, VALIDATION, value, found, classes)


def compare(mined: Sequence[ArmResult], control: Sequence[ArmResult], aims: Sequence[Aim]) -> dict[str, Any]:
    """Compare two arms.

    Args:
        mined: One result for each seed.
        control: The same for the control arm.
        aims: The classes that were aimed at.

    Returns:
        `verdict` (paid, not_paid, unclear), `sentence` [zh, en], `scored_on`, `caution` (as sentence, or None),
        `measures`: for the mean of the aimed
        classes, mIoU and every aimed class: mean, lowest, highest and runs of both arms, their difference, verdict.

    Raises:
        ConflictError: The models were scored on different pictures, or one was not scored at all.
        LabelMapError: The models learned different classes, or others than were aimed at.
    """
    _require_comparable([*mined, *control])
    _require_same_classes([*mined, *control], aims)
    measures = []
    ids = [aim.train_id for aim in aims]
    if ids:
        name = Text("目标类别平均 IoU", "mean IoU of the aimed classes")
        measures.append(_measure("aimed", name, mined, control, lambda r: _mean([r.ious.get(i, 0.0) for i in ids])))
    measures.append(_measure("miou", Text("mIoU", "mIoU"), mined, control, lambda r: r.miou or 0.0))
    for aim in aims:
        name = Text(aim.name_zh or aim.name_en, aim.name_en)
        key = f"iou:{aim.train_id}"
        measures.append(_measure(key, name, mined, control, lambda r, i=aim.train_id: r.ious.get(i, 0.0)))  # type: ignore[misc]
    verdict: Verdict = measures[0]["verdict"]
    return {
        "verdict": verdict,
        "sentence": list(_sentence(verdict, measures, min(len(mined), len(control)))),
        "scored_on": mined[0].scored_on,
        "caution": list(_CAUTION) if mined[0].scored_on == VALIDATION else None,
        "measures": measures,
        "runs": {"mined": [_run(r) for r in mined], "control": [_run(r) for r in control]},
    }


def judge(mined: Sequence[float], control: Sequence[float]) -> Verdict:
    """paid: every mined run beats every control run. not_paid: the mean is no better. Else, or one run: unclear."""
    if min(len(mined), len(control)) < 2:
        return "unclear"
    if _mean(mined) <= _mean(control):
        return "not_paid"
    return "paid" if min(mined) > max(control) else "unclear"


def comparison_table(found: Mapping[str, Any]) -> Table:
    """Mean and range of both arms by measure; `found` is a comparison in one language."""
    table = Table("", "mined", "control", "Δ", "")
    for measure in found["measures"]:
        arms = (measure["mined"], measure["control"])
        spans = [f"{arm['mean']:.4f} [{arm['lowest']:.4f}, {arm['highest']:.4f}]" for arm in arms]
        table.add_row(measure["name"], *spans, f"{measure['difference']:+.4f}", measure["verdict"])
    return table


def _measure(
    key: str,
    name: Text,
    mined: Sequence[ArmResult],
    control: Sequence[ArmResult],
    value: Callable[[ArmResult], float],
) -> dict[str, Any]:
    values = {"mined": [value(r) for r in mined], "control": [value(r) for r in control]}
    return {
        "measure": key,
        "name_zh": name.zh,
        "name_en": name.en,
        **{
            arm: {"mean": round(_mean(v), 6), "lowest": round(min(v), 6), "highest": round(max(v), 6), "runs": len(v)}
            for arm, v in values.items()
        },
        "difference": round(_mean(values["mined"]) - _mean(values["control"]), 6),
        "verdict": judge(values["mined"], values["control"]),
    }


def _require_comparable(results: Sequence[ArmResult]) -> None:
    unscored = [r.task for r in results if r.miou is None]
    if unscored:
        raise ConflictError(
            Text(
                f"这些任务的模型还没有分数：{unscored}；请用 /starteva 在同一批有标注的图片上评估。",
                f"The models of these tasks have no scores: {unscored}; evaluate all of them with /starteva on the same"
                " labelled pictures.",
            ),
            tasks=unscored,
        )
    places = sorted({r.scored_on for r in results})
    if len(places) > 1:
        raise ConflictError(
            Text(
                f"两组模型不是在同一批图片上评估的（{'、'.join(places)}），无法比较；请用 /starteva 在同一 sour_dir 上评估全部模型。",
                f"The models were not scored on the same pictures ({', '.join(places)}) and cannot be compared;"
                " evaluate all of them with /starteva on one sour_dir.",
            ),
            scored_on=places,
        )


def _require_same_classes(results: Sequence[ArmResult], aims: Sequence[Aim]) -> None:
    """IoUs are looked up by train id, so each must mean one class everywhere."""
    first = results[0]
    aimed = {aim.train_id: (aim.name_en, aim.name_zh) for aim in aims}
    sides = [(r.task, r.classes) for r in results[1:]]
    for name, classes in (("classes", aimed), *sides):
        ids = aimed.keys() if name == "classes" else first.classes.keys() | classes.keys()
        other = [i for i in sorted(ids) if first.classes.get(i) != classes.get(i)]
        if other:
            said = [(i, first.classes.get(i, ("-", "-")), classes.get(i, ("-", "-"))) for i in other]
            zh = "；".join(
                f"{i} 在 {first.task} 中是 {a[1] or a[0]}，在 {name} 中是 {b[1] or b[0]}" for i, a, b in said[:10]
            )
            en = "; ".join(f"{i} is {a[0]} in {first.task}, {b[0]} in {name}" for i, a, b in said[:10])
            raise LabelMapError(
                Text(
                    f"要比较的模型学习的类别不同，分数不能对照：{zh}；请用同一个 label_map 训练的模型。",
                    f"The models learned different classes, so that their scores do not compare: {en}. Use models that"
                    " were trained with one label_map.",
                ),
                train_ids=other,
            )


def _sentence(verdict: Verdict, measures: Sequence[dict[str, Any]], runs: int) -> Text:
    first = measures[0]
    points = first["difference"] * 100
    mined, control = first["mined"], first["control"]
    figures = Text(
        f"{mined['mean']:.4f}（{mined['lowest']:.4f}–{mined['highest']:.4f}，{mined['runs']} 次）对 "
        f"{control['mean']:.4f}（{control['lowest']:.4f}–{control['highest']:.4f}，{control['runs']} 次）",
        f"{mined['mean']:.4f} ({mined['lowest']:.4f} to {mined['highest']:.4f}, {mined['runs']} runs) against "
        f"{control['mean']:.4f} ({control['lowest']:.4f} to {control['highest']:.4f}, {control['runs']} runs)",
    )
    if verdict == "paid":
        head = Text("自动挑图有效", "Mining paid")
    elif verdict == "not_paid":
        head = Text("自动挑图没有带来好处", "Mining did not pay")
    elif runs < 2:
        head = Text("每组至少要两次训练才能判断", "At least two runs of each arm are needed to tell")
    else:
        head = Text("还不能断定自动挑图有效：两组的范围重叠", "It is not clear that mining paid: the ranges overlap")
    return Text(
        f"{head.zh}：{first['name_zh']} {figures.zh}，相差 {points:+.2f} 个百分点。",
        f"{head.en}: {first['name_en']} {figures.en}, a difference of {points:+.2f} points.",
    )


def _run(result: ArmResult) -> dict[str, Any]:
    return {"task": result.task, "file": result.file, "miou": result.miou, "ious": result.ious}


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
