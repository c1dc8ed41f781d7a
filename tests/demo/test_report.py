"""What a tour leaves behind."""

import json
from io import StringIO
from pathlib import Path

import numpy as np
from rich.console import Console

from roadloop.demo import report
from roadloop.demo.classes import LEARNT, TARGETS
from roadloop.demo.script import Found, Gained, Script
from roadloop.demo.stage import Done
from roadloop.errors import Text
from roadloop.imaging.decode import decode_image
from roadloop.imaging.encode import encode_color

STEPS = [
    Done(Text("训练", "train"), "/starttask", "demo-train", Text("好", "fine"), 60.25),
    Done(Text("发布", "release"), "/release", "车道线", Text("好", "fine"), 3.5),
]


def found() -> Found:
    classes = [
        {
            "name_en": learnt.name_en,
            "name_zh": learnt.name_zh,
            "color": [10, 20, 30],
            "iou": 0.9 if learnt.target else None,
            "precision": 0.95,
            "recall": 0.94,
            "truth_pixels": 12345,
        }
        for learnt in LEARNT
    ]
    return Found(
        counts={"train": 10, "val": 1, "test": 4},
        tracks={"train": 5, "val": 1, "test": 2},
        evaluation="abc",
        report={"classes": classes, "miou": 0.7},
        shown=3,
        gained=Gained(
            pictures={"mined": ["a"], "control": ["b"]},
            reports={
                name: {"miou": miou, "classes": [{**row, "iou": miou} for row in classes]}
                for name, miou in (("before", 0.5), ("mined", 0.75), ("control", 0.625))
            },
            comparison={
                "sentence": "It is not clear.",
                "measures": [{"measure": "miou", "name": "mIoU"}, {"measure": "iou:2", "name": "路缘石"}],
            },
        ),
    )


def test_tables__every_class_and_step_is_shown() -> None:
    out = StringIO()
    console = Console(file=out, width=160)
    console.print(report.steps_table(STEPS, "en"))
    console.print(report.classes_table(found(), "zh"))
    text = out.getvalue()
    assert "63.8" in text  # 60.25 + 3.5 seconds
    assert all(learnt.name_zh in text for learnt in LEARNT)
    assert text.count("✓") == len(TARGETS)


def test_summary__says_classes_seed_and_split() -> None:
    text = report.summary(found(), Script(seed=5))
    assert "mIoU 0.9000" in text.en
    assert "seed 5" in text.en
    assert "2 tracks never trained on, 4 pictures" in text.en
    assert all(name in text.en for name in TARGETS)
    assert "种子 5" in text.zh


def test_gains__before_and_both_arms() -> None:
    rows = {name.en: values for name, *values in report.gains(found())}
    assert rows == {
        "mIoU, 7 classes": [0.5, 0.75, 0.625],
        "mIoU, all 13 classes": [0.5, 0.75, 0.625],
        "mean of the 1 aimed at": [0.5, 0.75, 0.625],
        "kerb": [0.5, 0.75, 0.625],
    }
    out = StringIO()
    Console(file=out, width=120).print(report.gains_table(found(), "zh"))
    assert "+12.5" in out.getvalue()  # 0.75 - 0.625 in points
    text = report.gains_summary(found(), Script())
    assert "mIoU 0.5000 -> 0.7500 (control 0.6250)" in text.en
    assert "It is not clear." in text.en


def test_write_report__can_be_read_by_programs(tmp_path: Path) -> None:
    path = report.write_report(tmp_path, STEPS, found(), Script())
    value = json.loads(path.read_text(encoding="utf-8"))
    assert value["miou"] == 0.9
    assert value["seconds"] == 63.75
    assert value["classes_in_miou"] == list(TARGETS)
    assert value["second_lap"]["gains"][0] == {
        "measure": "mIoU, 7 classes", "before": 0.5, "mined": 0.75, "control": 0.625,
    }  # fmt: skip


def test_write_sheet__picture_truth_prediction_in_rows(tmp_path: Path) -> None:
    asked: list[str] = []

    def read(path: str) -> bytes:
        asked.append(path)
        return encode_color(np.full((30, 40, 3), 200 if path.endswith("image") else 90, np.uint8))

    sheet = decode_image(report.write_sheet(tmp_path, found(), read).read_bytes())
    assert sheet.shape == (2 * 34, 2 * (3 * 44 + 4), 3)
    assert asked[:3] == [f"/v1/evaluations/abc/pictures/1/{kind}" for kind in ("image", "truth", "color")]
    assert {path.split("/")[5] for path in asked} == {"1", "2", "3"}
