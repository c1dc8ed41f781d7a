"""What a sweep shows: a table for the console, a CSV, and the trials' curves as a picture."""

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
from rich.markup import escape
from rich.table import Table

from roadloop.errors import Language, Text
from roadloop.imaging.drawing import SMALL, UInt8, blank, draw_text
from roadloop.imaging.encode import encode_color
from roadloop.jobs.states import JobState
from roadloop.storage import publish
from roadloop.storage.sheets import Sheet
from roadloop.sweeps.course import Course, Seen
from roadloop.sweeps.plan import Sweep, settings_text

TABLE: Final = "trials.csv"
CURVES: Final = "curves.png"
_SIZE: Final = (460, 860)  #: height and width of the picture, pixels
_BOX: Final = (50, 20, 640, 410)  #: left, top, right, bottom of the plot
_RUNG: Final = 36  #: width of the number of a rung
_LISTED: Final = 22  #: trials that the picture names
_GREY: Final = (150, 150, 150)


def order(sweep: Sweep, seen: Mapping[int, Seen], course: Course) -> list[int]:
    """The trials, those still in it first, then by the rung they reached and by score."""

    def rank(trial: int) -> tuple[int, float, int]:
        reached = course.out.get(trial, sweep.rungs[-1] + 1)
        return -reached, -(seen[trial].score(reached) or 0.0), trial

    return sorted(seen, key=rank)


def table(sweep: Sweep, seen: Mapping[int, Seen], course: Course, language: Language) -> Table:
    """The trials as they stand, for the console."""
    rungs = " → ".join(map(str, sweep.rungs))
    caption = Text(
        f"每一档保留 1/{sweep.keep}；各档轮数 {rungs}；mIoU 为验证集到该轮为止的最好值",
        f"one in {sweep.keep} goes on; rungs at epochs {rungs}; mIoU: best on the validation split so far",
    )
    shown = Table(caption=caption.pick(language), caption_justify="left")
    shown.add_column(Text("任务", "task").pick(language), no_wrap=True)
    shown.add_column(Text("配置", "settings").pick(language), overflow="fold")
    shown.add_column(Text("轮", "epoch").pick(language), justify="right")
    shown.add_column("mIoU", justify="right")
    shown.add_column(Text("状态", "state").pick(language), overflow="fold")
    for trial in order(sweep, seen, course):
        one = seen[trial]
        score = one.score(len(one.miou))
        best = course.finished and course.alive[:1] == [trial]
        style = "bold green" if best else ("dim" if trial in course.out else "")
        shown.add_row(
            escape(sweep.task(trial)),
            escape(settings_text(sweep.trials[trial])),
            f"{len(one.miou)}/{sweep.rungs[-1]}",
            "" if score is None else f"{score:.4f}",
            escape(state_text(one, course, trial).pick(language)),
            style=style,
        )
    return shown


def state_text(one: Seen, course: Course, trial: int) -> Text:
    """What a trial is doing, in words."""
    if course.finished and course.alive[:1] == [trial]:
        return Text("最佳", "the best")
    if one.state is JobState.FAILED:
        why = one.reason or Text("见日志", "see its log")
        return Text(f"失败：{why.zh}", f"failed: {why.en}")
    if trial in course.out:
        epochs = course.out[trial]
        return Text(f"第 {epochs} 轮后淘汰", f"left behind after epoch {epochs}")
    if one.state is JobState.CANCELLED:
        return Text("已到本档，等待其余试验", "at its rung, waits for the others")
    return {
        JobState.QUEUED: Text("排队", "queued"),
        JobState.RUNNING: Text("训练中", "training"),
        JobState.SUCCEEDED: Text("完成", "finished"),
    }[one.state]


def write(folder: Path, sweep: Sweep, seen: Mapping[int, Seen], course: Course) -> None:
    """Write `trials.csv` and `curves.png`, each whole."""
    text = io.StringIO()
    writer = Sheet(text)
    writer.add(["task", "state", "epochs", "miou", "left_behind_after", *sweep.trials[0]])
    for trial in order(sweep, seen, course):
        one = seen[trial]
        score = one.score(len(one.miou))
        figures: list[Any] = [one.state.value, len(one.miou), "" if score is None else f"{score:.6f}"]
        writer.add([sweep.task(trial), *figures, course.out.get(trial, ""), *sweep.trials[trial].values()])
    publish.write_text(folder / TABLE, text.getvalue())
    publish.write_bytes(folder / CURVES, encode_color(draw(sweep, seen, course)))


def draw(sweep: Sweep, seen: Mapping[int, Seen], course: Course) -> UInt8:
    """Validation mIoU over epochs, a line for each trial; grey ones were left behind. uint8 [H, W, 3]."""
    left, top, right, bottom = _BOX
    sheet = blank(*_SIZE)
    epochs = sweep.rungs[-1]
    highest = max((one.score(epochs) or 0.0 for one in seen.values()), default=0.0) or 1.0
    ceiling = min(1.0, -(-highest * 1.05 // 0.05) * 0.05)

    def place(epoch: float, value: float) -> tuple[int, int]:
        x = left + (right - left) * (epoch - 1) / max(1, epochs - 1)
        return round(x), round(bottom - (bottom - top) * value / ceiling)

    for k in range(6):
        value = ceiling * k / 5
        y = place(1, value)[1]
        cv2.line(sheet, (left, y), (right, y), (230, 230, 230), 1)
        draw_text(sheet, f"{value:.2f}", (0, y + 4, left - 6), size=SMALL, align="right")
    free = right + _RUNG
    for rung in reversed(sweep.rungs):
        x = place(rung, 0)[0]
        cv2.line(sheet, (x, top), (x, bottom), (200, 200, 200), 1)
        if x + _RUNG <= free:  # the numbers of the first rungs may stand too close
            draw_text(sheet, str(rung), (x - _RUNG // 2, bottom + 18, _RUNG), size=SMALL, align="middle")
            free = x
    draw_text(sheet, "验证集 mIoU，按轮 validation mIoU by epoch", (left, bottom + 40, right - left))
    for position, trial in reversed(list(enumerate(order(sweep, seen, course)))):
        color = _GREY if trial in course.out else _color(trial)
        points = [place(k, v) for k, v in enumerate(seen[trial].miou, 1) if v is not None]
        if points:
            line = np.array(points, np.int32).reshape(-1, 1, 2)
            cv2.polylines(sheet, [line], isClosed=False, color=color, thickness=2, lineType=cv2.LINE_AA)
            cv2.circle(sheet, points[-1], 3, color, -1, cv2.LINE_AA)
        if position < _LISTED:
            y = top + 14 + position * 18
            cv2.line(sheet, (right + 14, y - 4), (right + 34, y - 4), color, 3)
            label = f"{trial + 1}  {seen[trial].score(epochs) or 0.0:.4f}"
            draw_text(sheet, label, (right + 42, y, _SIZE[1] - right - 42))
    return sheet


def _color(trial: int) -> tuple[int, int, int]:
    hue = np.array([[[int(trial * 67) % 180, 200, 190]]], np.uint8)
    red, green, blue = (int(v) for v in cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0])
    return red, green, blue
