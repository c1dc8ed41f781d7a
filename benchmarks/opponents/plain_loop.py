"""A training loop in forty lines: SGD, poly schedule, weighted cross-entropy. No checkpoints, no curves, no resume.

By hand, on random pictures and a network of three layers: python benchmarks/opponents/plain_loop.py
"""

import time

import torch
from torch import nn
from torch.nn import functional


def train(network, batches, steps, class_weights, base_lr=0.01, mean=0.45, std=0.225, each=lambda _loss: None):
    """`batches` gives uint8 [N, H, W, 3] and uint8 [N, H, W]; `each` hears of every step's loss."""
    device = next(network.parameters()).device
    weights = torch.tensor(class_weights, device=device)
    mean = 255 * torch.as_tensor(mean, device=device).view(1, -1, 1, 1)
    std = 255 * torch.as_tensor(std, device=device).view(1, -1, 1, 1)
    optimizer = torch.optim.SGD(network.parameters(), lr=base_lr, momentum=0.9, weight_decay=1e-4)
    network.train()
    for step, (images, targets) in zip(range(steps), batches, strict=False):
        for group in optimizer.param_groups:
            group["lr"] = base_lr * (1 - step / steps) ** 0.9
        images = (images.to(device).permute(0, 3, 1, 2).float() - mean) / std
        logits = network(images)
        loss = functional.cross_entropy(logits, targets.to(device).long(), weight=weights, ignore_index=255)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        each(loss.item())


def random_batches(batch_size=4, height=128, width=160, classes=5):
    while True:
        images = torch.randint(0, 256, (batch_size, height, width, 3), dtype=torch.uint8)
        yield images, torch.randint(0, classes, (batch_size, height, width), dtype=torch.uint8)


if __name__ == "__main__":
    layers = [
        nn.Conv2d(3, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 16, 3, padding=1),
        nn.ReLU(),
        nn.Conv2d(16, 5, 1),
    ]
    began = time.perf_counter()
    train(nn.Sequential(*layers), random_batches(), 50, [1.0] * 5)
    print(f"{50 / (time.perf_counter() - began):.1f} steps/s")
