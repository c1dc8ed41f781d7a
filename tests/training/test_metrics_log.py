import json
from pathlib import Path
from typing import Any

from roadloop.training.curves import Thinned, curves
from roadloop.training.metrics_log import MetricsLog, read_lines


def test_append__writes_whole_lines_with_null_for_nan(tmp_path: Path, bench: Any) -> None:
    log = MetricsLog(tmp_path / "m.jsonl", b"", bench.notes())
    log.append({"kind": "epoch", "iou": [0.5, float("nan")], "loss": float("inf")})
    log.close()
    assert json.loads((tmp_path / "m.jsonl").read_text()) == {"kind": "epoch", "iou": [0.5, None], "loss": None}


def test_metrics_log__a_new_attempt_begins_with_the_checkpoint_s_lines(tmp_path: Path, bench: Any) -> None:
    path = tmp_path / "m.jsonl"
    first = MetricsLog(path, b"", bench.notes(1))
    first.append({"step": 1})
    known = first.contents()
    first.append({"step": 2})
    second = MetricsLog(path, known, bench.notes(2))
    first.append({"step": 3})  # an attempt that was given up and woke again
    second.append({"step": 2})
    assert list(read_lines(path)) == [{"step": 1}, {"step": 2}]
    first.close()
    second.close()


def test_read_lines__half_a_line_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "m.jsonl").write_bytes(b'{"step": 1}\n{"st')
    assert list(read_lines(tmp_path / "m.jsonl")) == [{"step": 1}]
    assert list(read_lines(tmp_path / "absent")) == []


def test_curves__are_thinned_but_keep_the_last_point(tmp_path: Path) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text("".join(json.dumps({"kind": "step", "step": i}) + "\n" for i in range(10_001)))
    found = curves(path, 50)
    steps = [point["step"] for point in found["steps"]]
    assert len(steps) <= 51
    assert (steps[0], steps[-1]) == (0, 10_000)
    assert found["epochs"] == []


def test_curves__go_on_where_an_answer_ended_and_begin_anew_with_a_new_file(tmp_path: Path, bench: Any) -> None:
    path = tmp_path / "m.jsonl"
    assert curves(path, 50, "7-7") == {"steps": [], "epochs": [], "next": "", "whole": True}
    first = MetricsLog(path, b"", bench.notes(1))
    first.append({"kind": "step", "step": 1})
    with path.open("ab") as unfinished:
        unfinished.write(b'{"kind": "st')
    begun = curves(path, 50)
    assert (begun["steps"], begun["whole"]) == ([{"step": 1}], True)
    with path.open("ab") as finished:
        finished.write(b'ep", "step": 2}\n')
    more = curves(path, 50, begun["next"])
    assert (more["steps"], more["whole"]) == ([{"step": 2}], False)
    assert curves(path, 50, more["next"]) == {"steps": [], "epochs": [], "next": more["next"], "whole": False}
    second = MetricsLog(path, first.contents(), bench.notes(2))
    second.append({"kind": "step", "step": 3})
    anew = curves(path, 50, more["next"])
    assert ([point["step"] for point in anew["steps"]], anew["whole"]) == ([1, 2, 3], True)
    for odd in ("x", "1-", f"{path.stat().st_ino}-999999", "-1", "1-٣"):
        assert curves(path, 50, odd) == anew
    first.close()
    second.close()


def test_thinned__few_items_stay_all() -> None:
    thinned = Thinned(10)
    for i in range(7):
        thinned.add(i)
    assert thinned.items() == list(range(7))
