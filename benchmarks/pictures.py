"""What the benchmarks work on: generated drives or CamVid, as a source set in a workspace of their own."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from roadloop.datasets.assemble import assemble
from roadloop.datasets.info import DatasetInfo
from roadloop.datasets.plan import make_plan
from roadloop.datasets.pool import Packing, pack_all
from roadloop.datasets.recipe import DatasetRecipe
from roadloop.demo.world.world import World
from roadloop.demo.write import QUALITY
from roadloop.imaging.decode import MAX_PIXELS
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.labels.table import shipped
from roadloop.sources.importers import camvid
from roadloop.sources.importers.found import FileLabel
from roadloop.sources.importers.recognise import recognise
from roadloop.sources.importers.tree import list_tree
from roadloop.sources.writer import NewSample, writing_set
from roadloop.storage import publish
from roadloop.storage.paths import Workspace

NAME: Final = "bench"
TRACKS: Final = 4
DIFFERENT: Final = 48  #: generated pictures; drawing them is slow
PACKAGE: Final = 200  #: pictures in a package


@dataclass(frozen=True)
class Choice:
    """Which pictures.

    Attributes:
        camvid: Folder of CamVid; None: generated.
        count: How many; where there are fewer different ones, they come again.
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
            table, samples = shipped(), list(drawn(min(choice.count, DIFFERENT), choice.size))
        else:
            table, samples = camvid.TABLE, list(labelled(choice.camvid, choice.count))
        with writing_set(workspace, NAME, table) as writer:
            for number, sample in zip(range(choice.count), cycle(samples), strict=False):
                writer.add(sample._replace(package=f"{number // PACKAGE:04d}", stem=f"{number:06d}", split=""))
        yield workspace


def labelled(folder: Path, count: int) -> Iterator[NewSample]:
    """The first pictures of a CamVid folder, with their labels."""
    _layout, found = recognise(list_tree(folder, lambda _path: True, lambda: None), "camvid")
    for item in found.items[:count]:
        assert isinstance(item.label, FileLabel)
        yield NewSample(
            item.package, item.stem, (folder / item.image).read_bytes(), (folder / item.label.file).read_bytes()
        )


def drawn(count: int, size: tuple[int, int]) -> Iterator[NewSample]:
    """Labelled pictures of a few drives through a synthetic city."""
    world = World(0, "suzhou", size)
    for number in range(count):
        frame = world.frame(number % TRACKS, 5 * (number // TRACKS))
        yield NewSample(frame.track, frame.stem, encode_jpeg(frame.image, QUALITY), encode_label(frame.label))


def build(workspace: Workspace, name: str, processes: int) -> DatasetInfo:
    """Build the dataset `name` from the source set, all of it for training; what the job of /create_data does."""
    recipe = DatasetRecipe(name=name, sources=(NAME,), shares={"train": 1.0, "val": 0.0, "test": 0.0})
    plan = make_plan(workspace, recipe)
    parts = workspace.datasets / f"{name}.parts"
    parts.mkdir()
    packing = Packing(plan.tables, parts, processes, MAX_PIXELS)
    reports = list(pack_all(plan.shards, packing, lambda _done: None))
    with publish.publishing_folder(workspace.datasets / name) as folder:
        info = assemble(folder, parts, recipe, plan, reports)
        publish.seal(folder)
    return info


def described(choice: Choice, info: DatasetInfo) -> str:
    """The pictures in words."""
    sizes = ", ".join(sorted(info.sizes))
    return f"{sum(info.counts.values())} {'CamVid' if choice.camvid else 'generated'} pictures of {sizes}"
