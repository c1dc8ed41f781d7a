"""`python -m benchmarks cluster`: one job's work on one, two and three Ray nodes of a core each, against one process with as many.

With a PostgreSQL database also how long a job takes to start, on this machine and on a Ray node.

The nodes are processes of this machine, each bound to one core, so of as many nodes as there are cores the figures say what sharing out
costs; more nodes than cores share them.
"""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from benchmarks.contest import Contender, Lap, Result, contest
from benchmarks.pictures import NAME, Choice, build, described, written
from benchmarks.predict import untrained
from roadloop.cluster.hand import Opening, Post, pack
from roadloop.cluster.hosts import Cluster
from roadloop.cluster.line import Work
from roadloop.cluster.ray_team import RayTeam
from roadloop.cluster.spread import Share, There, shared
from roadloop.cluster.wire import PROOF
from roadloop.datasets.info import DatasetInfo
from roadloop.datasets.plan import make_plan
from roadloop.datasets.pool import Packing, open_packing
from roadloop.datasets.recipe import DatasetRecipe
from roadloop.errors import Text
from roadloop.evaluation.pictures import open_source
from roadloop.evaluation.predicting import Elsewhere, open_predicting
from roadloop.evaluation.recipe import ChosenModel, EvaluationRecipe
from roadloop.imaging.decode import decode_image
from roadloop.jobs import queue
from roadloop.jobs.confine import Confinement
from roadloop.jobs.hosts import Hosts, OneHost
from roadloop.jobs.supervisor import Supervisor
from roadloop.models.backend import Choice as Backend
from roadloop.models.files import load_description
from roadloop.networks.trust import SHIPPED
from roadloop.settings import Settings
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform, open_platform

RAY: Final = str(Path(sys.executable).with_name("ray"))
MIB: Final = 2**20


class Course(NamedTuple):
    """One kind of work: how it is begun, its items, how many pictures each has."""

    there: There[Any, Any]
    items: list[Any]
    pictures: Callable[[Any], int]


