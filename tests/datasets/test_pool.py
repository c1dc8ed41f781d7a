import json
import multiprocessing
import threading
from pathlib import Path

import numpy as np
import pytest

from roadloop.datasets import pack
from roadloop.datasets.pack import ShardPlan, ShardReport, pack_shard, read_report
from roadloop.datasets.plan import Plan
from roadloop.datasets.pool import Packing, pack_all, take_over
from roadloop.errors import JobError, Text
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.layout import Pair, make_sample
from roadloop.sources.manifest import Row
from s3_server import Bucket

TABLE = ClassTable("t", (LabelClass(0, "road", "道路", (1, 1, 1), 0),))
LIMIT = 10_000


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """Five shards of two pictures; the pictures of the last one are broken."""
    package = tmp_path / "set" / "1"
    package.mkdir(parents=True)
    shards = []
    for number in range(5):
        samples = []
        for stem in (f"a{number}_1", f"a{number}_2"):
            good = encode_jpeg(np.zeros((8, 8, 3), np.uint8))
            (package / f"{stem}.jpg").write_bytes(good if number < 4 else b"x")
            (package / f"{stem}.png").write_bytes(encode_label(np.zeros((8, 8), np.uint8)))
            pair = Pair(stem, f"{stem}.jpg", f"{stem}.png", "id")
            samples.append(make_sample("set", package, pair, Row(package.name, stem)))
        shards.append(ShardPlan("train", number, tuple(samples), tuple(s.key for s in samples)))
    return Plan({"set": TABLE}, tuple(shards), (), (), None)


def _pack(plan: Plan, done: list[ShardReport], folder: Path, processes: int = 1) -> list[ShardReport]:
    folder.mkdir(exist_ok=True)
    finished = {report.file for report in done}
    todo = [shard for shard in plan.shards if shard.file not in finished]
    return list(pack_all(todo, Packing(plan.tables, folder, processes, LIMIT), lambda _: None))


def test_pack_all__every_shard_once_with_any_number_of_processes(plan: Plan, tmp_path: Path) -> None:
    for processes in (1, 2, 99):
        reports = _pack(plan, [], tmp_path / f"out{processes}", processes)
        assert sorted(r.file for r in reports) == [f"train-0000{i}.arrow" for i in range(5)]
        assert sorted(r.rows for r in reports) == [0, 2, 2, 2, 2]
        assert sum(len(r.problems) for r in reports) == 2
        assert not (tmp_path / f"out{processes}" / "train-00004.arrow").exists()


def test_take_over__only_what_is_whole_and_unchanged(plan: Plan, tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    _pack(plan, [], old)
    new.mkdir()
    flipped = old / "train-00000.arrow"
    data = bytearray(flipped.read_bytes())
    data[len(data) // 2] ^= 1
    flipped.write_bytes(data)
    (tmp_path / "set" / "1" / "a1_1.jpg").write_bytes(encode_jpeg(np.ones((8, 8, 3), np.uint8)))
    (old / "train-00002.json").write_text('{"split": "train"')
    taken = take_over(plan, [tmp_path / "gone", old], new)
    assert sorted(r.file for r in taken) == ["train-00003.arrow", "train-00004.arrow"]
    assert (new / "train-00003.arrow").is_file()
    rest = _pack(plan, taken, new)
    assert sorted(r.file for r in rest) == ["train-00000.arrow", "train-00001.arrow", "train-00002.arrow"]
    assert take_over(plan, [old], new) == []


def test_take_over__another_class_table_is_another_shard(plan: Plan, tmp_path: Path) -> None:
    _pack(plan, [], tmp_path / "old")
    (tmp_path / "new").mkdir()
    other = ClassTable("t", (LabelClass(0, "road", "路面", (1, 1, 1), 0),))
    assert take_over(plan._replace(tables={"set": other}), [tmp_path / "old"], tmp_path / "new") == []


def test_pack_all__stops_when_asked(plan: Plan, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()

    def watch(_: int) -> None:
        raise JobError(Text("停", "stop"))

    with pytest.raises(JobError):
        list(pack_all(plan.shards, Packing(plan.tables, tmp_path / "out", 1, LIMIT), watch))


def test_pack_all__reports_are_plain_files_of_the_same_content(plan: Plan, tmp_path: Path) -> None:
    _pack(plan, [], tmp_path / "out")
    report = json.loads((tmp_path / "out" / "train-00001.json").read_text())
    assert report["rows"] == 2
    assert report["tally"]["pixels"] == {"0": 128}
    assert report["tally"]["tracks"] == {"a1": [2, [0]]}


def test_pack_shard__pictures_of_a_store_give_the_bytes_that_files_give(
    plan: Plan, tmp_path: Path, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = multiprocessing.get_context("spawn")
    done = context.Value("q", 0)
    monkeypatch.setattr(pack, "_signals", [pack._Signals(done, threading.Event())])
    bucket.put_folder(tmp_path / "set", "set")
    place = f"s3://{bucket.name}/set/1"
    stored = []
    for sample in plan.shards[0].samples:
        pair = Pair(sample.stem, f"{place}/{sample.image_name}", f"{place}/{sample.label_name}", "id")
        stored.append(make_sample("set", sample.folder, pair, sample.facts))
    here, there = plan.shards[0], plan.shards[0]._replace(samples=tuple(stored))
    sums = []
    for name, shard in (("here", here), ("there", there), ("again", there)):
        (tmp_path / name).mkdir()
        report = read_report(pack_shard(shard, plan.tables, tmp_path / name, LIMIT))
        sums.append((report.rows, report.sha256))
    assert sums == [(2, sums[0][1])] * 3
    assert done.value == 6
    bucket.remove(f"set/1/{here.samples[0].image_name}")
    (tmp_path / "gone").mkdir()
    report = read_report(pack_shard(there, plan.tables, tmp_path / "gone", LIMIT))
    assert (report.rows, [problem.file for problem in report.problems]) == (1, [f"set/1/{here.samples[0].image_name}"])
