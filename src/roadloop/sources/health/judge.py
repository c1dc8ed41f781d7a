"""A model file as the judge of labels. Needs torch.

C outputs, H, W pixels.
"""

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from roadloop.labels.label_map import LabelMap
from roadloop.labels.table import ClassTable
from roadloop.models.load import load_model
from roadloop.networks.trust import Trust
from roadloop.sources.health.meaning import match_model
from roadloop.sources.health.noise import Judge, Opinion

UInt8 = NDArray[np.uint8]


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
    matching = match_model(record, table)
    module = module.to(device)
    used = torch.tensor([c.train_id for c in record.classes], device=device)
    mean = torch.tensor(record.normalisation.mean, device=device).view(1, 3, 1, 1)
    std = torch.tensor(record.normalisation.std, device=device).view(1, 3, 1, 1)
    lut = LabelMap.from_json(record.label_map).lut()[matching.lut()]

    def judge(image: UInt8) -> Opinion:
        with torch.inference_mode():
            pixels = torch.from_numpy(image).to(device).permute(2, 0, 1)[None].float() / 255
            logits = module((pixels - mean) / std)[:, used]
            best, place = logits.softmax(dim=1).max(dim=1)
            ids: UInt8 = used[place[0]].to(torch.uint8).cpu().numpy()
            return Opinion(ids, best[0].float().cpu().numpy(), lut)

    return judge, {c.train_id: (c.name_zh, c.name_en) for c in record.classes}
