"""ENet: a real-time encoder-decoder for pictures of streets.

Source: A. Paszke, A. Chaurasia, S. Kim, E. Culurciello, "ENet: A Deep Neural Network Architecture for Real-Time
Semantic Segmentation", 2016, arXiv:1606.02147. Written from the paper's tables and text; as in the widely used
CamVid weights, a 3x3 transposed convolution stands in the upsampling bottleneck and PReLU after the expansions.

Shapes: N pictures, C channels, H rows, W columns. Any size goes in: the borders are repeated up to a multiple of 8
(the network's stride) and the answer is cut back.

This file needs nothing but torch. Edit your copy freely; keep `build`.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIDE = 8


def build(num_classes: int, *, width: float = 1.0, dropout: float = 0.1) -> nn.Module:
    """Make the network.

    Args:
        num_classes: Number of outputs, 2 or more.
        width: Factor on all channel numbers; 1.0 is the paper.
        dropout: Share of channels dropped in stages 2 and 3; stage 1 drops a tenth of it.

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out, training and evaluation alike.
    """
    return ENet(num_classes, width, dropout)


class ENet(nn.Module):
    """Initial block, stages 1 to 3 (encoder, stride 8), stages 4 and 5 (decoder), full resolution at the end."""

    def __init__(self, num_classes: int, width: float, dropout: float) -> None:
        super().__init__()
        narrow, middle, wide = (max(8, 8 * round(channels * width / 8)) for channels in (16, 64, 128))
        light = dropout / 10
        self.initial = Initial(narrow)
        self.down1 = Down(narrow, middle, light)
        self.stage1 = nn.Sequential(*(Bottleneck(middle, light) for _ in range(4)))
        self.down2 = Down(middle, wide, dropout)
        self.stage2 = nn.Sequential(*_dilated_stage(wide, dropout))
        self.stage3 = nn.Sequential(*_dilated_stage(wide, dropout))
        self.up4 = Up(wide, middle, dropout)
        self.stage4 = nn.Sequential(*(Bottleneck(middle, dropout) for _ in range(2)))
        self.up5 = Up(middle, narrow, dropout)
        self.stage5 = nn.Sequential(Bottleneck(narrow, dropout))
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

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(3, channels - 3, 3, stride=2, padding=1, bias=False)
        self.norm = Norm(channels)
        self.activation = nn.PReLU(channels)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, 3, H, W] to [N, channels, H/2, W/2]."""
        maximum = functional.max_pool2d(x_NCHW, 3, stride=2, padding=1)
        y_NCHW: Tensor = self.activation(self.norm(torch.cat((self.convolution(x_NCHW), maximum), 1)))
        return y_NCHW


class Bottleneck(nn.Module):
    """Project to a quarter of the channels, look around, expand; added to what came in."""

    def __init__(self, channels: int, dropout: float, *, dilation: int = 1, asymmetric: bool = False) -> None:
        super().__init__()
        inner = channels // 4
        self.project = _unit(nn.Conv2d(channels, inner, 1, bias=False))
        self.look = (
            nn.Sequential(
                *_unit(nn.Conv2d(inner, inner, (5, 1), padding=(2, 0), bias=False)),
                *_unit(nn.Conv2d(inner, inner, (1, 5), padding=(0, 2), bias=False)),
            )
            if asymmetric
            else _unit(nn.Conv2d(inner, inner, 3, padding=dilation, dilation=dilation, bias=False))
        )
        self.expand = _unit(nn.Conv2d(inner, channels, 1, bias=False))
        self.dropout = nn.Dropout2d(dropout)
        self.activation = nn.PReLU(channels)

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """[N, channels, H, W], size kept."""
        added = self.dropout(self.expand(self.look(self.project(x_NCHW))))
        y_NCHW: Tensor = self.activation(x_NCHW + added)
        return y_NCHW


class Down(nn.Module):
    """Half the size; remembers where each maximum was, for the block that doubles the size again."""

    def __init__(self, channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        inner = channels // 4
        self.more = out_channels - channels
        self.project = _unit(nn.Conv2d(channels, inner, 2, stride=2, bias=False))
        self.look = _unit(nn.Conv2d(inner, inner, 3, padding=1, bias=False))
        self.expand = _unit(nn.Conv2d(inner, out_channels, 1, bias=False))
        self.dropout = nn.Dropout2d(dropout)
        self.activation = nn.PReLU(out_channels)

    def forward(self, x_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """[N, channels, H, W] to [N, out_channels, H/2, W/2], and the places int64 [N, channels, H/2, W/2]."""
        added = self.dropout(self.expand(self.look(self.project(x_NCHW))))
        maximum, places = functional.max_pool2d_with_indices(x_NCHW, (3, 3), stride=(2, 2), padding=(1, 1))
        maximum = functional.pad(maximum, (0, 0, 0, 0, 0, self.more))
        return self.activation(maximum + added), places


class Up(nn.Module):
    """Twice the size: values go back to the remembered places."""

    def __init__(self, channels: int, out_channels: int, dropout: float) -> None:
        super().__init__()
        inner = channels // 4
        self.main = nn.Sequential(nn.Conv2d(channels, out_channels, 1, bias=False), Norm(out_channels))
        self.project = _unit(nn.Conv2d(channels, inner, 1, bias=False))
        self.look = _unit(nn.ConvTranspose2d(inner, inner, 3, stride=2, padding=1, output_padding=1, bias=False))
        self.expand = _unit(nn.Conv2d(inner, out_channels, 1, bias=False))
        self.dropout = nn.Dropout2d(dropout)
        self.activation = nn.PReLU(out_channels)

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


def _unit(convolution: nn.Conv2d | nn.ConvTranspose2d) -> nn.Sequential:
    """A convolution, batch norm and a PReLU with one slope."""
    return nn.Sequential(convolution, Norm(convolution.out_channels), nn.PReLU())


def _dilated_stage(channels: int, dropout: float) -> list[nn.Module]:
    """The eight bottlenecks of stages 2 and 3: regular, dilated and asymmetric ones by turns."""
    return [
        Bottleneck(channels, dropout),
        Bottleneck(channels, dropout, dilation=2),
        Bottleneck(channels, dropout, asymmetric=True),
        Bottleneck(channels, dropout, dilation=4),
        Bottleneck(channels, dropout),
        Bottleneck(channels, dropout, dilation=8),
        Bottleneck(channels, dropout, asymmetric=True),
        Bottleneck(channels, dropout, dilation=16),
    ]
