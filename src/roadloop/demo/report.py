"""The end of a tour: tables for people, `demo-report.json` for programs, a sheet of pictures."""

from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray
from rich.table import Table

from roadloop.demo.classes import LEARNT, TARGETS, LearntClass, target_miou
from roadloop.demo.script import Found, Script
from roadloop.demo.stage import Done
from roadloop.errors import Language, Text, many
from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_color
from roadloop.storage import publish

REPORT: Final = "demo-report.json"
SHEET: Final = "demo-sheet.png"
GOAL: Final = 0.80
_ROWS = 6
_GAP = 4
WHITE: Final = (255, 255, 255)

Picture = NDArray[np.uint8]


def steps_table(steps: list[Done], language: Language) -> Table:
    """What was done and how long it took."""
    table = Table(title=Text("走完一圈", "Once round the loop").pick(language), title_justify="left")
    for title in (Text("步骤", "step"), Text("接口", "endpoint"), Text("名称", "name"), Text("结果", "result")):
        table.add_column(title.pick(language), overflow="fold")
    table.add_column(Text("秒", "seconds").pick(language), justify="right")
    for step in steps:
        row = (step.title.pick(language), step.path, step.name, step.result.pick(language))
        table.add_row(*row, f"{step.seconds:.1f}")
    table.add_row(Text("合计", "total").pick(language), "", "", "", f"{sum(s.seconds for s in steps):.1f}")
    return table


HELD_OUT: Final = Text("未见过的轨迹上的每类结果", "Every class on the held-out tracks")
CAMVID: Final = Text("官方 val 上的每类结果", "Every class on the official val split")


def classes_table(found: Found, language: Language, title: Text = HELD_OUT) -> Table:
    """IoU, precision and recall of every class; in the demo's own, which classes its mIoU is of."""
    table = Table(title=title.pick(language), title_justify="left")
    table.add_column(Text("类别", "class").pick(language))
    for name in ("IoU", "precision", "recall"):
        table.add_column(name, justify="right")
    table.add_column(Text("真值像素", "true pixels").pick(language), justify="right")
    table.add_column(Text("计入 mIoU", "in the mIoU").pick(language), justify="center")
    for row in found.report["classes"]:
        red, green, blue = row["color"]
        name = row["name_zh"] if language == "zh" else row["name_en"]
        table.add_row(
            f"[rgb({red},{green},{blue})]█[/] {name}",
            *(_share(row[key]) for key in ("iou", "precision", "recall")),
            f"{row['truth_pixels']:,}",
            "✓" if title is CAMVID or row["name_en"] in TARGETS else "",
        )
    return table


def gains_table(found: Found, language: Language) -> Table:
    """IoU on the held-out tracks before the second lap and after it, with either arm."""
    title = Text("第二圈：同样未见过的轨迹上的 IoU", "The second lap: IoU on the same held-out tracks")
    table = Table(title=title.pick(language), title_justify="left")
    table.add_column(Text("类别", "class").pick(language))
    columns = (
        Text("之前", "before"), Text("加挑出的", "after mined"), Text("加随机的", "after control"),
        Text("挑出 - 随机", "mined - control"),
    )  # fmt: skip
    for column in columns:
        table.add_column(column.pick(language), justify="right")
    for name, before, mined, control in gains(found):
        figures = (_share(before), _share(mined), _share(control), f"{100 * (mined - control):+.1f}")
        table.add_row(name.pick(language), *figures)
    return table


def gains(found: Found, classes: Sequence[LearntClass] = LEARNT) -> list[tuple[Text, float, float, float]]:
    """What the second lap changed: a measure, and its value before, after the mined and after the control arm."""
    reports = [found.gained.reports[name] for name in ("before", "mined", "control")]
    ious = [{row["name_en"]: row["iou"] or 0.0 for row in report["classes"]} for report in reports]
    chinese = {row["name_en"]: row["name_zh"] for row in reports[0]["classes"]}
    aimed = [m["name"] for m in found.gained.comparison["measures"] if m["measure"].startswith("iou:")]
    english = [name for name in chinese if name in aimed or chinese[name] in aimed]
    rows = [
        (
            Text(f"mIoU，{len(TARGETS)} 类", f"mIoU, {many(len(TARGETS), 'class', 'classes')}"),
            [target_miou(iou) for iou in ious],
        ),
        (
            Text(f"mIoU，全部 {len(classes)} 类", f"mIoU, all {many(len(classes), 'class', 'classes')}"),
            [r["miou"] for r in reports],
        ),
        (
            Text(f"目标 {len(english)} 类平均", f"mean of the {len(english)} aimed at"),
            [sum(iou[name] for name in english) / len(english) for iou in ious],
        ),
        *((Text(chinese[name], name), [iou[name] for iou in ious]) for name in english),
    ]
    return [(name, *values) for name, values in rows]


def gains_rows(found: Found, classes: Sequence[LearntClass] = LEARNT) -> list[dict[str, Any]]:
    """`gains` as plain values."""
    return [
        {"measure": name.en, "before": round(before, 6), "mined": round(mined, 6), "control": round(control, 6)}
        for name, before, mined, control in gains(found, classes)
    ]


