"""Scoring a folder as a script does: Pillow in, torch, one picture after the other.

The score of a class is roadloop's: margin times how much a pixel is about the class, the mean of the largest 0.5 %.

By hand: python benchmarks/opponents/plain_mining.py FOLDER network.py CLASSES LAYER [weights.safetensors]
"""

import importlib.util
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image


@torch.inference_mode()
def score(network, layer, folder, mean, std, classes):
    """Relative path of every X.jpg -> (scores of the classes, normalised mean of the layer's output)."""
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (mean, std))
    caught = {}
    hook = network.get_submodule(layer).register_forward_hook(lambda _m, _i, output: caught.update(map=output))
    found = {}
    for path in sorted(Path(folder).rglob("*.jpg")):
        image = torch.from_numpy(np.array(Image.open(path).convert("RGB"))).permute(2, 0, 1)[None]
        p = network((image.float() / 255 - mean) / std).softmax(1)
        two = p.topk(2, dim=1).values
        uncertain = 1 - (two[:, 0] - two[:, 1])
        most = round(0.005 * uncertain.numel())
        products = [uncertain * (p[:, k] / (0.5 * two[:, 0])).clamp(max=1) for k in classes]
        scores = torch.stack([product.flatten().topk(most).values.mean() for product in products])
        vector = torch.nn.functional.normalize(caught["map"].mean((2, 3)), dim=1)[0]
        found[path.relative_to(folder).as_posix()] = (scores.numpy(), vector.numpy())
    hook.remove()
    return found


if __name__ == "__main__":
    folder, source, classes, layer, *weights = sys.argv[1:]
    spec = importlib.util.spec_from_file_location("network", source)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    network = module.build(int(classes)).eval()
    if weights:
        from safetensors.torch import load_file

        network.load_state_dict(load_file(weights[0]))
    began = time.perf_counter()
    found = score(network, layer, folder, (0.485, 0.456, 0.406), (0.229, 0.224, 0.225), range(int(classes)))
    print(f"{len(found) / (time.perf_counter() - began):.1f} pictures/s")
