"""What one rank needs to know to train: plain values, so that they can be handed to another process as JSON."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from pydantic import TypeAdapter

from roadloop.imaging.decode import MAX_PIXELS
from roadloop.networks.folder import CHECKPOINT
from roadloop.networks.trust import Trust
from roadloop.training.recipe import TrainingRecipe

#: Loader processes for each GPU when the setting is "as many as fit"; on CPU the cores are busy anyway.
GPU_LOADERS: Final = 8


@dataclass(frozen=True)
class Work:
    """One training run in one workspace.

    Attributes:
        recipe: What is done.
        source: Text of the network's `network.py`, as it was when the task was started.
        dataset: Folder of the dataset.
        base_dataset: Folder of the dataset that it extends, when only the increment is trained on.
        task: Folder of the training task.
        threads: Threads of torch for all ranks of a machine together; 0 = as many as cores.
        loaders: Processes that read pictures, for each rank; negative = as many as fit.
        max_pixels: Of the largest picture that is decoded.
        decoded_cache_mib: Decoded pictures that all ranks and loaders of a machine together may keep.
        mlflow_url: Tracking server that hears of every epoch; empty = none.
        begin: Folder that the network's code begins from, where the recipe names one.
    """

    recipe: TrainingRecipe
    source: str
    dataset: Path
    base_dataset: Path | None
    task: Path
    threads: int
    loaders: int
    max_pixels: int = MAX_PIXELS
    decoded_cache_mib: int = 0
    mlflow_url: str = ""
    begin: Path | None = None

    @property
    def trust(self) -> Trust:
        """What may run: this source, which the job has asked about (`tasks.load_work`)."""
        return Trust.of(self.source)

    def without_secrets(self) -> "Work":
        """For all ranks but the first, which alone speaks to others."""
        return replace(self, mlflow_url="")

    @property
    def network_settings(self) -> dict[str, Any]:
        """Keyword arguments of the network's `build()`, its folder as it stands on this machine."""
        settings = dict(self.recipe.train.network_settings)
        return settings if self.begin is None else settings | {CHECKPOINT: str(self.begin)}

    @property
    def checkpoints(self) -> Path:
        """Folder of the checkpoints."""
        return self.task / "checkpoints"

    @property
    def configuration(self) -> Path:
        """Folder of what the task was started with, for people to read; the network's table of names is there, too."""
        return self.task / "conf"

    @property
    def results(self) -> Path:
        """Folder of the model files."""
        return self.task / "output" / "models"

    @property
    def metrics(self) -> Path:
        """The curves."""
        return self.task / "log" / "metrics.jsonl"

    @property
    def tensorboard(self) -> Path:
        """Folder of the curves as TensorBoard reads them."""
        return self.task / "log" / "tensorboard"

    @property
    def start_weights(self) -> Path | None:
        """The task's own copy of the file to begin from."""
        start = self.recipe.start_weights
        return None if start is None else self.task / "models" / start.name.replace("/", "_")

    def to_json(self) -> str:
        """One line of JSON; `from_json` reads it back."""
        return TypeAdapter(Work).dump_json(self).decode()

    @classmethod
    def from_json(cls, text: str) -> "Work":
        """The work that `to_json` wrote."""
        return TypeAdapter(cls).validate_json(text)
