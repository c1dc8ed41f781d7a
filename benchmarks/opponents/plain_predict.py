"""Predicting a folder as a script does: Pillow in, torch, Pillow out, one picture after the other.

By hand: python benchmarks/opponents/plain_predict.py FOLDER OUT network.py CLASSES [weights.safetensors]
"""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image


@torch.inference_mode()
def predict(network, folder, out, mean, std):
    """Write a PNG of class ids for every X.jpg; returns how many there were."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    pictures = sorted(Path(folder).rglob("*.jpg"))
    for path in pictures:
        image = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None]
        ids = network((image.float() / 255 - mean) / std).argmax(1)[0].to(torch.uint8)
        target = Path(out, path.relative_to(folder)).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(ids.numpy()).save(target)
    return len(pictures)


if __name__ == "__main__":
    folder, out, source, classes, *weights = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("network", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.build(int(classes)).eval()
    if weights:
        from safetensors.torch import load_file

        network.load_state_dict(load_file(weights[0]))
    began = time.perf_counter()
    count = predict(network, folder, out, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
    print(f"{count / (time.perf_counter() - began):.1f} pictures/s")
