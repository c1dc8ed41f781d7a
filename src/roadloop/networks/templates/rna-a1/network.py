"""ResNet-A1: model A1 of "Wider or Deeper", a wide residual network, as a dilated segmentation network of stride 8.

Source: Z. Wu, C. Shen, A. van den Hengel, "Wider or Deeper: Revisiting the ResNet Model for Visual Recognition", 2016,
arXiv:1611.10080 (figure 4 and section 5). Levels, channels, strides and dilations are those of the network that its
authors published as `rna-a1 ... s8`; two dilated convolutions classify ("2 conv.").

Checked: 124,033,363 parameters and 4,791 G multiply-adds of convolutions at 2048x1024, 19 classes. The paper gives neither
for this network.

Shapes: N pictures, C channels, H rows, W columns. Any size goes in; the answer is resized to it.

This file needs nothing but torch. Edit your copy freely; keep `build`.
"""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn
from torch.nn import functional

# Levels 2 to 7: channels and kernels of the convolutions of a block, number of blocks, stride, dilation. In levels 5
# and 6 the stride of the classification network has become dilation: the first block's first convolution still has
# the dilation of the level before.
LEVELS = (
    ((128, 128), (3, 3), 3, 2, 1),
    ((256, 256), (3, 3), 3, 2, 1),
    ((512, 512), (3, 3), 6, 2, 1),
    ((512, 1024), (3, 3), 3, 1, 2),
    ((512, 1024, 2048), (1, 3, 1), 1, 1, 4),
    ((1024, 2048, 4096), (1, 3, 1), 1, 1, 4),
)
CLASSIFIER_DILATION = 12


def build(num_classes: int, *, width: float = 1.0, dropout: Sequence[float] = (0.3, 0.5)) -> nn.Module:
    """Make the network.

    Args:
        num_classes: Number of outputs, 2 or more.
        width: Factor on all channel numbers; 1.0 is the paper.
        dropout: Shares of values dropped before the last convolution of level 6, and of level 7.

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out, training and evaluation alike.
    """
    return ResNetA1(num_classes, width, (0.0,) * (len(LEVELS) - 2) + tuple(dropout))


class ResNetA1(nn.Module):
    """A convolution at full size, levels 2 to 7 of pre-activated residual blocks, two dilated convolutions."""

    def __init__(self, num_classes: int, width: float, dropout: Sequence[float]) -> None:
        super().__init__()
        channels, inner = _scaled((64, 512), width)
        self.first = nn.Conv2d(3, channels, 3, padding=1, bias=False)
        self.levels = nn.Sequential()
        dilation = 1
        for (filters, kernels, blocks, stride, final), share in zip(LEVELS, dropout, strict=True):
            level: list[nn.Module] = []
            for _ in range(blocks):
                first = not level
                level.append(
                    Block(
                        (channels, *_scaled(filters, width)),
                        kernels,
                        stride=stride if first else 1,
                        dilations=(dilation, *(final,) * (len(kernels) - 1)),
                        dropout=share,
                        project=first,
                    )
                )
                channels, dilation = _scaled(filters, width)[-1], final
            self.levels.append(nn.Sequential(*level))
        self.norm = Norm(channels)
        around = CLASSIFIER_DILATION
        self.classify = nn.Sequential(
            nn.Conv2d(channels, inner, 3, padding=around, dilation=around),
            nn.ReLU(inplace=True),
            nn.Conv2d(inner, num_classes, 3, padding=around, dilation=around),
        )
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits float32 [N, num_classes, H, W] of normalised RGB float32 [N, 3, H, W]."""
        size = x_NCHW.shape[-2:]
        logits_NChw = self.coarse_logits(x_NCHW)
        return functional.interpolate(logits_NChw, (size[0], size[1]), mode="bilinear", align_corners=False)

    def coarse_logits(self, x_NCHW: Tensor) -> Tensor:
        """Float32 [N, num_classes, H/8, W/8]: what `forward` resizes."""
        logits_NChw: Tensor = self.classify(functional.relu(self.norm(self.levels(self.first(x_NCHW)))))
        return logits_NChw


class Block(nn.Module):
    """Pre-activated residual block: batch norm and ReLU stand before each convolution, nothing behind the sum.

    Args:
        channels: What comes in, and what each convolution makes of it.
        kernels: Of the convolutions.
        stride: Of the first convolution and of the projection.
        dilations: Of the convolutions.
        dropout: Before the last convolution.
        project: Whether a 1x1 convolution of the activated input takes the place of the input in the sum.
    """

    def __init__(
        self,
        channels: Sequence[int],
        kernels: Sequence[int],
        *,
        stride: int,
        dilations: Sequence[int],
        dropout: float,
        project: bool,
    ) -> None:
        super().__init__()
        self.norms = nn.ModuleList(Norm(before) for before in channels[:-1])
        self.convolutions = nn.ModuleList(
            nn.Conv2d(before, after, kernel, padding=dilation * (kernel // 2), dilation=dilation, bias=False)
            for (before, after), kernel, dilation in zip(pairwise(channels), kernels, dilations, strict=True)
        )
        first = self.convolutions[0]
        assert isinstance(first, nn.Conv2d)
        first.stride = (stride, stride)
        self.dropout = nn.Dropout(dropout)
        self.project = nn.Conv2d(channels[0], channels[-1], 1, stride=stride, bias=False) if project else None

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels[0], H, W] to [N, channels[-1], H/stride, W/stride]."""
        active = functional.relu(self.norms[0](x_NCHW))
        y_NCHW: Tensor = self.convolutions[0](active)
        for norm, convolution in zip(self.norms[1:], self.convolutions[1:], strict=True):
            last = convolution is self.convolutions[-1]
            y_NCHW = functional.relu(norm(y_NCHW))
            y_NCHW = convolution(self.dropout(y_NCHW) if last else y_NCHW)
        return y_NCHW + (x_NCHW if self.project is None else self.project(active))


class Norm(nn.BatchNorm2d):
    """BatchNorm2d that also takes a single value per channel, which has no variance: as in evaluation."""

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, C, H, W], size kept."""
        if self.training and x_NCHW.numel() == x_NCHW.shape[1]:
            return functional.batch_norm(
                x_NCHW, self.running_mean, self.running_var, self.weight, self.bias, eps=self.eps
            )
        return super().forward(x_NCHW)


def _scaled(channels: Sequence[int], width: float) -> tuple[int, ...]:
    return tuple(max(8, 8 * round(c * width / 8)) for c in channels)
