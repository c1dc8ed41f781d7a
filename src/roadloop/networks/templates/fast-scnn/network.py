"""Fast-SCNN: fast semantic segmentation with a shared first stage.

Source: R. Poudel, S. Liwicki, R. Cipolla, "Fast-SCNN: Fast Semantic Segmentation Network", BMVC 2019,
arXiv:1902.04502. Written from its tables 1 to 3: learning to downsample, global feature extractor, feature fusion,
classifier; auxiliary heads (section 4.1) after the first two while training. The variant `tramac` is the network of the
common third-party weights (Tramac's Fast-SCNN-pytorch): no padding in the first convolution, ReLU inside the separable
convolutions, no dilation but two more biases in the fusion, corners aligned wherever something is resized.

Shapes: N pictures, C channels, H rows, W columns. Any size goes in; the answer is resized to it.

This file needs nothing but torch. Edit your copy freely; keep `build`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

BINS = (1, 2, 3, 6)
VARIANTS = ("paper", "tramac")
SMALLEST = 3  # rows and columns that a convolution without padding needs


def build(
    num_classes: int, *, width: float = 1.0, dropout: float = 0.1, auxiliary: bool = False, variant: str = "paper"
) -> nn.Module:
    """Make the network.

    Args:
        num_classes: Number of outputs, 2 or more.
        width: Factor on all channel numbers; 1.0 is the paper.
        dropout: Share of values dropped before the last layer.
        auxiliary: Whether training also answers the logits of two auxiliary heads (the paper weighs them 0.4).
        variant: `paper`, or `tramac` for the weights that many download; see above.

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out; with `auxiliary`, while training,
        a tuple of three such logits, the main one first.

    Raises:
        ValueError: No such variant.
    """
    if variant not in VARIANTS:
        raise ValueError(
            f"没有变体 {variant!r}，可选 {', '.join(VARIANTS)} | no variant {variant!r}, there are {', '.join(VARIANTS)}"
        )
    return FastSCNN(num_classes, width, dropout, auxiliary=auxiliary, tramac=variant == "tramac")


class FastSCNN(nn.Module):
    """Learning to downsample (stride 8), global features (stride 32), fusion at stride 8, classifier."""

    def __init__(self, num_classes: int, width: float, dropout: float, *, auxiliary: bool, tramac: bool) -> None:
        super().__init__()
        self.aligned = tramac
        c32, c48, c64, c96, c128 = (max(8, 8 * round(c * width / 8)) for c in (32, 48, 64, 96, 128))
        first, norm = _linear(3, c32, 3, stride=2)
        if tramac and isinstance(first, nn.Conv2d):
            first.padding = (0, 0)
        self.downsample = nn.Sequential(
            nn.Sequential(first, norm, nn.ReLU(inplace=True)),
            _separable(c32, c48, stride=2, active=tramac),
            _separable(c48, c64, stride=2, active=tramac),
        )
        self.extract = nn.Sequential(
            *_bottlenecks(c64, c64, stride=2),
            *_bottlenecks(c64, c96, stride=2),
            *_bottlenecks(c96, c128, stride=1),
            PyramidPooling(c128, c128, aligned=tramac),
        )
        self.fuse = Fusion(c64, c128, c128, tramac=tramac)
        self.classify = nn.Sequential(
            _separable(c128, c128, active=tramac),
            _separable(c128, c128, active=tramac),
            nn.Dropout(dropout),
            nn.Conv2d(c128, num_classes, 1),
        )
        self.auxiliaries = nn.ModuleList(
            nn.Sequential(_unit(c, c32, 3), nn.Dropout(dropout), nn.Conv2d(c32, num_classes, 1))
            for c in ((c64, c128) if auxiliary else ())
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x_NCHW: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Logits of normalised RGB float32 [N, 3, H, W]; see `build`."""
        answers = tuple(self._whole(answer, x_NCHW) for answer in self._answers(x_NCHW))
        return answers if len(answers) > 1 else answers[0]

    def coarse_logits(self, x_NCHW: Tensor) -> Tensor:
        """Float32 [N, num_classes, H/8, W/8]: what `forward` resizes; its answer where corners are aligned."""
        main = self._answers(x_NCHW)[0]
        return self._whole(main, x_NCHW) if self.aligned else main

    def _whole(self, answer_NChw: Tensor, x_NCHW: Tensor) -> Tensor:
        return _resize(answer_NChw, *x_NCHW.shape[-2:], aligned=self.aligned)

    def _answers(self, x_NCHW: Tensor) -> tuple[Tensor, ...]:
        """The main answer and, while training, those of the heads that only training needs; nothing is resized yet."""
        height, width = x_NCHW.shape[-2:]
        if self.aligned and min(height, width) < SMALLEST:
            around = (0, max(0, SMALLEST - width), 0, max(0, SMALLEST - height))
            x_NCHW = functional.pad(x_NCHW, around, mode="replicate")
        high = self.downsample(x_NCHW)
        low = self.extract(high)
        main = self.classify(self.fuse(high, low))
        if not (self.training and self.auxiliaries):
            return (main,)
        return main, *(head(features) for head, features in zip(self.auxiliaries, (high, low), strict=True))


