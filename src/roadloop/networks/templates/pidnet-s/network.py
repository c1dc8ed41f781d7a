"""PIDNet-S: three branches, for detail (P), context (I) and boundaries (D).

Source: J. Xu, Z. Xiong, S. P. Bhattacharyya, "PIDNet: A Real-time Semantic Segmentation Network Inspired by PID
Controllers", CVPR 2023, arXiv:2206.02066. Written from its sections 3 and 4 (Pag, PAPPM, Light-Bag); numbers of
blocks and channels as the authors published them. The order of the tensors is theirs.

Checked: 7,625,715 parameters (published: 7.6 M) and 47.2 G multiply-adds of convolutions at 2048x1024 (published:
47.6 G), 19 classes, without the two heads that only training needs (95,220 parameters more).

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
        width: Factor on all channel numbers; 1.0 is PIDNet-S, 2.0 is PIDNet-M but for its pyramid and head.
        auxiliary: Whether training also answers the auxiliary head of branch P and the boundary head of branch D.

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out; with `auxiliary`, while training,
        a tuple: the main logits, those of branch P, and boundary logits float32 [N, 1, H, W].
    """
    return PIDNet(num_classes, width, auxiliary=auxiliary)


class PIDNet(nn.Module):
    """Shared stem at stride 8, then branch P and D at stride 8 beside branch I down to stride 64."""

    def __init__(self, num_classes: int, width: float, *, auxiliary: bool) -> None:
        super().__init__()
        c, pyramid, head = (max(8, 8 * round(channels * width / 8)) for channels in (32, 96, 128))
        self.stem = nn.Sequential(
            nn.Conv2d(3, c, 3, stride=2, padding=1), Norm(c), nn.ReLU(inplace=True),
            nn.Conv2d(c, c, 3, stride=2, padding=1), Norm(c), nn.ReLU(inplace=True),
        )  # fmt: skip
        self.layer1 = _stage(c, c, 2)
        self.layer2 = _stage(c, 2 * c, 2, stride=2)
        self.layer3 = _stage(2 * c, 4 * c, 3, stride=2)
        self.layer4 = _stage(4 * c, 8 * c, 3, stride=2)
        self.layer5 = nn.Sequential(_bottleneck(8 * c, 8 * c, stride=2), _bottleneck(16 * c, 8 * c))

        self.compress3 = _linear(4 * c, 2 * c, 1)
        self.compress4 = _linear(8 * c, 2 * c, 1)
        self.guide3 = PixelAttention(2 * c, c)
        self.guide4 = PixelAttention(2 * c, c)
        self.layer3_p = _stage(2 * c, 2 * c, 2)
        self.layer4_p = _stage(2 * c, 2 * c, 2)
        self.layer5_p = _bottleneck(2 * c, 2 * c)

        self.layer3_d = _basic(2 * c, c, activate=False)
        self.layer4_d = _bottleneck(c, c)
        self.difference3 = _linear(4 * c, c, 3)
        self.difference4 = _linear(8 * c, 2 * c, 3)
        self.pyramid = ParallelPyramid(16 * c, pyramid, 4 * c)
        self.fuse = BoundaryFusion(4 * c)
        self.layer5_d = _bottleneck(2 * c, 2 * c)

        self.head_p = Head(2 * c, head, num_classes) if auxiliary else None
        self.head_d = Head(2 * c, c, 1) if auxiliary else None
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
        """The main answer and, while training, those of the heads that only training needs; nothing is resized yet.

        Those heads see what the next layer of their branch sees, after its ReLU, as in the authors' code: its ReLU is in
        place.
        """
        relu = functional.relu
        i = relu(self.layer2(relu(self.layer1(self.stem(x_NCHW)))))
        p, d = self.layer3_p(i), self.layer3_d(i)
        fine = p.shape[-2:]

        i = relu(self.layer3(i))
        p3 = self.guide3(p, self.compress3(i))
        d = d + _resize(self.difference3(i), fine)

        i = relu(self.layer4(i))
        p = self.guide4(self.layer4_p(relu(p3)), self.compress4(i))
        d4 = self.layer4_d(relu(d)) + _resize(self.difference4(i), fine)

        p, d = self.layer5_p(relu(p)), self.layer5_d(relu(d4))
        i = _resize(self.pyramid(self.layer5(i)), fine)
        main = self.head(self.fuse(p, i, d))
        if self.training and self.head_p is not None and self.head_d is not None:
            return main, self.head_p(relu(p3)), self.head_d(relu(d4))
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


