"""A model file as the judge of labels. Needs torch.

H, W pixels.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from roadloop.labels.label_map import LabelMap
from roadloop.labels.table import ClassTable
from roadloop.models.load import load_model
from roadloop.models.predict import Network, Predictor
from roadloop.models.prediction import CERTAIN, UInt8
from roadloop.networks.trust import Trust
from roadloop.sources.health.meaning import match_model
from roadloop.sources.health.noise import Judge, Opinion


def load_judge(
    params_path: Path, table: ClassTable, device: torch.device, trust: Trust
) -> tuple[Judge, dict[int, tuple[str, str]]]:
    """A model's judgement of pictures, and the names of its classes.

    Args:
        params_path: The `.params` file.
        table: The class table of the source set.
        device: Where it runs.
        trust: What may run.

    Returns:
        A function from a picture, uint8 [H, W, 3], to an opinion; train id -> (Chinese, English name).

    Raises:
        NotFoundError: The file or its `.json` is missing.
        BrokenFileError: One of them is damaged.
        UntrustedCodeError: The network's source may not run here.
        LabelMapError: The set's class table and the model's give one id different meanings.
    """
    module, record = load_model(params_path, trust)
    lut = LabelMap.from_json(record.label_map).lut()[match_model(record, table).lut()]
    # A doubt names the class that the model sees, so outputs that are none do not take part.
    predictor = Predictor(replace(Network.of(module, record), predict_ignored=False), device)

    def judge(image: UInt8) -> Opinion:
        (found,) = predictor.predict([image])
        assert found.certainty is not None
        return Opinion(found.ids, np.divide(found.certainty, CERTAIN, dtype=np.float32), lut)

    return judge, {c.train_id: (c.name_zh, c.name_en) for c in record.classes}
