"""Score candidates: read, run the network, write down; several at a time, in constant memory. Needs torch.

K classes aimed at, D numbers of an embedding, H, W pixels.
"""

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from roadloop.cluster.hand import Post
from roadloop.cluster.line import Work
from roadloop.errors import RoadloopError
from roadloop.jobs.context import TaskContext
from roadloop.models.backend import Choice, Trial, as_chosen, pictures_to_try, settled
from roadloop.models.load import load_model
from roadloop.models.manner import PLAIN
from roadloop.models.predict import Look, Network, Predictor, fitting, on_each
from roadloop.models.prediction import UInt8
from roadloop.models.stages import Stages, devices, run
from roadloop.networks.trust import Trust, trust_of
from roadloop.selection.acquisition import METHODS, class_doubts, doubt_map
from roadloop.selection.fingerprint import fingerprint
from roadloop.selection.left_out import tried
from roadloop.selection.recipe import MineRecipe
from roadloop.selection.run import read_image
from roadloop.selection.score_maps import shrunk
from roadloop.selection.scorebook import Scored
from roadloop.storage.paths import Workspace
from roadloop.tracks.service import TrackPoint, open_store

Float32 = NDArray[np.float32]
Outputs = tuple[Float32, Float32, Float32]  #: `classes`, `seen` and `vector` of a `Scored`


class Loaded(NamedTuple):
    """A candidate that was read."""

    point: TrackPoint
    image: UInt8


class Scorer:
    """One network on one device.

    Args:
        network: Asked for embeddings.
        classes: Train ids aimed at.
        method: How uncertainty is measured.
        device: Where it runs.
    """

    def __init__(self, network: Network, classes: Sequence[int], method: str, device: torch.device) -> None:
        self._predictor: Final = Predictor(network, device)
        self._places: Final = [list(network.used).index(train_id) for train_id in classes]
        self._method: Final = method

    @torch.inference_mode()
    def __call__(self, images: Sequence[UInt8]) -> list[Outputs]:
        """What it makes of pictures of one size, uint8 [H, W, 3].

        Raises:
            OutOfMemoryError: The batch does not fit; the text says what to change.
        """
        look = self._predictor.look(images)
        with fitting(images):
            doubts = class_doubts(self._scored(images, look), self._places)
            columns = [column.cpu().numpy() for column in (*doubts, look.vectors)]
        return list(zip(*columns, strict=True))

    @torch.inference_mode()
    def maps(self, images: Sequence[UInt8]) -> list[UInt8]:
        """Where in pictures of one size, uint8 [H, W, 3], it is uncertain; see `score_maps.shrunk`.

        Raises:
            OutOfMemoryError: As when called.
        """
        look = self._predictor.look(images)
        with fitting(images):
            doubts = doubt_map(self._scored(images, look), self._places).cpu().numpy()
        return [shrunk(doubt) for doubt in doubts]

    def _scored(self, images: Sequence[UInt8], look: Look) -> Iterable[tuple[torch.Tensor, torch.Tensor]]:
        def again(change: Callable[[UInt8], UInt8]) -> Iterable[torch.Tensor]:
            return self._predictor.look([change(image) for image in images]).probabilities()

        return METHODS[self._method](look.probabilities(), again)


class Elsewhere(NamedTuple):
    """What another process needs to know to score the same.

    Attributes:
        recipe: Of the mining.
        trust: What may run.
        choices: What predicts.
    """

    recipe: MineRecipe
    trust: Trust
    choices: Sequence[Choice]


def load_scorers(
    context: TaskContext, recipe: MineRecipe, images: Iterable[UInt8], left: int, place: Path
) -> tuple[list[list[Scorer]], Elsewhere]:
    """The model of a mining, once for each device; on the CPU with PyTorch or ONNX Runtime.

    Args:
        context: Of the job.
        recipe: Of the mining.
        images: Some of the candidates, to measure on.
        left: How many candidates are to be scored.
        place: Where an exported file may stand for a moment.

    Returns:
        For each device a list of one scorer; and how another process has the same.

    Raises:
        UntrustedCodeError: The network's source may not run here.
        BrokenFileError: The model file is not the one that was chosen.
    """
    trust = trust_of(context.platform)
    places = devices(context.gpus, context.platform.settings.torch_threads or os.cpu_count() or 1)
    trial = replace(
        _trial(context.platform.workspace, recipe, trust, place),
        images=pictures_to_try(context, left, images),
        left=left,
        threads=len(places),
    )
    choices, (network,) = settled(context, [trial])
    return _scorers(recipe, network, places), Elsewhere(recipe, trust, choices)


