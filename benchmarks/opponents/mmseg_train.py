"""Steps of mmsegmentation's FastSCNN from its own configuration, on random pictures: how many pictures per second.

By hand: python benchmarks/opponents/mmseg_train.py [steps] [batch size] [height] [width] [classes]
With --json before the numbers, as `python -m benchmarks train` calls it, one thread computes and the last line is JSON.
"""

import importlib.util
import json
import sys
import time
import types
from pathlib import Path

import torch


def stub_compiled_operators():
    """Let mmseg be imported beside mmcv-lite, which is mmcv without its compiled module `mmcv._ext`.

    mmseg imports mmcv.ops for a few heads and losses (point_sample, focal loss, CrissCrossAttention ...), and mmcv.ops
    wants `mmcv._ext` at once. FastSCNN needs none of it: its layers and losses are PyTorch's. So the names may exist,
    and whoever calls one hears why it does not work; nothing is imitated that could be timed.
    """
    if importlib.util.find_spec("mmcv._ext") is not None:
        return

    def absent(name):
        if name.startswith("__"):
            raise AttributeError(name)

        def refuse(*_arguments, **_more):
            raise NotImplementedError(f"mmcv._ext.{name} is compiled, and mmcv-lite comes without it")

        return refuse

    module = types.ModuleType("mmcv._ext")
    module.__getattr__ = absent
    sys.modules["mmcv._ext"] = module


stub_compiled_operators()

import mmcv  # noqa: E402 - after the stub
import mmengine  # noqa: E402
import mmseg  # noqa: E402
from mmengine import Config  # noqa: E402
from mmengine.optim import OptimWrapper  # noqa: E402
from mmengine.structures import PixelData  # noqa: E402
from mmseg.registry import MODELS  # noqa: E402
from mmseg.structures import SegDataSample  # noqa: E402
from mmseg.utils import register_all_modules  # noqa: E402

VERSIONS = {"mmsegmentation": mmseg, "mmengine": mmengine, "mmcv": mmcv, "torch": torch}
NOTES = (
    ", ".join(f"{name} {module.__version__}" for name, module in VERSIONS.items()),
    "its own configuration, but for softmax cross-entropy with class weights (all 1), and no auxiliary heads",
    "its layers are the same but for the end of pyramid pooling, a 3x3 convolution where roadloop's is 1x1",
    "its train_step alone, with SGD and normalising: no Runner, no hooks, no schedule; tensors stay contiguous",
    "the loss and the accuracy of every step are computed and the loss is read, in roadloop the loss alone",
    "the same random uint8 pictures again and again: it augments nothing, roadloop does",
)


def network_of(height, width, classes):
    """FastSCNN as mmsegmentation ships it, but for what the notes say."""
    config = Config.fromfile(Path(mmseg.__file__).parent / ".mim/configs/_base_/models/fast_scnn.py").model
    config.data_preprocessor.size = (height, width)
    config.auxiliary_head = None
    config.backbone.norm_cfg.type = config.decode_head.norm_cfg.type = "BN"  # SyncBN is for GPUs
    config.decode_head.num_classes = classes
    config.decode_head.loss_decode = {
        "type": "CrossEntropyLoss",
        "use_sigmoid": False,
        "class_weight": [1.0] * classes,
        "avg_non_ignore": True,
    }
    register_all_modules()
    return MODELS.build(config)


def train(steps=12, batch_size=4, height=128, width=192, classes=13, device="cpu"):
    """Pictures, wall and CPU seconds of the steps but the first, and the number of parameters."""
    network = network_of(height, width, classes).to(device).train()
    optimizer = OptimWrapper(torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4))
    images = torch.randint(0, 256, (batch_size, 3, height, width), dtype=torch.uint8)
    samples = []
    for _ in range(batch_size):
        label = PixelData(data=torch.randint(0, classes, (1, height, width)))
        samples.append(SegDataSample(gt_sem_seg=label, metainfo={"img_shape": (height, width)}))
    ends = []
    for _ in range(steps):
        answer = network.train_step({"inputs": list(images), "data_samples": samples}, optimizer)
        answer["loss"].item()  # the others look at every step's loss, too
        ends.append((time.perf_counter(), time.process_time()))
    wall, cpu = (last - first for first, last in zip(ends[0], ends[-1], strict=True))
    return (steps - 1) * batch_size, wall, cpu, sum(p.numel() for p in network.parameters())


if __name__ == "__main__":
    as_json = sys.argv[1:2] == ["--json"]
    if as_json:
        torch.set_num_threads(1)
    device = "cuda" if torch.cuda.is_available() and not as_json else "cpu"  # as roadloop's side of the benchmark
    pictures, wall, cpu, parameters = train(*map(int, sys.argv[1 + as_json :]), device=device)
    if as_json:
        answer = {"pictures": pictures, "wall_seconds": wall, "cpu_seconds": cpu, "parameters": parameters}
        print(json.dumps({**answer, "notes": NOTES}))
    else:
        print(f"{pictures / wall:.1f} pictures/s, {1000 * cpu / pictures:.1f} ms of CPU each")
