"""The usual segmentation data: torch's DataLoader over a folder of X.jpg with X.png, with Pillow.

By hand: python benchmarks/opponents/pillow_loader.py FOLDER [crop height] [crop width]
"""

import random
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageEnhance
from torch.utils.data import DataLoader, Dataset

SCALE = (0.75, 1.5)
JITTER = 0.2


class Folder(Dataset):
    def __init__(self, folder, crop, lut, scale=SCALE):
        self.images = sorted(Path(folder).rglob("*.jpg"))
        self.crop, self.lut, self.scale = crop, lut, scale

    def __len__(self):
        return len(self.images)

    def __getitem__(self, index):
        path = self.images[index]
        image = Image.open(path).convert("RGB")
        label = Image.open(path.with_suffix(".png"))
        scale = random.uniform(*self.scale)
        size = (round(image.width * scale), round(image.height * scale))
        if scale != 1:
            image, label = image.resize(size, Image.BILINEAR), label.resize(size, Image.NEAREST)
        height, width = self.crop
        left = random.randint(min(0, size[0] - width), max(0, size[0] - width))
        top = random.randint(min(0, size[1] - height), max(0, size[1] - height))
        box = (left, top, left + width, top + height)
        inside = Image.new("L", size, 255).crop(box)
        image, label = image.crop(box), self.lut[np.asarray(label.crop(box))]
        label = np.where(np.asarray(inside) == 255, label, 255).astype(np.uint8)
        if random.random() < 0.5:
            image, label = image.transpose(Image.FLIP_LEFT_RIGHT), label[:, ::-1]
        for enhance in (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color):
            image = enhance(image).enhance(random.uniform(1 - JITTER, 1 + JITTER))
        return torch.from_numpy(np.array(image)), torch.from_numpy(np.ascontiguousarray(label))


def loader(folder, crop, lut, batch_size, scale=SCALE, workers=0):
    return DataLoader(Folder(folder, crop, lut, scale), batch_size, shuffle=True, num_workers=workers, drop_last=True)


if __name__ == "__main__":
    crop = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (352, 480)
    began, pictures = time.perf_counter(), 0
    for images, _ in loader(sys.argv[1], crop, np.arange(256, dtype=np.uint8), 8):
        pictures += len(images)
    print(f"{pictures / (time.perf_counter() - began):.1f} pictures/s")
