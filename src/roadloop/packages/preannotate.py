"""What a model thinks of a picture, in raw ids: the first draft that annotators correct. Needs torch."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from roadloop.labels.label_map import LabelMap
from roadloop.labels.table import IGNORE
from roadloop.models.files import ModelFile
from roadloop.models.load import load_model
from roadloop.models.predict import Network, Predictor
from roadloop.models.stages import devices
from roadloop.networks.trust import Trust
from roadloop.packages.compose import Annotate

UInt8 = NDArray[np.uint8]


def open_annotator(path: Path, sha256: str, gpus: tuple[str, ...], trust: Trust) -> Annotate:
    """Load a model that draws labels.

    Args:
        path: A `.params` file.
        sha256: Of the file that was chosen.
        gpus: UUIDs of the leased GPUs; none = CPU.
        trust: What may run.

    Raises:
        UntrustedCodeError: The network's source may not run here.
        BrokenFileError: The file is not the one that was chosen.
    """
    module, record = load_model(path, trust, sha256)
    predictor = Predictor(Network.of(module, record), devices(gpus, 1)[0])
    raw_ids = raw_id_table(record)

    def annotate(image: UInt8) -> UInt8:
        return raw_ids[predictor([image])[0]]

    return annotate


def raw_id_table(record: ModelFile) -> UInt8:
    """uint8 [256]: train id -> the first raw id that is learned as it; 255 elsewhere."""
    table = np.full(256, IGNORE, np.uint8)
    label_map = LabelMap.from_json(record.label_map)
    for c in record.classes:
        raw = label_map.raw_ids(c.train_id)
        if raw:
            table[c.train_id] = raw[0]
    return table
