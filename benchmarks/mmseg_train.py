"""Steps of mmsegmentation's FastSCNN from its own configuration, on random pictures: how many pictures per second.

By hand, with the path of an mmsegmentation configuration: python benchmarks/mmseg_train.py [config] [steps] [batch size] [height] [width]
"""

import sys
import time

import torch
from mmengine.optim import OptimWrapper
from mmengine.structures import PixelData
from mmseg.apis import init_model
from mmseg.structures import SegDataSample
from mmseg.utils import register_all_modules

CONFIG = "fast_scnn/fast_scnn_8xb4-160k_cityscapes-512x1024.py"


def train(config=CONFIG, steps=12, batch_size=4, height=128, width=192):
    register_all_modules()
    device = "cuda" if torch.cuda.is_available() else "cpu"
    network = init_model(config, device=device)
    network.train()
    optimizer = OptimWrapper(torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9))
    images = torch.randint(0, 256, (batch_size, 3, height, width), dtype=torch.uint8)
    samples = []
    for _ in range(batch_size):
        label = PixelData(data=torch.randint(0, 19, (1, height, width)))
        samples.append(SegDataSample(gt_sem_seg=label, metainfo={"img_shape": (height, width)}))
    for step in range(steps):
        if step == 1:
            began = time.perf_counter()
        network.train_step({"inputs": list(images), "data_samples": samples}, optimizer)
    return (time.perf_counter() - began) / ((steps - 1) * batch_size)


if __name__ == "__main__":
    print(f"{1 / train(*sys.argv[1:2], *map(int, sys.argv[2:6])):.1f} pictures/s")
