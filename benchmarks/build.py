"""`python -m benchmarks build`: a dataset in several processes against a script that packs the same folder in one."""

import shutil
from itertools import count

from benchmarks.contest import Contender, Result, contest
from benchmarks.pictures import NAME, Choice, build, described, written
from benchmarks.scripts import opponent


def race(choice: Choice, rounds: int, processes: int) -> Result:
    """Build the dataset and the script's tar file in turns; each round writes new files and removes them."""
    with written(choice) as workspace:
        numbers = count()
        script = opponent("pillow_build")
        info = build(workspace, NAME, 1)

        def ours() -> int:
            name = f"{NAME}-{next(numbers)}"
            done = build(workspace, name, processes)
            for path in workspace.datasets.glob(f"{name}*"):
                shutil.rmtree(path)
            return sum(done.counts.values())

        def theirs() -> int:
            return int(script.build(workspace.sources / NAME, workspace.home / "bench.tar"))

        timings = contest([Contender("roadloop", ours), Contender("one process with Pillow", theirs)], rounds)
    title = f"Building a dataset in {processes} process(es): {described(choice, info)}"
    return Result(title, "pictures", timings)