def gains_summary(found: Found, script: Script) -> Text:
    """The second lap in words, with what the comparison of the arms says."""
    lap, gained = script.again, found.gained
    mined, control = (len(gained.pictures[arm]) for arm in ("mined", "control"))
    (_, before, after, other), *_ = gains(found)
    verdict = gained.comparison["sentence"]
    return Text(
        f"第二圈：挑出 {mined} 张（随机对照 {control} 张）标注后，从第一圈的模型再训练 {lap.epochs} 轮，"
        f"mIoU {before:.4f} → {after:.4f}（对照 {other:.4f}）。\n"
        f"{verdict} 三个种子的结论用源码目录中的 python -m benchmarks mining 得到。",
        f"Second lap: {many(mined, 'mined picture')} labelled ({control} random ones as control), the first lap's model trained"
        f" for {many(lap.epochs, 'more epoch')}: mIoU {before:.4f} -> {after:.4f} (control {other:.4f}).\n"
        f"{verdict} python -m benchmarks mining, in the checkout, answers with three seeds.",
    )


def summary(found: Found, script: Script) -> Text:
    """What the mIoU is of, in words."""
    miou = demo_miou(found)
    tracks, pictures = found.tracks["test"], found.counts["test"]
    every = found.report["miou"]
    zh = "、".join(c.name_zh for c in LEARNT if c.target)
    return Text(
        f"mIoU {miou:.4f}：{zh}这 {len(TARGETS)} 类 IoU 的平均，来自测试集一个混淆矩阵"
        f"（{tracks} 条训练中未见过的轨迹，{pictures} 张，{script.size[0]}x{script.size[1]}，种子 {script.seed}）；"
        f"全部 {len(LEARNT)} 类 {every:.4f}。",
        f"mIoU {miou:.4f}: mean IoU of {', '.join(TARGETS)}, from one confusion matrix over the test split"
        f" ({many(tracks, 'track')} never trained on, {many(pictures, 'picture')}, {script.size[0]}x{script.size[1]},"
        f" seed {script.seed}); over all {many(len(LEARNT), 'class', 'classes')} {every:.4f}.",
    )


def camvid_summary(found: Found, epochs: int) -> Text:
    """What CamVid's mIoU is of, in words."""
    miou, void = found.report["miou"], found.report["miou_void_fp"]
    pictures = found.counts["val"]
    return Text(
        f"mIoU {miou:.4f}：CamVid 官方 val {pictures} 张上一个混淆矩阵，11 类，忽略像素不计"
        f"（把忽略像素上的预测算作错误：{void:.4f}）。从零训练 {epochs} 轮，最佳一轮由同一个 val 选出。",
        f"mIoU {miou:.4f}: 11 classes, one confusion matrix over CamVid's official val split of {many(pictures, 'picture')}, void"
        f" dropped (predictions on void counted as wrong: {void:.4f}). {many(epochs, 'epoch')} from scratch; the same val chose the"
        " epoch.",
    )


def demo_miou(found: Found) -> float:
    """The mean IoU of the target classes."""
    return target_miou({row["name_en"]: row["iou"] for row in found.report["classes"]})


def write_report(home: Path, steps: list[Done], found: Found, script: Script) -> Path:
    """Write `demo-report.json`; returns its path."""
    path = home / REPORT
    publish.write_json(
        path,
        {
            "format": "roadloop-demo/1",
            "script": asdict(script),
            "steps": [
                {
                    "title": step.title.en,
                    "endpoint": step.path,
                    "name": step.name,
                    "result": step.result.en,
                    "seconds": round(step.seconds, 2),
                }
                for step in steps
            ],
            "seconds": round(sum(step.seconds for step in steps), 2),
            "pictures": found.counts,
            "tracks": found.tracks,
            "classes_in_miou": list(TARGETS),
            "miou": round(demo_miou(found), 6),
            "definition": "Mean IoU of classes_in_miou from one confusion matrix over the held-out tracks (test).",
            "evaluation": found.evaluation,
            "scores": found.report,
            "release": found.release,
            "second_lap": {
                **asdict(found.gained),
                "gains": gains_rows(found),
            },
        },
    )
    return path


def write_sheet(home: Path, found: Found, read: Callable[[str], bytes]) -> Path:
    """Write a sheet of held-out pictures: picture, truth, prediction in each row.

    Args:
        home: The workspace.
        found: What the tour brought.
        read: Fetches a path of the server.

    Returns:
        The PNG's path.
    """
    count = min(_ROWS, found.shown)
    numbers = sorted({1 + round(i * (found.shown - 1) / max(count - 1, 1)) for i in range(count)})
    base = f"/v1/evaluations/{found.evaluation}/pictures"
    rows = [[decode_image(read(f"{base}/{n}/{kind}")) for kind in ("image", "truth", "color")] for n in numbers]
    half = (len(rows) + 1) // 2
    blocks = [_grid(part) for part in (rows[:half], rows[half:]) if part]
    height = max(block.shape[0] for block in blocks)
    padded = [cv2.copyMakeBorder(b, 0, height - b.shape[0], 0, _GAP, cv2.BORDER_CONSTANT, value=WHITE) for b in blocks]
    path = home / SHEET
    publish.write_bytes(path, encode_color(np.concatenate(padded, axis=1).astype(np.uint8)))
    return path


def _grid(rows: list[list[Picture]]) -> Picture:
    lines = []
    for pictures in rows:
        height, width = pictures[0].shape[:2]
        cells = [
            cv2.copyMakeBorder(
                cv2.resize(p, (width, height), interpolation=cv2.INTER_NEAREST),
                _GAP, 0, _GAP, 0, cv2.BORDER_CONSTANT, value=WHITE,
            )
            for p in pictures
        ]  # fmt: skip
        lines.append(np.concatenate(cells, axis=1))
    return np.concatenate(lines, axis=0).astype(np.uint8)


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}"
