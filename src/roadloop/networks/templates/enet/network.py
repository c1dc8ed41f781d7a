"""ENet: a real-time encoder-decoder for pictures of streets.

Source: A. Paszke, A. Chaurasia, S. Kim, E. Culurciello, "ENet: A Deep Neural Network Architecture for Real-Time
Semantic Segmentation", 2016, arXiv:1606.02147. Written from the paper's tables and text; as in the widely used
CamVid weights of 2018, a 3x3 transposed convolution stands in the upsampling bottleneck and PReLU after the expansions.
The variant `master` is what the same repository became later: 2x2 pooling and transposed convolutions, PReLU with one slope
in the encoder, ReLU in the decoder and none after the expansion of the upsampling bottleneck.

Shapes: N pictures, C channels, H rows, W columns. Any size goes in: the borders are repeated up to a multiple of 8
(the network's stride) and the answer is cut back.

This file needs nothing but torch. Edit your copy freely; keep `build`.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8
VARIANTS = ("2018", "master")
Activation = Callable[[int], nn.Module]  # of so many channels


def build(num_classes: int, *, width: float = 1.0, dropout: float = 0.1, variant: str = "2018") -> nn.Module:
    """Make the network.

    Args:
        num_classes: Number of outputs, 2 or more.
        width: Factor on all channel numbers; 1.0 is the paper.
        dropout: Share of channels dropped in stages 2 and 3; stage 1 drops a tenth of it.
        variant: Whose published weights fit, `2018` or `master`; see above.

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out, training and evaluation alike.

    Raises:
        ValueError: No such variant.
    """
    if variant not in VARIANTS:
        raise ValueError(
            f"没有变体 {variant!r}，可选 {', '.join(VARIANTS)} | no variant {variant!r}, there are {', '.join(VARIANTS)}"
        )
    return ENet(num_classes, width, dropout, later=variant == "master")


class ENet(nn.Module):
    """Initial block, stages 1 to 3 (encoder, stride 8), stages 4 and 5 (decoder), full resolution at the end."""

    def __init__(self, num_classes: int, width: float, dropout: float, *, later: bool) -> None:
        super().__init__()
        encode = _one_slope if later else nn.PReLU
        decode = _relu if later else nn.PReLU
        narrow, middle, wide = (max(8, 8 * round(channels * width / 8)) for channels in (16, 64, 128))
        light = dropout / 10
        pool = 2 if later else 3
        self.initial = Initial(narrow, encode)
        self.down1 = Down(narrow, middle, light, encode, pool)
        self.stage1 = nn.Sequential(*(Bottleneck(middle, light, encode) for _ in range(4)))
        self.down2 = Down(middle, wide, dropout, encode, pool)
        self.stage2 = nn.Sequential(*_dilated_stage(wide, dropout, encode))
        self.stage3 = nn.Sequential(*_dilated_stage(wide, dropout, encode))
        self.up4 = Up(wide, middle, dropout, decode, later=later)
        self.stage4 = nn.Sequential(*(Bottleneck(middle, dropout, decode) for _ in range(2)))
        self.up5 = Up(middle, narrow, dropout, decode, later=later)
        self.stage5 = nn.Sequential(Bottleneck(narrow, dropout, decode))
        self.full = nn.ConvTranspose2d(narrow, num_classes, 3, stride=2, padding=1, output_padding=1, bias=False)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits float32 [N, num_classes, H, W] of normalised RGB float32 [N, 3, H, W]."""
        height, width = x_NCHW.shape[-2:]
        below, right = -height % STRIDE, -width % STRIDE
        if below or right:
            x_NCHW = functional.pad(x_NCHW, (0, right, 0, below), mode="replicate")
        x_NCHW = self.initial(x_NCHW)
        x_NCHW, places1 = self.down1(x_NCHW)
        x_NCHW, places2 = self.down2(self.stage1(x_NCHW))
        x_NCHW = self.stage3(self.stage2(x_NCHW))
        x_NCHW = self.stage4(self.up4(x_NCHW, places2))
        x_NCHW = self.stage5(self.up5(x_NCHW, places1))
        logits_NCHW: Tensor = self.full(x_NCHW)
        return logits_NCHW[..., :height, :width] if below or right else logits_NCHW


