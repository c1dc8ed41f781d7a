"""The usual segmentation data: torch's DataLoader over a folder of X.jpg with X.png, with OpenCV.

By hand: python benchmarks/opponents/opencv_loader.py FOLDER [crop height] [crop width]
"""

import random
import sys
import time
from pathlib import Path

import cv2
import numpy as np
import torch
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
        image = cv2.cvtColor(cv2.imread(str(path)), cv2.COLOR_BGR2RGB)
        label = self.lut[cv2.imread(str(path.with_suffix(".png")), cv2.IMREAD_UNCHANGED)]
        scale = random.uniform(*self.scale)
        if scale != 1:
            image = cv2.resize(image, None, fx=scale, fy=scale, interpolation=cv2.INTER_LINEAR)
            label = cv2.resize(label, None, fx=scale, fy=scale, interpolation=cv2.INTER_NEAREST)
        height, width = self.crop
        below, right = max(0, height - image.shape[0]), max(0, width - image.shape[1])
        if below or right:
            image = cv2.copyMakeBorder(image, 0, below, 0, right, cv2.BORDER_CONSTANT)
            label = cv2.copyMakeBorder(label, 0, below, 0, right, cv2.BORDER_CONSTANT, value=255)
        top = random.randint(0, image.shape[0] - height)
        left = random.randint(0, image.shape[1] - width)
        image = image[top : top + height, left : left + width]
        label = label[top : top + height, left : left + width]
        if random.random() < 0.5:
            image, label = image[:, ::-1], label[:, ::-1]
        image = jitter(image.astype(np.float32))
        return torch.from_numpy(image), torch.from_numpy(np.ascontiguousarray(label))


def jitter(image):
    brightness, contrast, saturation = (random.uniform(1 - JITTER, 1 + JITTER) for _ in range(3))
    image = image * brightness
    image = (image - 127.5) * contrast + 127.5
    grey = image @ np.array([0.299, 0.587, 0.114], np.float32)
    image = (image - grey[..., None]) * saturation + grey[..., None]
    return np.ascontiguousarray(image.clip(0, 255).astype(np.uint8))


def loader(folder, crop, lut, batch_size, scale=SCALE, workers=0):
    return DataLoader(Folder(folder, crop, lut, scale), batch_size, shuffle=True, num_workers=workers, drop_last=True)


if __name__ == "__main__":
    crop = (int(sys.argv[2]), int(sys.argv[3])) if len(sys.argv) > 3 else (352, 480)
    began, pictures = time.perf_counter(), 0
    for images, _ in loader(sys.argv[1], crop, np.arange(256, dtype=np.uint8), 8):
        pictures += len(images)
    print(f"{pictures / (time.perf_counter() - began):.1f} pictures/s")
