"""BiSeNetV2: a wide shallow branch for detail, a narrow deep one for meaning, each guiding the other.

Source: C. Yu, C. Gao, J. Wang, G. Yu, C. Shen, N. Sang, "BiSeNet V2: Bilateral Network with Guided Aggregation for
Real-time Semantic Segmentation", IJCV 2021, arXiv:2004.02147. Written from its table 1 and section 4: stem, gather-and-
expansion layers, context embedding, bilateral guided aggregation, booster training. As in the widely used weights, a
ReLU follows the last depthwise convolution, the context embedding and the aggregation, and the head has 1024 channels.

Checked: 3,358,627 parameters and 24.6 G multiply-adds of convolutions at 1024x512, 19 classes, without the four heads
that only training needs (287,308 parameters more). The paper gives no parameters and 21.15 G; it does not say how many
channels its head has, and 660 would give that number.

Shapes: N pictures, C channels, H rows, W columns. Any size goes in; the answer is resized to it.

This file needs nothing but torch. Edit your copy freely; keep `build`.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

EXPANSION = 6
UPSAMPLINGS = ("bilinear", "nearest")


def build(
    num_classes: int,
    *,
    width: float = 1.0,
    dropout: float = 0.1,
    auxiliary: bool = False,
    upsampling: str = "bilinear",
) -> nn.Module:
    """Make the network.

    Args:
        num_classes: Number of outputs, 2 or more.
        width: Factor on all channel numbers; 1.0 is the paper.
        dropout: Share of values dropped before the last layer of each head.
        auxiliary: Whether training also answers four heads on the stages of the semantic branch (booster training).
        upsampling: Of the semantic branch where the two are aggregated: `bilinear` as in the paper, or `nearest`, as
            the widely used weights were trained.

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out; with `auxiliary`, while training,
        a tuple of five such logits, the main one first.

    Raises:
        ValueError: No such upsampling.
    """
    if upsampling not in UPSAMPLINGS:
        raise ValueError(
            f"没有 upsampling {upsampling!r}，可选 {', '.join(UPSAMPLINGS)} | no upsampling {upsampling!r}, there are {', '.join(UPSAMPLINGS)}"
        )
    return BiSeNetV2(num_classes, width, dropout, auxiliary=auxiliary, upsampling=upsampling)


class BiSeNetV2(nn.Module):
    """Detail branch (stride 8) and semantic branch (stride 32), aggregated at stride 8."""

    def __init__(
        self, num_classes: int, width: float, dropout: float, *, auxiliary: bool, upsampling: str = "bilinear"
    ) -> None:
        super().__init__()
        c16, c32, c64, c128, c1024 = (max(8, 8 * round(c * width / 8)) for c in (16, 32, 64, 128, 1024))
        self.detail = nn.Sequential(
            _unit(3, c64, 3, stride=2), _unit(c64, c64, 3),
            _unit(c64, c64, 3, stride=2), _unit(c64, c64, 3), _unit(c64, c64, 3),
            _unit(c64, c128, 3, stride=2), _unit(c128, c128, 3), _unit(c128, c128, 3),
        )  # fmt: skip
        self.stages = nn.ModuleList(
            (
                Stem(c16),
                nn.Sequential(Expand(c16, c32, stride=2), Expand(c32, c32)),
                nn.Sequential(Expand(c32, c64, stride=2), Expand(c64, c64)),
                nn.Sequential(Expand(c64, c128, stride=2), *(Expand(c128, c128) for _ in range(3))),
            )
        )
        self.context = ContextEmbedding(c128)
        self.aggregate = GuidedAggregation(c128, upsampling)
        self.head = _head(c128, c1024, num_classes, dropout)
        channels = (c16, c32, c64, c128) if auxiliary else ()
        self.auxiliaries = nn.ModuleList(_head(c, c128, num_classes, dropout) for c in channels)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x_NCHW: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Logits of normalised RGB float32 [N, 3, H, W]; see `build`."""
        answers = tuple(_resize(answer, x_NCHW.shape[-2:]) for answer in self._answers(x_NCHW))
        return answers if len(answers) > 1 else answers[0]

    def coarse_logits(self, x_NCHW: Tensor) -> Tensor:
        """Float32 [N, num_classes, H/8, W/8]: what `forward` resizes."""
        return self._answers(x_NCHW)[0]

    def _answers(self, x_NCHW: Tensor) -> tuple[Tensor, ...]:
        """The main answer and, while training, those of the heads that only training needs; nothing is resized yet."""
        semantic: list[Tensor] = []
        for stage in self.stages:
            semantic.append(stage(semantic[-1] if semantic else x_NCHW))
        joined = self.aggregate(self.detail(x_NCHW), self.context(semantic[-1]))
        main = self.head(joined)
        if not (self.training and self.auxiliaries):
            return (main,)
        return main, *(head(x) for head, x in zip(self.auxiliaries, semantic, strict=True))


