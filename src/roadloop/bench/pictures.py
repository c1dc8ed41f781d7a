"""What the benchmarks work on: generated drives or CamVid, as a source set in a workspace of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from roadloop.datasets.assemble import assemble
from roadloop.datasets.info import DatasetInfo
from roadloop.datasets.plan import make_plan
from roadloop.datasets.pool import pack_all
from roadloop.datasets.recipe import DatasetRecipe
from roadloop.demo.write import Drives, write_source_set
from roadloop.imaging.decode import MAX_PIXELS
from roadloop.sources.importers import camvid
from roadloop.sources.writer import writing_set
from roadloop.storage.paths import Workspace

NAME: Final = "bench"
TRACKS: Final = 4


@dataclass(frozen=True)
class Choice:
    """Which pictures.

    Attributes:
        camvid: Folder of CamVid; None: generated.
        count: At most so many.
        size: Width and height of generated ones.
    """

    camvid: Path | None
    count: int
    size: tuple[int, int]


@contextmanager
def written(choice: Choice) -> Iterator[Workspace]:
    """A workspace with the source set `bench`, gone when the block ends."""
    with TemporaryDirectory(prefix="roadloop-bench-") as home:
        workspace = Workspace(Path(home))
        workspace.create_folders()
        if choice.camvid is None:
            frames = max(1, choice.count // TRACKS)
            drives = Drives("suzhou", range(min(TRACKS, choice.count)), frames, every=5, size=choice.size)
            write_source_set(workspace, NAME, [drives], processes=1)
        else:
            found = camvid.find(choice.camvid)[: choice.count]
            with writing_set(workspace, NAME, camvid.TABLE) as writer:
                for sample in camvid.read(found):
                    writer.add(sample)
        yield workspace


def build(workspace: Workspace, name: str, processes: int) -> DatasetInfo:
    """Build the dataset `name` from the source set, all of it for training; what the job of /create_data does."""
    recipe = DatasetRecipe(name=name, sources=(NAME,), shares={"train": 1.0, "val": 0.0, "test": 0.0})
    plan = make_plan(workspace, recipe)
    parts = workspace.datasets / f"{name}.parts"
    parts.mkdir()
    reports = list(pack_all(plan, (), parts, processes, MAX_PIXELS, lambda _done: None))
    return assemble(workspace.datasets / name, parts, recipe, plan, reports)


def described(choice: Choice, info: DatasetInfo) -> str:
    """The pictures in words."""
    sizes = ", ".join(sorted(info.sizes))
    return f"{sum(info.counts.values())} {'CamVid' if choice.camvid else 'generated'} pictures of {sizes}"