class Initial(nn.Module):
    """Half the size: a 3x3 convolution beside a maximum of the picture itself."""

    def __init__(self, channels: int, activation: Activation) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, channels - 3, 3, stride=2, padding=1, bias=False)
        self.norm = Norm(channels)
        self.activation = activation(channels)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, channels, H/2, W/2]."""
        maximum = functional.max_pool2d(x_NCHW, 3, stride=2, padding=1)
        y_NCHW: Tensor = self.activation(self.norm(torch.cat((self.convolution(x_NCHW), maximum), 1)))
        return y_NCHW


class Bottleneck(nn.Module):
    """Project to a quarter of the channels, look around, expand; added to what came in."""

    def __init__(
        self, channels: int, dropout: float, activation: Activation, *, dilation: int = 1, asymmetric: bool = False
    ) -> None:
        super().__init__()
        inner = channels // 4
        self.project = _unit(nn.Conv2d(channels, inner, 1, bias=False), activation)
        self.look = (
            nn.Sequential(
                *_unit(nn.Conv2d(inner, inner, (5, 1), padding=(2, 0), bias=False), activation),
                *_unit(nn.Conv2d(inner, inner, (1, 5), padding=(0, 2), bias=False), activation),
            )
            if asymmetric
            else _unit(nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation, bias=False), activation)
        )
        self.expand = _unit(nn.Conv2d(inner, channels, 1, bias=False), activation)
        self.dropout = nn.Dropout2d(dropout)
        self.activation = activation(channels)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels, H, W], size kept."""
        added = self.dropout(self.expand(self.look(self.project(x_NCHW))))
        y_NCHW: Tensor = self.activation(x_NCHW + added)
        return y_NCHW


class Down(nn.Module):
    """Half the size; remembers where each maximum was, for the block that doubles the size again."""

    def __init__(self, channels: int, out_channels: int, dropout: float, activation: Activation, pool: int) -> None:
        super().__init__()
        inner = channels // 4
        self.more = out_channels - channels
        self.pool = pool
        self.project = _unit(nn.Conv2d(channels, inner, 2, stride=2, bias=False), activation)
        self.look = _unit(nn.Conv2d(inner, inner, 3, padding=1, bias=False), activation)
        self.expand = _unit(nn.Conv2d(inner, out_channels, 1, bias=False), activation)
        self.dropout = nn.Dropout2d(dropout)
        self.activation = activation(out_channels)

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """[N, channels, H, W] to [N, out_channels, H/2, W/2], and the places int64 [N, channels, H/2, W/2]."""
        added = self.dropout(self.expand(self.look(self.project(x_NCHW))))
        pool, around = self.pool, self.pool // 2 if self.pool % 2 else 0
        maximum, places = functional.max_pool2d_with_indices(
            x_NCHW, (pool, pool), stride=(2, 2), padding=(around, around)
        )
        maximum = functional.pad(maximum, (0, 0, 0, 0, 0, self.more))
        return self.activation(maximum + added), places


class Up(nn.Module):
    """Twice the size: values go back to the remembered places."""

    def __init__(
        self, channels: int, out_channels: int, dropout: float, activation: Activation, *, later: bool
    ) -> None:
        super().__init__()
        inner = channels // 4
        double = (
            nn.ConvTranspose2d(inner, inner, 2, stride=2, bias=False)
            if later
            else nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1, bias=False)
        )
        self.main = nn.Sequential(nn.Conv2d(channels, out_channels, 1, bias=False), Norm(out_channels))
        self.project = _unit(nn.Conv2d(channels, inner, 1, bias=False), activation)
        self.look = _unit(double, activation)
        self.expand = _unit(nn.Conv2d(inner, out_channels, 1, bias=False), None if later else activation)
        self.dropout = nn.Dropout2d(dropout)
        self.activation = activation(out_channels)

    def forward(self, x_NCHW: Tensor, places: Tensor) -> Tensor:
        """[N, channels, H, W] to [N, out_channels, 2H, 2W]; `places` int64 [N, out_channels, H, W]."""
        main = functional.max_unpool2d(self.main(x_NCHW), places, (2, 2))
        added = self.dropout(self.expand(self.look(self.project(x_NCHW))))
        y_NCHW: Tensor = self.activation(main + added)
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


def _one_slope(_: int) -> nn.Module:
    return nn.PReLU()


def _relu(_: int) -> nn.Module:
    return nn.ReLU()


def _unit(convolution: nn.Conv2d | nn.ConvTranspose2d, activation: Activation | None) -> nn.Sequential:
    """A convolution, batch norm and, if any, an activation with one slope."""
    layers = (convolution, Norm(convolution.out_channels))
    return nn.Sequential(*layers, activation(1)) if activation else nn.Sequential(*layers)


def _dilated_stage(channels: int, dropout: float, activation: Activation) -> list[nn.Module]:
    """The eight bottlenecks of stages 2 and 3: regular, dilated and asymmetric ones by turns."""
    return [
        Bottleneck(channels, dropout, activation),
        Bottleneck(channels, dropout, activation, dilation=2),
        Bottleneck(channels, dropout, activation, asymmetric=True),
        Bottleneck(channels, dropout, activation, dilation=4),
        Bottleneck(channels, dropout, activation),
        Bottleneck(channels, dropout, activation, dilation=8),
        Bottleneck(channels, dropout, activation, asymmetric=True),
        Bottleneck(channels, dropout, activation, dilation=16),
    ]
