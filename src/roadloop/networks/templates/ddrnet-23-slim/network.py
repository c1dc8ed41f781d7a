"""DDRNet-23-slim: two branches of different resolution that exchange what they see.

Source: Y. Hong, H. Pan, W. Sun, Y. Jia, "Deep Dual-resolution Networks for Real-time and Accurate Semantic Segmentation
of Road Scenes", 2021, arXiv:2101.06085. Written from its table 1 and section III (bilateral fusion, DAPPM, deep
supervision); the order of the tensors is that of the weights its authors published.

Checked: 5,695,987 parameters (published: 5.7 M) and 36.3 G multiply-adds of convolutions at 2048x1024 (published: 36.3
G), 19 classes, without the head that only training needs (38,355 parameters more).

Shapes: N pictures, C channels, H rows, W columns. Any size goes in; the answer is resized to it.

This file needs nothing but torch. Edit your copy freely; keep `build`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

POOLS = ((5, 2), (9, 4), (17, 8))  # kernel and stride of the means in the pyramid; the last one is over the picture


def build(num_classes: int, *, width: float = 1.0, auxiliary: bool = False) -> nn.Module:
    """Make the network.

    Args:
        num_classes: Number of outputs, 2 or more.
        width: Factor on all channel numbers; 1.0 is the paper's slim network.
        auxiliary: Whether training also answers the auxiliary head on the fine branch (the paper weighs it 0.4).

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out; with `auxiliary`, while training,
        a tuple of two such logits, the main one first.
    """
    return DDRNet(num_classes, width, auxiliary=auxiliary)


class DDRNet(nn.Module):
    """Shared stem at stride 8, a fine branch that stays there, a coarse one down to stride 64, two bilateral fusions."""

    def __init__(self, num_classes: int, width: float, *, auxiliary: bool) -> None:
        super().__init__()
        c, pyramid, head = (max(8, 8 * round(channels * width / 8)) for channels in (32, 128, 64))
        self.stem = nn.Sequential(
            nn.Conv2d(3, c, 3, stride=2, padding=1), Norm(c), nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 3, stride=2, padding=1), Norm(c), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.layer1 = _stage(c, c)
        self.layer2 = _stage(c, 2 * c, stride=2)
        self.layer3 = _stage(2 * c, 4 * c, stride=2)
        self.layer4 = _stage(4 * c, 8 * c, stride=2)
        self.compress3 = _linear(4 * c, 2 * c, 1)
        self.compress4 = _linear(8 * c, 2 * c, 1)
        self.down3 = _linear(2 * c, 4 * c, 3, stride=2)
        self.down4 = nn.Sequential(
            _linear(2 * c, 4 * c, 3, stride=2), nn.ReLU(inplace=True), _linear(4 * c, 8 * c, 3, stride=2)
        )
        self.layer3_fine = _stage(2 * c, 2 * c)
        self.layer4_fine = _stage(2 * c, 2 * c)
        self.layer5_fine = _bottleneck(2 * c, 2 * c)
        self.layer5 = _bottleneck(8 * c, 8 * c, stride=2)
        self.pyramid = DeepPyramid(16 * c, pyramid, 4 * c)
        self.head_fine = Head(2 * c, head, num_classes) if auxiliary else None
        self.head = Head(4 * c, head, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x_NCHW: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Logits of normalised RGB float32 [N, 3, H, W]; see `build`."""
        answers = tuple(_resize(answer, x_NCHW.shape[-2:]) for answer in self._answers(x_NCHW))
        return answers if len(answers) > 1 else answers[0]

    def coarse_logits(self, x_NCHW: Tensor) -> Tensor:
        """Float32 [N, num_classes, H/8, W/8]: what `forward` resizes."""
        return self._answers(x_NCHW)[0]

    def _answers(self, x_NCHW: Tensor) -> tuple[Tensor, ...]:
        """The main answer and, while training, those of the heads that only training needs; nothing is resized yet."""
        relu = functional.relu
        x = relu(self.layer2(relu(self.layer1(self.stem(x_NCHW)))))
        fine, coarse = self.layer3_fine(x), self.layer3(x)
        stride8 = fine.shape[-2:]

        x = coarse + self.down3(relu(fine))
        fine3 = fine + _resize(self.compress3(relu(coarse)), stride8)

        coarse = self.layer4(relu(x))
        fine = self.layer4_fine(relu(fine3))
        x = coarse + self.down4(relu(fine))
        fine = fine + _resize(self.compress4(relu(coarse)), stride8)

        fine = self.layer5_fine(relu(fine))
        x = _resize(self.pyramid(self.layer5(relu(x))), stride8)
        main = self.head(x + fine)
        if self.training and self.head_fine is not None:
            return main, self.head_fine(fine3)
        return (main,)