class PixelAttention(nn.Module):
    """Pag: takes from branch I, pixel by pixel, as far as the two branches agree there (section 4.1)."""

    def __init__(self, channels: int, inner: int) -> None:
        super().__init__()
        self.fine = _linear(channels, inner, 1)
        self.coarse = _linear(channels, inner, 1)

    def forward(self, p_NCHW: Tensor, i_NChw: Tensor) -> Tensor:
        """Fine [N, C, H, W] and coarse [N, C, h, w] to [N, C, H, W]."""
        size = p_NCHW.shape[-2:]
        agreement = self.fine(p_NCHW) * _resize(self.coarse(i_NChw), size)
        share = torch.sigmoid(agreement.sum(1, keepdim=True))
        return (1 - share) * p_NCHW + share * _resize(i_NChw, size)


class ParallelPyramid(nn.Module):
    """PAPPM: means over windows of four sizes, processed beside each other by one grouped convolution (section 4.2)."""

    def __init__(self, channels: int, inner: int, out_channels: int) -> None:
        super().__init__()
        pools = (*(nn.AvgPool2d(kernel, stride, kernel // 2) for kernel, stride in POOLS), nn.AdaptiveAvgPool2d(1))
        self.scales = nn.ModuleList(nn.Sequential(pool, *_pre(channels, inner, 1)) for pool in pools)
        self.scale0 = _pre(channels, inner, 1)
        self.process = _pre(4 * inner, 4 * inner, 3, groups=4)
        self.compress = _pre(5 * inner, out_channels, 1)
        self.shortcut = _pre(channels, out_channels, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels, H, W] to [N, out_channels, H, W]."""
        own = self.scale0(x_NCHW)
        scales = torch.cat([_resize(scale(x_NCHW), x_NCHW.shape[-2:]) + own for scale in self.scales], 1)
        y_NCHW: Tensor = self.compress(torch.cat((own, self.process(scales)), 1)) + self.shortcut(x_NCHW)
        return y_NCHW


class BoundaryFusion(nn.Module):
    """Light-Bag: branch P counts where a boundary is, branch I elsewhere (section 4.3)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.detail = _linear(channels, channels, 1)
        self.context = _linear(channels, channels, 1)

    def forward(self, p_NCHW: Tensor, i_NCHW: Tensor, d_NCHW: Tensor) -> Tensor:
        """Three times [N, C, H, W] to one."""
        boundary = torch.sigmoid(d_NCHW)
        y_NCHW: Tensor = self.detail((1 - boundary) * i_NCHW + p_NCHW) + self.context(i_NCHW + boundary * p_NCHW)
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


def _convolution(channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)


def _linear(channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """A convolution without bias, and batch norm."""
    return nn.Sequential(_convolution(channels, out_channels, kernel, stride=stride), Norm(out_channels))


def _pre(channels: int, out_channels: int, kernel: int, *, groups: int = 1) -> nn.Sequential:
    """Batch norm, ReLU, and a convolution without bias."""
    return nn.Sequential(
        Norm(channels), nn.ReLU(inplace=True), _convolution(channels, out_channels, kernel, groups=groups)
    )


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


def _stage(channels: int, out_channels: int, blocks: int, *, stride: int = 1) -> nn.Sequential:
    """Basic blocks, the first with the stride, the last without ReLU."""
    first = _basic(channels, out_channels, stride=stride)
    rest = (_basic(out_channels, out_channels, activate=block < blocks) for block in range(2, blocks + 1))
    return nn.Sequential(first, *rest)


def _resize(x_NCHW: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(x_NCHW, (size[0], size[1]), mode="bilinear", align_corners=False)
