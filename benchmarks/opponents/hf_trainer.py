"""SegFormer-B0 from scratch with Hugging Face's Trainer, on random pictures: how many pictures per second.

By hand: python benchmarks/opponents/hf_trainer.py [steps] [batch size] [height] [width] [classes]
With --json before the numbers, as `python -m benchmarks train` calls it, one thread computes and the last line is JSON.
"""

import json
import sys
import tempfile
import time

import accelerate
import torch
import transformers
from torch.utils.data import Dataset
from transformers import SegformerConfig, SegformerForSemanticSegmentation, Trainer, TrainerCallback, TrainingArguments

NOTES = (
    f"transformers {transformers.__version__}, accelerate {accelerate.__version__}, torch {torch.__version__}",
    "the same model class and SGD; its loss is the model's own, without class weights, and is read at every step",
    "the norm of the gradients is measured at every step, though nothing is clipped; tensors stay contiguous",
    "random pictures from memory, normalised beforehand: it augments nothing, roadloop does",
)


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


def train(steps=12, batch_size=4, height=128, width=192, classes=13, *, on_cpu=True):
    """Pictures, wall and CPU seconds of the steps but the first, and the number of parameters."""
    network = SegformerForSemanticSegmentation(SegformerConfig(num_labels=classes, semantic_loss_ignore_index=255))
    sgd = torch.optim.SGD(network.parameters(), lr=0.01, momentum=0.9, weight_decay=1e-4)
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            folder, per_device_train_batch_size=batch_size, max_steps=steps, logging_steps=1, save_strategy="no",
            report_to="none", use_cpu=on_cpu, dataloader_pin_memory=not on_cpu, disable_tqdm=True, max_grad_norm=0.0,
            lr_scheduler_type="polynomial",
        )  # fmt: skip
        pictures = Pictures(steps * batch_size, height, width, classes)
        Trainer(network, arguments, train_dataset=pictures, callbacks=[clock], optimizers=(sgd, None)).train()
    wall, cpu = (last - first for first, last in zip(clock.ends[0], clock.ends[-1], strict=True))
    return (len(clock.ends) - 1) * batch_size, wall, cpu, sum(p.numel() for p in network.parameters())


if __name__ == "__main__":
    as_json = sys.argv[1:2] == ["--json"]
    if as_json:
        torch.set_num_threads(1)
    on_cpu = as_json or not torch.cuda.is_available()  # roadloop's side of the benchmark is on the CPU
    pictures, wall, cpu, parameters = train(*map(int, sys.argv[1 + as_json :]), on_cpu=on_cpu)
    if as_json:
        answer = {"pictures": pictures, "wall_seconds": wall, "cpu_seconds": cpu, "parameters": parameters}
        print(json.dumps({**answer, "notes": NOTES}))
    else:
        print(f"{pictures / wall:.1f} pictures/s, {1000 * cpu / pictures:.1f} ms of CPU each")