class Residual(nn.Module):
    """Layers added to what came in, or to its projection where sizes differ."""

    def __init__(self, layers: nn.Sequential, shortcut: nn.Sequential | None, *, activate: bool) -> None:
        super().__init__()
        self.layers = layers
        self.shortcut = shortcut
        self.activate = activate

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, C, H, W] to [N, C', H/stride, W/stride]."""
        y_NCHW: Tensor = self.layers(x_NCHW) + (x_NCHW if self.shortcut is None else self.shortcut(x_NCHW))
        return functional.relu(y_NCHW) if self.activate else y_NCHW


class DeepPyramid(nn.Module):
    """DAPPM: means over windows of growing size, each processed together with the one before (section III.C)."""

    def __init__(self, channels: int, inner: int, out_channels: int) -> None:
        super().__init__()
        pools = (*(nn.AvgPool2d(kernel, stride, kernel // 2) for kernel, stride in POOLS), nn.AdaptiveAvgPool2d(1))
        self.scales = nn.ModuleList(nn.Sequential(pool, *_pre(channels, inner, 1)) for pool in pools)
        self.scale0 = _pre(channels, inner, 1)
        self.processes = nn.ModuleList(_pre(inner, inner, 3) for _ in pools)
        self.compress = _pre(5 * inner, out_channels, 1)
        self.shortcut = _pre(channels, out_channels, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels, H, W] to [N, out_channels, H, W]."""
        parts = [self.scale0(x_NCHW)]
        for scale, process in zip(self.scales, self.processes, strict=True):
            parts.append(process(_resize(scale(x_NCHW), x_NCHW.shape[-2:]) + parts[-1]))
        y_NCHW: Tensor = self.compress(torch.cat(parts, 1)) + self.shortcut(x_NCHW)
        return y_NCHW


class Head(nn.Sequential):
    """[N, channels, H, W] to logits [N, out_channels, H, W]."""

    def __init__(self, channels: int, inner: int, out_channels: int) -> None:
        last = (Norm(inner), nn.ReLU(inplace=True), nn.Conv2d(inner, out_channels, 1))
        super().__init__(*_pre(channels, inner, 3), *last)


class Norm(nn.BatchNorm2d):
    """BatchNorm2d that also takes a single value per channel, which has no variance: as in evaluation."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, C, H, W], size kept."""
        if self.training and x_NCHW.numel() == x_NCHW.shape[1]:
            return functional.batch_norm(
                x_NCHW, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x_NCHW)


def _convolution(channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2, bias=False)


def _linear(channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """A convolution without bias, and batch norm."""
    return nn.Sequential(_convolution(channels, out_channels, kernel, stride=stride), Norm(out_channels))


def _pre(channels: int, out_channels: int, kernel: int) -> nn.Sequential:
    """Batch norm, ReLU, and a convolution without bias."""
    return nn.Sequential(Norm(channels), nn.ReLU(inplace=True), _convolution(channels, out_channels, kernel))


def _residual(channels: int, layers: Sequence[nn.Sequential], stride: int, *, activate: bool) -> Residual:
    """Convolutions with ReLU between them, and a projection where the sizes ask for one."""
    modules = [module for layer in layers for module in (*layer, nn.ReLU(inplace=True))][:-1]
    out_channels = modules[-1].num_features
    same = stride == 1 and channels == out_channels
    shortcut = None if same else _linear(channels, out_channels, 1, stride=stride)
    return Residual(nn.Sequential(*modules), shortcut, activate=activate)


def _basic(channels: int, out_channels: int, *, stride: int = 1, activate: bool = True) -> Residual:
    """Two 3x3 convolutions."""
    layers = (_linear(channels, out_channels, 3, stride=stride), _linear(out_channels, out_channels, 3))
    return _residual(channels, layers, stride, activate=activate)


def _bottleneck(channels: int, inner: int, *, stride: int = 1) -> Residual:
    """1x1, 3x3 and 1x1 to twice the channels, without ReLU at the end."""
    layers = (_linear(channels, inner, 1), _linear(inner, inner, 3, stride=stride), _linear(inner, 2 * inner, 1))
    return _residual(channels, layers, stride, activate=False)


def _stage(channels: int, out_channels: int, *, stride: int = 1) -> nn.Sequential:
    """Two basic blocks, the first with the stride, the second without ReLU."""
    return nn.Sequential(
        _basic(channels, out_channels, stride=stride), _basic(out_channels, out_channels, activate=False)
    )


def _resize(x_NCHW: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(x_NCHW, (size[0], size[1]), mode="bilinear", align_corners=False)
