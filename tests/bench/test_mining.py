"""`python -m benchmarks mining`: what is the same for both arms, what a seed changes, what is reported."""

import json
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from benchmarks import mining
from benchmarks.mining import CLASSES, GRID, Contest, MiningRun
from roadloop.client import Client
from roadloop.datasets.reader import DatasetReader
from roadloop.demo.child import serving
from roadloop.demo.classes import LEARNT
from roadloop.demo.script import Lap, Script
from roadloop.demo.second_lap import EmptyArmError
from roadloop.demo.stage import Stage
from roadloop.demo.world.cities import Raw
from roadloop.errors import InvalidValueError, Text
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.labels.table import shipped
from roadloop.selection.compare import comparison_table
from roadloop.settings import Settings
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage.paths import Workspace

TINY = Contest(
    classes=f"{GRID}, fence",
    tracks=(4, 2, 2),
    frames=(2, 4, 2),
    script=Script(
        size=(64, 48),
        epochs=1,
        batch=4,
        train_con={"optimizer": "adamw", "base_lr": 0.005, "network_settings": {"auxiliary": False, "width": 0.25}},
        again=Lap(picks=3, package=4, epochs=1),
    ),
)
STAGE = Stage(Console(quiet=True), "en")


def test_classes__the_grid_is_one_of_its_own() -> None:
    raws = [raw for c in CLASSES for raw in c.raws]
    assert sorted(raws) == sorted(raw for c in LEARNT for raw in c.raws)
    assert CLASSES[-1].raws == (Raw.STOP_GRID,)


def test_contest__a_seed_changes_the_training_but_no_drive() -> None:
    contest = Contest(tracks=(3, 5, 4), frames=(6, 8, 6), every=7)
    first, second = contest.of_seed(0), contest.of_seed(1)
    assert replace(second, seed=0) == first
    assert (first.tracks, first.again.drives, first.again.frames, first.again.every) == (3, 5, 8, 7)
    assert first.again.classes == GRID


def test_claim__the_same_options_go_on_and_others_are_refused(tmp_path: Path) -> None:
    mining.claim(tmp_path, Contest())
    mining.claim(tmp_path, Contest())
    with pytest.raises(InvalidValueError, match="begun with other options"):
        mining.claim(tmp_path, Contest(world=1))


def test_pixels__of_the_class(tmp_path: Path) -> None:
    ids = np.full((10, 10), Raw.ROAD, np.uint8)
    ids[:4, :10] = Raw.STOP_GRID
    (tmp_path / "a.png").write_bytes(encode_label(ids))
    assert mining._pixels(tmp_path / "a.png", [Raw.STOP_GRID]) == 40


def test_verdict__all_seeds_in_one_comparison() -> None:
    """The trainings of every seed, one list for each arm, under the first seed's selection."""
    asked: list[tuple[str, dict[str, str]]] = []

    class Listening:
        def get(self, path: str, **sent: str) -> dict[str, str]:
            asked.append((path, sent))
            return {"verdict": "paid"}

    client: Any = Listening()
    workspace = Workspace(Path("/nowhere"))
    runs = [MiningRun(client, workspace, STAGE, TINY, (seed, kind)) for seed in (0, 1) for kind in mining.KINDS]
    for kind in mining.KINDS:
        of_kind = mining.of_kind(runs, kind)
        of_kind[0].found.gained.selection = f"abc-{kind}"
        assert mining.verdict(of_kind[0].client, of_kind) == {"verdict": "paid"}
    mined, control = ("mining-train-0-mined,mining-train-1-mined", "mining-train-0-control,mining-train-1-control")
    seen = "mining-train-0-seen,mining-train-1-seen"
    assert asked == [
        ("/v1/selections/abc-random/compare", {"mined": mined, "control": control}),
        ("/v1/selections/abc-seen/compare", {"mined": mined, "control": seen}),
    ]