@contextmanager
def nodes(number: int) -> Iterator[str]:
    """A Ray cluster of nodes b1, b2... on this machine, bound to one core each; its address."""
    cores = sorted(os.sched_getaffinity(0))
    with socket.create_server(("127.0.0.1", 0)) as free:
        address = f"127.0.0.1:{free.getsockname()[1]}"
    environment = Settings().driver_environment(token=False)
    with ExitStack() as stack:
        for node in range(number):
            place = ["--head", "--port", address.rpartition(":")[2], "--include-dashboard=false"]
            process = subprocess.Popen(
                ["taskset", "-c", str(cores[node % len(cores)]), RAY, "start", "--block", "--num-cpus=1",
                 *(place if not node else ["--address", address]), "--node-ip-address=127.0.0.1",
                 f"--node-name=b{node + 1}", "--disable-usage-stats", f"--object-store-memory={80 * MIB}"],
                env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(process.wait)
            stack.callback(process.terminate)
            time.sleep(8)
        yield address


def on_nodes(address: str, number: int, course: Course, settings: Settings) -> Lap:
    """Pictures and seconds from when all nodes are ready; what comes before is worked on and not counted."""
    said: list[str] = []
    began: list[float] = []
    team = RayTeam(
        address, "bench:1", pack(Opening(settings.model_dump(mode="json"), course.there.begin, course.there.told, {}))
    )

    def stream() -> Iterator[Any]:
        while len(said) < number:
            yield course.items[0]
        began.append(time.monotonic())
        yield from course.items

    def nobody(items: Iterable[Any]) -> list[Any]:
        for _ in items:
            raise AssertionError(f"the nodes gave up: {said}")
        return []

    free = {f"b{node + 1}": 1 for node in range(number)}
    try:
        share = Share(team, lambda: free, nobody, course.there.each, lambda: None, said.append)
        for _ in shared(share, stream()):
            pass
        seconds = time.monotonic() - began[0]
    finally:
        team.close()
    return Lap(sum(map(course.pictures, course.items)), seconds, seconds * number)


def alone(cores: int, course: Course, settings: Settings) -> Lap:
    """The same in one process on as many cores."""
    mine = os.sched_getaffinity(0)
    os.sched_setaffinity(0, set(sorted(mine)[:cores]))
    try:
        work: Work[Any, Any] = course.there.begin(Post(settings, Workspace(settings.home), cores), course.there.told)
        list(work(course.items[:1]))
        began = time.monotonic()
        for _ in work(course.items):
            pass
        seconds = time.monotonic() - began
    finally:
        os.sched_setaffinity(0, mine)
    return Lap(sum(map(course.pictures, course.items)), seconds, seconds * cores)


def race(choice: Choice, rounds: int, network: str, most: int) -> list[Result]:
    """Prediction and build on 1 to `most` nodes, each against one process with as many cores."""
    results = []
    with written(choice) as workspace:
        info = build(workspace, NAME, 1)
        (workspace.home / PROOF).write_text("bench")
        settings = Settings(home=workspace.home)
        courses = {"prediction": predicting(workspace, network, info), "build": packing(workspace)}
        for number in range(1, most + 1):
            cores = min(number, len(os.sched_getaffinity(0)))
            with nodes(number) as address:
                for kind, course in courses.items():
                    timings = contest(
                        [
                            Contender(
                                f"{number} nodes of one core", partial(on_nodes, address, number, course, settings)
                            ),
                            Contender(f"one process, {cores} cores", partial(alone, cores, course, settings)),
                        ],
                        rounds,
                    )
                    results.append(Result(f"{kind}: {described(choice, info)}", "pictures", timings, ()))
    return results


def starts(url: str, rounds: int, jobs: int = 10) -> Result:
    """From a submission until the job's process says that it is there: started by this machine, and by a Ray node of it.

    Args:
        url: Of an empty PostgreSQL database.
        rounds: How often each side runs.
        jobs: One after the other, in each round.
    """
    with tempfile.TemporaryDirectory(prefix="bench-") as folder, nodes(1) as address:
        settings = Settings(
            home=Path(folder) / "home", database_url=url, ray_address=address, ray_insecure=True, poll_seconds=0.05
        )
        platform = open_platform(settings, upgrade=True)
        sides: dict[str, Callable[[], Hosts]] = {
            "a Ray node": lambda: Cluster(platform, Confinement()),
            "this machine": lambda: OneHost(platform, Confinement()),
        }
        try:
            contenders = [Contender(name, partial(_started, platform, made, jobs)) for name, made in sides.items()]
            return Result("job starts, rows in PostgreSQL", "starts", contest(contenders, rounds), ())
        finally:
            platform.database.close()


def _started(platform: Platform, made: Callable[[], Hosts], jobs: int) -> Lap:
    hosts = made()
    supervisor = Supervisor(platform, hosts)
    supervisor.start()
    seconds = 0.0
    try:
        while isinstance(hosts.ready(), Text):
            time.sleep(0.1)
        for number in range(jobs):
            plan = {"steps": 1, "pause": 0.0, "name": f"counted{number}"}
            began = time.monotonic()
            with platform.database.transaction() as db:
                task_id = queue.submit(db, queue.Submission("rehearsal", plan, "bench"))
            while _job(platform, task_id).pid is None:
                time.sleep(0.005)
            seconds += time.monotonic() - began
            while _job(platform, task_id).finished_at is None:
                time.sleep(0.05)
    finally:
        supervisor.close(stop_jobs=True)
    return Lap(jobs, seconds, seconds)


def _job(platform: Platform, task_id: str) -> queue.Job:
    with platform.database.reading() as db:
        return queue.get(db, task_id)


def predicting(workspace: Workspace, network: str, info: DatasetInfo) -> Course:
    """An evaluation of a shipped network with its first weights over the source set."""
    files = sorted((workspace.sources / NAME).rglob("*.jpg"))
    params = untrained(workspace, info, network, [decode_image(path.read_bytes()) for path in files[:4]])
    chosen = ChosenModel(
        source="weights", file=params.name, path=f"weights/{params.name}", sha256=load_description(params).params_sha256
    )
    recipe = EvaluationRecipe(sour_dir=f"sources/{NAME}", dest_path="", models=(chosen,))
    folder = workspace.home / "predicted"
    told = Elsewhere(recipe, folder, SHIPPED, [Backend("torch", "setting")])
    return Course(
        There(open_predicting, told, 8), list(open_source(workspace, recipe.sour_dir).pictures()), lambda _: 1
    )


def packing(workspace: Workspace) -> Course:
    """A build of the source set."""
    recipe = DatasetRecipe(name="b", sources=(NAME,), shares={"train": 1.0, "val": 0.0, "test": 0.0})
    plan = make_plan(workspace, recipe)
    parts = workspace.home / "parts"
    parts.mkdir()
    told = Packing(plan.tables, parts, 64, 64_000_000)
    return Course(There(open_packing, told, 1), list(plan.shards), lambda shard: len(shard.samples))
