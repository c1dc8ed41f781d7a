"""SegFormer-B0 from scratch with Hugging Face's Trainer, on random pictures: how many pictures per second.

By hand: python benchmarks/hf_trainer.py [steps] [batch size] [height] [width]
"""

import sys
import tempfile
import time

import torch
from torch.utils.data import Dataset
from transformers import SegformerConfig, SegformerForSemanticSegmentation, Trainer, TrainerCallback, TrainingArguments


class Pictures(Dataset):
    """Already decoded and normalised, so that the step alone is measured."""

    def __init__(self, count, height, width, classes):
        self.images = torch.randn(8, 3, height, width)
        self.labels = torch.randint(0, classes, (8, height, width))
        self.count = count

    def __len__(self):
        return self.count

    def __getitem__(self, index):
        return {"pixel_values": self.images[index % 8], "labels": self.labels[index % 8]}


class Clock(TrainerCallback):
    def __init__(self):
        self.ends = []

    def on_step_end(self, args, state, control, **_more):
        self.ends.append((time.perf_counter(), time.process_time()))


def train(steps=12, batch_size=4, height=128, width=192, classes=13):
    """Wall and CPU seconds per picture, the first step left out."""
    network = SegformerForSemanticSegmentation(SegformerConfig(num_labels=classes, semantic_loss_ignore_index=255))
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=batch_size, max_steps=steps, logging_steps=1, save_strategy="no",
            report_to="none", use_cpu=not torch.cuda.is_available(), disable_tqdm=True,
        )  # fmt: skip
        pictures = Pictures(steps * batch_size, height, width, classes)
        Trainer(network, arguments, train_dataset=pictures, callbacks=[clock]).train()
    (wall, cpu), (last_wall, last_cpu) = clock.ends[0], clock.ends[-1]
    done = (len(clock.ends) - 1) * batch_size
    return (last_wall - wall) / done, (last_cpu - cpu) / done


if __name__ == "__main__":
    wall, cpu = train(*map(int, sys.argv[1:5]))
    print(f"{1 / wall:.1f} pictures/s, {1000 * cpu:.1f} ms of CPU each")