class Stem(nn.Module):
    """Quarter of the size: a strided convolution beside a maximum."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _unit(3, channels, 3, stride=2)
        self.left = nn.Sequential(_unit(channels, channels // 2, 1), _unit(channels // 2, channels, 3, stride=2))
        self.merge = _unit(2 * channels, channels, 3)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, channels, H/4, W/4]."""
        x_NCHW = self.first(x_NCHW)
        maximum = functional.max_pool2d(x_NCHW, 3, stride=2, padding=1)
        y_NCHW: Tensor = self.merge(torch.cat((self.left(x_NCHW), maximum), 1))
        return y_NCHW


class Expand(nn.Module):
    """Gather-and-expansion: 3x3, depthwise 3x3 to six times the channels (two of them where the size halves), 1x1."""

    def __init__(self, channels: int, out_channels: int, *, stride: int = 1) -> None:
        super().__init__()
        inner = EXPANSION * channels
        deep = (
            (_linear(channels, inner, 3, groups=channels),)
            if stride == 1
            else (_linear(channels, inner, 3, stride=stride, groups=channels), _linear(inner, inner, 3, groups=inner))
        )
        self.layers = nn.Sequential(
            _unit(channels, channels, 3), *deep, nn.ReLU(inplace=True), _linear(inner, out_channels, 1)
        )
        self.shortcut = (
            None
            if stride == 1
            else nn.Sequential(
                _linear(channels, channels, 3, stride=stride, groups=channels), _linear(channels, out_channels, 1)
            )
        )

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels, H, W] to [N, out_channels, H/stride, W/stride]."""
        y_NCHW: Tensor = self.layers(x_NCHW) + (x_NCHW if self.shortcut is None else self.shortcut(x_NCHW))
        return functional.relu(y_NCHW)


class ContextEmbedding(nn.Module):
    """The mean over the picture, added to every place."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm = Norm(channels)
        self.project = _unit(channels, channels, 1)
        self.last = _unit(channels, channels, 3)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, C, H, W], size kept."""
        mean = self.project(self.norm(x_NCHW.mean((2, 3), keepdim=True)))
        y_NCHW: Tensor = self.last(x_NCHW + mean)
        return y_NCHW


class GuidedAggregation(nn.Module):
    """Bilateral guided aggregation: each branch opens and closes the other, at both of their resolutions."""

    def __init__(self, channels: int, upsampling: str) -> None:
        super().__init__()
        self.upsampling = upsampling
        self.detail_keep = nn.Sequential(
            _linear(channels, channels, 3, groups=channels), nn.Conv2d(channels, channels, 1, bias=False)
        )
        self.detail_down = nn.Sequential(_linear(channels, channels, 3, stride=2), nn.AvgPool2d(3, 2, 1))
        self.semantic_up = _linear(channels, channels, 3)
        self.semantic_keep = nn.Sequential(
            _linear(channels, channels, 3, groups=channels), nn.Conv2d(channels, channels, 1, bias=False)
        )
        self.merge = _unit(channels, channels, 3)

    def forward(self, detail_NCHW: Tensor, semantic_NChw: Tensor) -> Tensor:
        """Detail [N, C, H, W] and semantics [N, C, H/4, W/4] to [N, C, H, W]."""
        size, mode = detail_NCHW.shape[-2:], self.upsampling
        fine = self.detail_keep(detail_NCHW) * torch.sigmoid(_resize(self.semantic_up(semantic_NChw), size, mode))
        coarse = self.detail_down(detail_NCHW) * torch.sigmoid(self.semantic_keep(semantic_NChw))
        y_NCHW: Tensor = self.merge(fine + _resize(coarse, size, mode))
        return y_NCHW


class Norm(nn.BatchNorm2d):
    """BatchNorm2d that also takes a single value per channel, which has no variance: as in evaluation."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, C, H, W], size kept."""
        if self.training and x_NCHW.numel() == x_NCHW.shape[1]:
            return functional.batch_norm(
                x_NCHW, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x_NCHW)


def _linear(channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1) -> nn.Sequential:
    """A convolution without bias, and batch norm."""
    convolution = nn.Conv2d(channels, out_channels, kernel, stride, kernel // 2, groups=groups, bias=False)
    return nn.Sequential(convolution, Norm(out_channels))


def _unit(channels: int, out_channels: int, kernel: int, *, stride: int = 1) -> nn.Sequential:
    """A convolution without bias, batch norm and ReLU."""
    return nn.Sequential(*_linear(channels, out_channels, kernel, stride=stride), nn.ReLU(inplace=True))


def _head(channels: int, inner: int, num_classes: int, dropout: float) -> nn.Sequential:
    """A 3x3 convolution, and logits."""
    return nn.Sequential(_unit(channels, inner, 3), nn.Dropout(dropout), nn.Conv2d(inner, num_classes, 1))


def _resize(x_NCHW: Tensor, size: Sequence[int], mode: str = "bilinear") -> Tensor:
    aligned = False if mode == "bilinear" else None
    return functional.interpolate(x_NCHW, (size[0], size[1]), mode=mode, align_corners=aligned)
