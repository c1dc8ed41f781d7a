"""`python -m benchmarks mining`: whether mining a rare class pays, over some seeds, on the synthetic world and over HTTP.

All seeds share the drives: a small labelled set, a pool without labels, and a held-out set on which every model is
evaluated. A seed draws the network's first weights, the order of the pictures and the control arms; the mined arm follows
from the model that was trained with it. One control arm is random, the other random among the pictures in which the model
sees a class aimed at, which is what whoever knows the class would draw from. All arms have as many pictures and steps.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Final, Literal

import numpy as np

from roadloop.client import Client, Row
from roadloop.demo.classes import LEARNT, LearntClass
from roadloop.demo.report import gains, gains_rows
from roadloop.demo.script import Found, Lap, Names, Script
from roadloop.demo.second_lap import ARMS, EmptyArmError, TwoLaps
from roadloop.demo.stage import Stage
from roadloop.demo.tour import CITIES
from roadloop.demo.world.cities import Raw
from roadloop.demo.write import Drives, write_source_set
from roadloop.errors import InvalidValueError, Language, Text
from roadloop.imaging.decode import decode_label
from roadloop.sources.service import open_set, scan
from roadloop.storage import publish, reading
from roadloop.storage.objects import Place
from roadloop.storage.paths import Workspace

Kind = Literal["random", "seen"]  # of a control arm
REPORT: Final = "mining-report.json"
CONTEST: Final = "mining-contest.json"
BASE: Final = "mining-base"
HELD_OUT: Final = "mining-heldout"
GRID: Final = "yellow grid"
KINDS: Final[Mapping[Kind, Text]] = {
    "random": Text("随机", "random"),
    "seen": Text("看见目标中随机", "random where seen"),
}
NONE: Final = "-"  #: in the table: the model saw the classes in no picture
SHOWN: Final = 40  #: pixels of a class from which a picture shows it
CLASSES: Final = (
    *(learnt._replace(raws=tuple(raw for raw in learnt.raws if raw is not Raw.STOP_GRID)) for learnt in LEARNT),
    LearntClass(GRID, "黄色网格线", (Raw.STOP_GRID,), target=False),
)


@dataclass(frozen=True)
class Contest:
    """What the benchmark does; everything that decides its numbers.

    Attributes:
        world: Seed of the world; another one is another city plan.
        classes: What is aimed at.
        tracks: Drives in each city: labelled, without labels, held out.
        frames: Pictures of each of these drives.
        every: Frames of 0.4 s between them.
        script: Of each seed; its own `seed` is not used.
    """

    world: int = 0
    classes: str = GRID
    tracks: tuple[int, int, int] = (14, 42, 21)
    frames: tuple[int, int, int] = (6, 8, 6)
    every: int = 7
    script: Script = field(
        default_factory=lambda: Script(
            size=(240, 180), epochs=12, again=Lap(picks=32, per_track=3, package=32, epochs=6)
        )
    )

    def of_seed(self, seed: int) -> Script:
        """The script of one seed."""
        labelled, pool, _ = self.tracks
        lap = replace(self.script.again, drives=pool, frames=self.frames[1], every=self.every, classes=self.classes)
        train_con = {**self.script.train_con, "cpu_processes": 1}
        return replace(self.script, seed=seed, tracks=labelled, train_con=train_con, again=lap)


def claim(home: Path, contest: Contest) -> None:
    """Note in a home what is done there, so that a later call goes on with the same.

    Raises:
        InvalidValueError: It was begun with other options.
    """
    path = home / CONTEST
    wanted = json.loads(json.dumps(asdict(contest)))
    if not path.exists():
        publish.write_json(path, wanted)
    elif json.loads(path.read_bytes()) != wanted:
        raise InvalidValueError(
            Text(
                f"{home} 中的评测是用别的选项开始的；没有改动任何内容。请用 --home 选另一个目录，或用原来的选项接着做。",
                f"The benchmark in {home} was begun with other options; nothing was changed. Choose another folder with"
                " --home, or go on with the same options.",
            ),
            home=str(home),
        )


class MiningRun(TwoLaps):
    """One seed of the benchmark with one control arm; steps that runs share are done by the first.

    Args:
        client: Of the benchmark's server.
        workspace: The home that it serves.
        stage: Where progress is shown.
        contest: What to do.
        which: Its seed, and what its control arm is drawn from.
    """

    classes = CLASSES

    def __init__(
        self, client: Client, workspace: Workspace, stage: Stage, contest: Contest, which: tuple[int, Kind]
    ) -> None:
        seed, self.control = which
        super().__init__(client, workspace, stage, contest.of_seed(seed), processes=1)
        self.world = contest.world
        self.names = Names(
            data="mining-data",
            test=f"dataset:{HELD_OUT}/test",
            network="mining-net",
            task=f"mining-train-{seed}",
            version=f"mining-{seed}" if self.control == "random" else f"mining-{seed}-{self.control}",
            drives="tracks/mining-drives.txt",
        )
        self._contest = contest

    def run(self) -> Found:
        """Train the base model, mine, learn from both arms, evaluate.

        Raises:
            RoadloopError: A step failed; says what, and where the log is.
        """
        self._sources()
        self._dataset()
        self._network()
        self._train()
        self.mine()
        return self.found

    def sets(self) -> list[str]:
        """The labelled source sets; what other seeds had labelled does not count."""
        return [BASE]

    def shown(self) -> dict[str, int]:
        """How many pictures of each arm show a class aimed at, by the labels that came back."""
        gained = self.found.gained
        aimed = {m["name"] for m in gained.comparison["measures"] if m["measure"].startswith("iou:")}
        raws = [raw for c in self.classes if aimed & {c.name_en, c.name_zh} for raw in c.raws]
        labels = {s.stem: s.label for s in scan(open_set(self._workspace, gained.source)).samples}
        showing = {stem for stem, label in labels.items() if _pixels(label, raws) >= SHOWN}
        return {arm: len(showing & set(gained.pictures[arm])) for arm in ARMS}

    def task(self, arm: str) -> str:
        """The training with an arm; both runs of a seed have the one with the mined pictures."""
        return f"{self.names.task}-{self._own(arm)}"

    def _task(self, arm: str) -> str:
        return self.task(arm)

    def _data(self, arm: str) -> str:
        return f"{self.names.data}-{self.script.seed}-{self._own(arm)}"

    def _own(self, arm: str) -> str:
        return self.control if arm == "control" and self.control != "random" else arm

    def _sources(self) -> None:
        contest = self._contest
        labelled, pool, held_out = contest.tracks
        begin = labelled + pool
        parts = {
            BASE: (range(labelled), contest.frames[0]),
            HELD_OUT: (range(begin, begin + held_out), contest.frames[2]),
        }
        present = self.client.get("/data")["data"]
        for name, (tracks, frames) in parts.items():
            with self.stage.step(Text("合成源数据", "draw source set"), "/data", name) as line:
                if name not in present:
                    size = self.script.size
                    drives = [Drives(city, tracks, frames, contest.every, size, self.world) for city in CITIES]
                    write_source_set(self._workspace, name, drives, processes=self._processes, progress=line.count)
                count = len(CITIES) * len(tracks) * frames
                line.done(Text(f"{count} 张", f"{count} pictures"))

    def _dataset(self) -> None:
        with self.stage.step(Text("生成数据集", "build dataset"), "/create_data", self.names.data) as line:
            shares = {"data_type": "all", "l_value": 1}
            self._built(line, HELD_OUT, sour_data=HELD_OUT, train=0, val=0, test=1, **shares)
            row = self._built(line, self.names.data, sour_data=BASE, train=0.9, val=0.1, test=0, **shares)
            self.found.counts = row["counts"]
            line.done(Text(f"{row['counts']['train']} 张训练图片", f"{row['counts']['train']} training pictures"))


def run_all(runs: Sequence[MiningRun]) -> list[MiningRun]:
    """Run them one after the other; those to whose control arm the model gave no picture are left out."""
    done = []
    for run in runs:
        try:
            run.run()
        except EmptyArmError:  # the table says so
            continue
        done.append(run)
    return done


def verdict(client: Client, runs: Sequence[MiningRun]) -> Row:
    """What `/v1/selections/{task_id}/compare` says about all seeds together, against one kind of control arm."""
    tasks = {arm: ",".join(run.task(arm) for run in runs) for arm in ARMS}
    return client.get(f"/v1/selections/{runs[0].found.gained.selection}/compare", **tasks)


def seeds_table(runs: Sequence[MiningRun], language: Language) -> str:
    """Every seed by itself, for docs/mining.md: pictures that show the classes aimed at, and IoU before and after."""
    arms = [Text("挑出", "mined"), *KINDS.values()]
    measures = [name for name, *_ in gains(runs[0].found, runs[0].classes)[1:3]][::-1]
    head = [Text("种子", "seed"), *(Text(f"含目标：{arm.zh}", f"show it: {arm.en}") for arm in arms)]
    for measure in measures:
        head += [Text(f"{measure.zh}：{arm.zh}", f"{measure.en}: {arm.en}") for arm in (Text("之前", "before"), *arms)]
    rows = [[title.pick(language) for title in head], ["---:"] * len(head)]
    seeing = {run.script.seed: run for run in of_kind(runs, "seen")}
    for random in of_kind(runs, "random"):
        seen = seeing.get(random.script.seed)
        row = [str(random.script.seed), *(_shows(random, arm) for arm in ARMS), _shows(seen, "control")]
        of_random = gains(random.found, random.classes)[1:3][::-1]
        of_seen = of_random if seen is None else gains(seen.found, seen.classes)[1:3][::-1]
        for (_, before, mined, control), (*_, other) in zip(of_random, of_seen, strict=True):
            row += [f"{value:.4f}" for value in (before, mined, control)]
            row.append(NONE if seen is None else f"{other:.4f}")
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def _shows(run: MiningRun | None, arm: str) -> str:
    """How many pictures of an arm show the classes aimed at."""
    return NONE if run is None else f"{run.shown()[arm]} of {len(run.found.gained.pictures[arm])}"


def of_kind(runs: Sequence[MiningRun], kind: Kind) -> list[MiningRun]:
    """The runs with one kind of control arm, by seed."""
    return [run for run in runs if run.control == kind]


def write_report(home: Path, contest: Contest, runs: Sequence[MiningRun], found: Mapping[Kind, Row]) -> Path:
    """Write `mining-report.json`: every seed, and the comparison with each kind of control arm; returns its path."""
    path = home / REPORT
    seeds = [
        {
            "seed": run.script.seed,
            "control_kind": run.control,
            "pictures": {arm: len(stems) for arm, stems in run.found.gained.pictures.items()},
            "show_the_class": run.shown(),
            "gains": gains_rows(run.found, run.classes),
        }
        for run in runs
    ]
    publish.write_json(
        path,
        {"format": "roadloop-bench-mining/2", "contest": asdict(contest), "seeds": seeds, "comparisons": dict(found)},
    )
    return path


def _pixels(label: Place, raws: Sequence[int]) -> int:
    return int(np.isin(decode_label(reading.read_bytes(label)), raws).sum())
