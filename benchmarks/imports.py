"""`python -m benchmarks import`: a folder of pairs as a source set, by copy and by reference, against a plain script.

Memory is that of a process of its own which imports the folder, at one size and at a quarter of it: what grows with the
number of pictures is their list, no picture.
"""

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from rich.progress import Progress

from benchmarks.contest import Contender, Result, contest
from benchmarks.pictures import DIFFERENT, PACKAGE, drawn
from benchmarks.scripts import CHECKOUT, opponent
from roadloop.labels.table import format_csv, shipped
from roadloop.settings import Settings
from roadloop.sources.recipe import ImportRecipe, Mode
from roadloop.sources.terminal import Terminal, import_here
from roadloop.storage.platform import open_platform, opened

_NAME: Final = "bench"
_CHILD: Final = """
import json, resource, sys
from pathlib import Path
from benchmarks.imports import bring
done = bring(Path(sys.argv[1]), sys.argv[2], sys.argv[3])
print(json.dumps({"pictures": done, "kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss}))
"""


def race(pictures: int, size: tuple[int, int], rounds: int, mode: Mode) -> Result:
    """Import the folder and run the script in turns; each round writes new files and removes them.

    Args:
        pictures: How many pairs.
        size: Their width and height.
        rounds: Times that each side runs.
        mode: `copy`, or `reference`: then neither side copies.
    """
    with written(pictures, size) as home:
        script, classes = opponent("plain_import"), shipped().raw_ids

        def theirs() -> int:
            done = int(script.bring(home / "imports" / "pairs", home / "script", classes, copy=mode == "copy"))
            shutil.rmtree(home / "script")
            return done

        ours = Contender("roadloop", lambda: bring(home, "imports/pairs", mode))
        timings = contest([ours, Contender("a script with Pillow", theirs)], rounds)
        notes = tuple(_memory(home, place, mode) for place in ("imports/few", "imports/pairs"))
    title = f"Importing {pictures} generated pairs of {size[0]}x{size[1]}, by {mode}"
    return Result(title, "pictures", timings, notes)


def bring(home: Path, src: str, mode: Mode) -> int:
    """Import a folder of the workspace as `roadloop import` does, and remove the set again."""
    values = ImportRecipe(src=src, dest=_NAME, mode=mode)
    with opened(Settings(home=home)) as platform, Progress(disable=True) as bar:
        done, report = import_here(platform, values, Terminal(bar, _NAME))
    shutil.rmtree(home / "sources" / _NAME)
    report.unlink()
    return done.taken.pictures


@contextmanager
def written(pictures: int, size: tuple[int, int]) -> Iterator[Path]:
    """A home with `imports/pairs`, and a quarter of them in `imports/few`, gone when the block ends."""
    with TemporaryDirectory(prefix="roadloop-bench-") as made:
        home = Path(made)
        open_platform(Settings(home=home), upgrade=True).database.close()
        samples = list(drawn(min(pictures, DIFFERENT), size))
        for place, number in (("pairs", pictures), ("few", max(1, pictures // 4))):
            root = home / "imports" / place
            for i in range(number):
                sample, folder = samples[i % len(samples)], root / f"{i // PACKAGE:04d}"
                folder.mkdir(parents=True, exist_ok=True)
                (folder / f"{i:06d}.jpg").write_bytes(sample.image)
                (folder / f"{i:06d}.png").write_bytes(sample.label)
            (root / "classes.csv").write_text(format_csv(shipped()), encoding="utf-8")
        yield home


def _memory(home: Path, src: str, mode: Mode) -> str:
    command = [sys.executable, "-c", _CHILD, str(home), src, mode]
    done = json.loads(subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=True).stdout)
    return f"Peak memory of a process that imports {done['pictures']} pictures: {done['kib'] / 1024:.0f} MiB"