def open_scoring(post: Post, told: Elsewhere) -> Work[TrackPoint, tuple[TrackPoint, Scored | RoadloopError]]:
    """The same on another node."""
    store, settings = open_store(post), post.settings
    with tempfile.TemporaryDirectory(prefix="roadloop-") as folder:
        trial = _trial(post.workspace, told.recipe, told.trust, Path(folder) / "export.onnx")
        (network,) = as_chosen([trial], told.choices)
    scorers = _scorers(told.recipe, network, devices((), settings.torch_threads or post.cores))
    image = partial(read_image, store, settings.max_picture_mpix * 1_000_000)
    return partial(score, image=image, scorers=scorers, batch=told.recipe.single_gpu)


def _trial(workspace: Workspace, recipe: MineRecipe, trust: Trust, place: Path) -> Trial:
    path = workspace.find_path(recipe.model_path)
    module, record = load_model(path, trust, recipe.model_sha256)
    network = replace(Network.of(module, record), predict_ignored=False, embedding=True)
    return Trial(network, path, trust, (), 1, 1, False, PLAIN, place)


def _scorers(recipe: MineRecipe, network: Network, places: Sequence[torch.device]) -> list[list[Scorer]]:
    classes = [aim.train_id for aim in recipe.aims]
    networks = on_each(network, places)
    return [[Scorer(one, classes, recipe.method, device)] for one, device in zip(networks, places, strict=True)]


def score(
    points: Iterable[TrackPoint],
    image: Callable[[TrackPoint], UInt8],
    scorers: Sequence[Sequence[Callable[[Sequence[UInt8]], list[Outputs]]]],
    batch: int,
) -> Iterator[tuple[TrackPoint, Scored | RoadloopError]]:
    """Score pictures of a track store.

    Args:
        points: What to score.
        image: Fetches and decodes one.
        scorers: For each device a list of one scorer.
        batch: Pictures of one size at once on each device.

    Yields:
        A picture with its scores, or with why it could not be read.
    """
    failed: SimpleQueue[tuple[TrackPoint, RoadloopError]] = SimpleQueue()
    fetch = tried(image)

    def read(point: TrackPoint) -> Loaded | None:
        _, found = fetch(point)
        if isinstance(found, RoadloopError):
            failed.put((point, found))
            return None
        return Loaded(point, found)

    def finish(loaded: Loaded, outputs: list[Outputs]) -> tuple[TrackPoint, Scored | RoadloopError]:
        return loaded.point, Scored(*outputs[0], fingerprint(loaded.image))

    for found in run(points, Stages(read, lambda loaded: loaded.image, finish), scorers, batch):
        yield found
        while not failed.empty():
            yield failed.get()
    while not failed.empty():
        yield failed.get()


def draw_maps(
    files: Iterable[str], image: Callable[[str], UInt8], scorers: Sequence[Sequence[Scorer]], batch: int
) -> Iterator[tuple[str, UInt8]]:
    """The maps of pictures, in their order but for their sizes; what cannot be decoded has none.

    Args:
        files: Names of the pictures.
        image: Reads and decodes one.
        scorers: As `load_scorers` gives them.
        batch: Pictures of one size at once on each device.
    """

    def read(file: str) -> tuple[str, UInt8] | None:
        try:
            return file, image(file)
        except RoadloopError:
            return None

    stages: Stages[str, tuple[str, UInt8], UInt8, tuple[str, UInt8]] = Stages(
        read, lambda loaded: loaded[1], lambda loaded, maps: (loaded[0], maps[0])
    )
    return run(files, stages, [[one.maps for one in each] for each in scorers], batch)