class InvertedResidual(nn.Module):
    """Bottleneck of MobileNetV2 with expansion 6: expand, depthwise 3x3, project; added when sizes agree."""

    def __init__(self, channels: int, out_channels: int, stride: int) -> None:
        super().__init__()
        inner = 6 * channels
        self.layers = nn.Sequential(
            _unit(channels, inner, 1),
            _unit(inner, inner, 3, stride=stride, groups=inner),
            _linear(inner, out_channels, 1),
        )
        self.shortcut = stride == 1 and channels == out_channels

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels, H, W] to [N, out_channels, H/stride, W/stride]."""
        y_NCHW: Tensor = self.layers(x_NCHW)
        return x_NCHW + y_NCHW if self.shortcut else y_NCHW


class PyramidPooling(nn.Module):
    """Means over 1, 2x2, 3x3 and 6x6 parts of the picture, beside the features themselves (PSPNet)."""

    def __init__(self, channels: int, out_channels: int, *, aligned: bool) -> None:
        super().__init__()
        self.aligned = aligned
        inner = channels // len(BINS)
        self.branches = nn.ModuleList(_unit(channels, inner, 1) for _ in BINS)
        self.merge = _unit(channels + inner * len(BINS), out_channels, 1)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels, H, W] to [N, out_channels, H, W]."""
        height, width = x_NCHW.shape[-2:]
        pooled = [
            _resize(branch(functional.adaptive_avg_pool2d(x_NCHW, size)), height, width, aligned=self.aligned)
            for size, branch in zip(BINS, self.branches, strict=True)
        ]
        y_NCHW: Tensor = self.merge(torch.cat((x_NCHW, *pooled), 1))
        return y_NCHW


class Fusion(nn.Module):
    """Adds the resized global features, after a depthwise convolution, to the fine ones."""

    def __init__(self, high_channels: int, low_channels: int, out_channels: int, *, tramac: bool) -> None:
        super().__init__()
        self.aligned = tramac
        dilation = 1 if tramac else 4
        self.low = nn.Sequential(
            _unit(low_channels, out_channels, 3, groups=out_channels, dilation=dilation),
            nn.Sequential(nn.Conv2d(out_channels, out_channels, 1, bias=tramac), Norm(out_channels)),
        )
        self.high = nn.Sequential(nn.Conv2d(high_channels, out_channels, 1, bias=tramac), Norm(out_channels))

    def forward(self, high_NCHW: Tensor, low_NCHW: Tensor) -> Tensor:
        """High [N, high_channels, H, W] and low [N, low_channels, h, w] to [N, out_channels, H, W]."""
        height, width = high_NCHW.shape[-2:]
        low_NCHW = _resize(low_NCHW, height, width, aligned=self.aligned)
        return functional.relu(self.high(high_NCHW) + self.low(low_NCHW))


class Norm(nn.BatchNorm2d):
    """BatchNorm2d that also takes a single value per channel, which has no variance: as in evaluation."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, C, H, W], size kept."""
        if self.training and x_NCHW.numel() == x_NCHW.shape[1]:
            return functional.batch_norm(
                x_NCHW, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x_NCHW)


def _linear(
    channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Sequential:
    """A convolution without bias, and batch norm."""
    convolution = nn.Conv2d(
        channels,
        out_channels,
        kernel,
        stride=stride,
        padding=dilation * (kernel // 2),
        dilation=dilation,
        groups=groups,
        bias=False,
    )
    return nn.Sequential(convolution, Norm(out_channels))


def _unit(
    channels: int, out_channels: int, kernel: int, *, stride: int = 1, groups: int = 1, dilation: int = 1
) -> nn.Sequential:
    """A convolution without bias, batch norm and ReLU."""
    linear = _linear(channels, out_channels, kernel, stride=stride, groups=groups, dilation=dilation)
    return nn.Sequential(*linear, nn.ReLU(inplace=True))


def _separable(channels: int, out_channels: int, *, stride: int = 1, active: bool) -> nn.Sequential:
    """Depthwise 3x3, then pointwise; in the paper no activation between the two (section 3.2.1)."""
    depthwise = (_unit if active else _linear)(channels, channels, 3, stride=stride, groups=channels)
    return nn.Sequential(depthwise, _unit(channels, out_channels, 1))


def _bottlenecks(channels: int, out_channels: int, *, stride: int) -> list[nn.Module]:
    """Three inverted residuals, the first with the stride."""
    return [
        InvertedResidual(channels, out_channels, stride),
        InvertedResidual(out_channels, out_channels, 1),
        InvertedResidual(out_channels, out_channels, 1),
    ]


def _resize(x_NCHW: Tensor, height: int, width: int, *, aligned: bool) -> Tensor:
    return functional.interpolate(x_NCHW, (height, width), mode="bilinear", align_corners=aligned)