@pytest.mark.slow
def test_run__seeds_share_the_drives_and_the_sets_are_apart(tmp_path: Path) -> None:
    settings = Settings(home=tmp_path / "home", port=0, min_free_mib=0, torch_threads=1)
    with serving(settings) as server, Client(server.url, "en", alive=server.check) as client:
        for seed in (0, 1):
            run = MiningRun(client, Workspace(settings.home), STAGE, TINY, (seed, "random"))
            run._sources()
            run._dataset()
            run._drive()
            assert run.found.counts == {
                "train": 14,
                "val": 2,
                "test": 0,
            }  # 2 cities, 4 drives, 2 pictures; one drive in val
        assert sorted(client.get("/sour_datas")["data"]) == ["mining-data", "mining-heldout"]
    tracks = {
        name: set(DatasetReader(settings.home / "datasets" / name).split(split).column("track"))
        for name, split in (("mining-data", "train"), ("mining-heldout", "test"))
    }
    pool = set((settings.home / "tracks" / "mining-drives.txt").read_text().split())
    assert pool == {f"{city}-000{track}" for city in ("suzhou", "beijing") for track in (4, 5)}
    assert tracks["mining-heldout"] == {f"{city}-000{track}" for city in ("suzhou", "beijing") for track in (6, 7)}
    assert not pool & tracks["mining-data"]
    assert len(list((settings.home / "tracks").glob("*/*.jpg"))) == 2 * 2 * 4


def test_shown_and_report__count_what_came_back(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    grid, road = np.full((48, 64), Raw.STOP_GRID, np.uint8), np.full((48, 64), Raw.ROAD, np.uint8)
    picture = encode_jpeg(np.zeros((48, 64, 3), np.uint8))
    with writing_set(workspace, "came-back", shipped()) as writer:
        for stem, label in (("t_1", grid), ("t_2", road), ("t_3", road)):
            writer.add(NewSample(package="1", stem=stem, image=picture, label=encode_label(label)))
    runs = [MiningRun(None, workspace, STAGE, TINY, (3, kind)) for kind in mining.KINDS]  # type: ignore[arg-type]
    measure = {"mean": 0.5, "lowest": 0.4, "highest": 0.6}
    comparison = {
        "measures": [
            {
                "measure": "iou:13",
                "name": GRID,
                "mined": measure,
                "control": measure,
                "difference": 0.0,
                "verdict": "not_paid",
            }
        ]
    }
    for run, control, iou in zip(runs, (["t_2", "t_3"], ["t_1"]), (0.5, 0.75), strict=True):
        gained = run.found.gained
        gained.source, gained.pictures, gained.comparison = (
            "came-back",
            {"mined": ["t_1", "t_2"], "control": control},
            comparison,
        )
        classes = {c.name_en: {"name_en": c.name_en, "name_zh": c.name_zh, "iou": 0.25} for c in CLASSES}
        gained.reports = {name: {"miou": 0.5, "classes": list(classes.values())} for name in ("before", "mined")}
        gained.reports["control"] = {"miou": iou, "classes": [{**row, "iou": iou} for row in classes.values()]}
    assert [run.shown() for run in runs] == [{"mined": 1, "control": 0}, {"mined": 1, "control": 1}]

    head, rule, row = mining.seeds_table(runs, "en").splitlines()
    assert head.startswith(
        "| seed | show it: mined | show it: random | show it: random where seen | mean of the 1 aimed at: before |"
    )
    assert head.count("|") == rule.count("|") == row.count("|")
    assert (
        row
        == "| 3 | 1 of 2 | 0 of 2 | 1 of 1 | 0.2500 | 0.2500 | 0.5000 | 0.7500 | 0.5000 | 0.5000 | 0.5000 | 0.7500 |"
    )
    alone = mining.seeds_table(runs[:1], "en").splitlines()[2]
    assert alone == "| 3 | 1 of 2 | 0 of 2 | - | 0.2500 | 0.2500 | 0.5000 | - | 0.5000 | 0.5000 | 0.5000 | - |"
    out = StringIO()
    Console(file=out, width=160).print(comparison_table(comparison))
    assert "0.5000 [0.4000, 0.6000]" in out.getvalue()
    value = json.loads(mining.write_report(tmp_path, TINY, runs, {"random": comparison}).read_text())
    assert [(s["control_kind"], s["show_the_class"]["control"]) for s in value["seeds"]] == [("random", 0), ("seen", 1)]
    assert value["comparisons"]["random"]["measures"][0]["verdict"] == "not_paid"


def test_run_all__leaves_out_whom_the_model_gave_no_picture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    runs = [MiningRun(None, Workspace(tmp_path), STAGE, TINY, (3, kind)) for kind in mining.KINDS]  # type: ignore[arg-type]

    def mine(run: MiningRun) -> None:
        if run.control == "seen":
            raise EmptyArmError(Text("空", "empty"))

    monkeypatch.setattr(MiningRun, "run", mine)
    assert mining.run_all(runs) == runs[:1]
