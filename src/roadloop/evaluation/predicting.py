"""Pictures of an evaluation through its models, in the job's process or in one on another node of a cluster. Needs torch."""

import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from queue import SimpleQueue
from typing import Final, NamedTuple

import torch

from roadloop.cluster.hand import Post
from roadloop.cluster.line import Work
from roadloop.evaluation.ledger import BadPicture, Done, Result
from roadloop.evaluation.outputs import Loaded, Model, ModelView, Outputs, load
from roadloop.evaluation.pictures import Picture, PictureSource, open_source
from roadloop.evaluation.recipe import EvaluationRecipe
from roadloop.evaluation.report import ModelCard
from roadloop.models.backend import Choice, Trial, as_chosen
from roadloop.models.engine import load_engine, network_of
from roadloop.models.engines import is_engine
from roadloop.models.files import ModelFile
from roadloop.models.load import load_model
from roadloop.models.predict import Network, Predictor, on_each
from roadloop.models.prediction import UInt8
from roadloop.models.stages import Stages, devices, run
from roadloop.networks.trust import Trust
from roadloop.storage.paths import Workspace

Finished = tuple[Done, list[Result], list[BadPicture]]  #: what `Outputs.finish` says of a picture


class Opened(NamedTuple):
    """One model of an evaluation."""

    model: Model
    network: Network
    record: ModelFile


def open_models(workspace: Workspace, recipe: EvaluationRecipe, trust: Trust) -> list[Opened]:
    """The models of an evaluation, in its order.

    Raises:
        UntrustedCodeError: A network's source may not run here.
        BrokenFileError: A model file is not the one that was chosen.
    """
    opened = []
    for entry in recipe.models:
        path = workspace.find_path(entry.path)
        if is_engine(path):
            engine, record = load_engine(path, entry.sha256)
            network = network_of(engine, record)
        else:
            module, record = load_model(path, trust, entry.sha256)
            network = Network.of(module, record)
        view = ModelView.of(ModelView.record(record, recipe.labels))
        card = ModelCard(entry.source, entry.file, entry.folder, entry.sha256, record.epoch, view.classes, view.lines())
        opened.append(Opened(Model(card, view), network, record))
    return opened


@dataclass(frozen=True)
class Asked:
    """What predicting needs, in one place.

    Attributes:
        recipe: The evaluation's.
        source: Its pictures.
        outputs: Where what is made of them goes.
        networks: Of its models.
        trust: What may run.
    """

    recipe: EvaluationRecipe
    source: PictureSource
    outputs: Outputs
    networks: Sequence[Network]
    trust: Trust

    def trials(
        self, workspace: Workspace, place: Path, images: Sequence[UInt8] = (), left: int = 1, threads: int = 1
    ) -> list[Trial]:
        """What the choice between PyTorch and ONNX Runtime depends on, for each model; see `Trial`."""
        recipe = self.recipe
        paths = [workspace.find_path(entry.path) for entry in recipe.models]
        return [
            Trial(network, path, self.trust, images, left, threads, recipe.remote, recipe.manner, place)
            for network, path in zip(self.networks, paths, strict=True)
        ]


class Predicting:
    """Predicts pictures with all models on all devices, writes what they made of them, and says what it is worth.

    Args:
        asked: What, with the networks that were chosen.
        places: The devices.
        max_pixels: Larger pictures are left out.
    """

    def __init__(self, asked: Asked, places: Sequence[torch.device], max_pixels: int) -> None:
        recipe = asked.recipe
        self._source: Final = asked.source
        self._outputs: Final = asked.outputs
        self._batch: Final = recipe.single_gpu
        self._max_pixels: Final = max_pixels
        by_place = zip(*(on_each(network, places) for network in asked.networks), strict=True)
        self._predictors: Final = [
            [Predictor(n, place, remote=recipe.remote, manner=recipe.manner).predict for n in of_place]
            for place, of_place in zip(places, by_place, strict=True)
        ]

    def __call__(self, pictures: Iterable[Picture]) -> Iterator[Finished | BadPicture]:
        """Each picture with its results, and each that cannot be read.

        Raises:
            OutOfMemoryError: A batch does not fit into a GPU.
            DiskFullError: No space left.
        """
        bad: SimpleQueue[BadPicture] = SimpleQueue()

        def read(picture: Picture) -> Loaded | None:
            loaded = load(self._source, picture, self._max_pixels)
            if isinstance(loaded, BadPicture):
                bad.put(loaded)
                return None
            return loaded

        stages = Stages(read, lambda loaded: loaded.image, self._outputs.finish)
        for finished in run(pictures, stages, self._predictors, self._batch):
            yield finished
            yield from _taken(bad)
        yield from _taken(bad)


def _taken(bad: "SimpleQueue[BadPicture]") -> Iterator[BadPicture]:
    while not bad.empty():
        yield bad.get()


class Elsewhere(NamedTuple):
    """What another process needs to know to predict the same.

    Attributes:
        recipe: The evaluation's.
        folder: Its scratch folder.
        trust: What may run.
        choices: What predicts with each model.
    """

    recipe: EvaluationRecipe
    folder: Path
    trust: Trust
    choices: Sequence[Choice]


def open_predicting(post: Post, told: Elsewhere) -> Work[Picture, Finished | BadPicture]:
    """The same on another node."""
    recipe, settings = told.recipe, post.settings
    opened = open_models(post.workspace, recipe, told.trust)
    outputs = Outputs(told.folder, [one.model for one in opened], remote=recipe.remote)
    source = open_source(post.workspace, recipe.sour_dir)
    asked = Asked(recipe, source, outputs, [one.network for one in opened], told.trust)
    with tempfile.TemporaryDirectory(prefix="roadloop-") as folder:
        made = asked.trials(post.workspace, Path(folder) / "export.onnx")
        asked = replace(asked, networks=as_chosen(made, told.choices))
    places = devices((), settings.torch_threads or post.cores)
    return Predicting(asked, places, settings.max_picture_mpix * 1_000_000)
