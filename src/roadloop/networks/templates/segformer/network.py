"""SegFormer B0, B1 and B2: a hierarchical transformer and a light decoder, by Hugging Face transformers.

Source: E. Xie, W. Wang, Z. Yu, A. Anandkumar, J. M. Alvarez, P. Luo, "SegFormer: Simple and Efficient Design for
Semantic Segmentation with Transformers", NeurIPS 2021, arXiv:2105.15203, tables 1 and 6; the layers are those of
transformers, the numbers of layers and channels the paper's.

Checked with 150 classes, as in the paper: 3.75, 13.72 and 27.46 M parameters (published: 3.8, 13.7, 27.5 M). At 512x512
7.35, 13.80 and 58.45 G multiply-adds of convolutions and linear layers, and with the products of attention 8.39, 15.88
and 62.34 G (published: 8.4, 15.9, 62.4 G).

Shapes: N pictures, C channels, H rows, W columns. Any size goes in: below 32 rows or columns the borders are repeated
up to 32, because the first attention looks at blocks of 32 pixels. The answer is resized to what came in.

This file needs torch and transformers. Edit your copy freely; keep `build`.
"""

from collections.abc import Sequence
from pathlib import Path

from torch import Tensor, nn
from torch.nn import functional

try:
    from transformers import SegformerConfig, SegformerForSemanticSegmentation
    from transformers.utils import logging
except ImportError as error:
    raise ImportError(
        "SegFormer 需要 transformers：pip install 'roadloop[transformers]'，或改用其它网络模板。"
        " SegFormer needs transformers: pip install 'roadloop[transformers]', or choose another network template."
    ) from error

HEADS = (1, 2, 5, 8)  # attention heads of the four stages
VARIANTS = {  # channels of one head, layers of the four stages, channels of the decoder
    "b0": (32, (2, 2, 2, 2), 256),
    "b1": (64, (2, 2, 2, 2), 256),
    "b2": (64, (3, 4, 6, 3), 768),
}
SMALLEST = 32


def build(num_classes: int, *, variant: str = "b0", width: float = 1.0, checkpoint: str = "") -> nn.Module:
    """Make the network.

    Args:
        num_classes: Number of outputs, 2 or more.
        variant: b0, b1 or b2.
        width: Factor on all channel numbers; 1.0 is the paper.
        checkpoint: Folder with a `model.safetensors` to begin from, as Hugging Face saves it; the last layer begins
            anew where the number of classes differs. Nothing is ever fetched. Empty: from scratch.

    Returns:
        A module: float32 [N, 3, H, W] in, logits float32 [N, num_classes, H, W] out, training and evaluation alike.

    Raises:
        ValueError: No such variant; the checkpoint has no safetensors or is of another variant.
        ImportError: transformers is not installed.
    """
    if variant not in VARIANTS:
        raise ValueError(
            f"没有变体 {variant!r}，可选 {', '.join(VARIANTS)} | no variant {variant!r}, there are {', '.join(VARIANTS)}"
        )
    head, layers, decoder = VARIANTS[variant]
    config = SegformerConfig(
        depths=list(layers),
        hidden_sizes=[max(8, round(head * width)) * heads for heads in HEADS],
        num_attention_heads=list(HEADS),
        decoder_hidden_size=max(8, round(decoder * width)),
        num_labels=num_classes,
    )
    return SegFormer(_start(Path(checkpoint), config) if checkpoint else SegformerForSemanticSegmentation(config))


class SegFormer(nn.Module):
    """The model of transformers with logits at full size."""

    def __init__(self, model: nn.Module) -> None:
        super().__init__()
        self.model = model

    def forward(self, x_NCHW: Tensor) -> Tensor:
        """Logits float32 [N, num_classes, H, W] of normalised RGB float32 [N, 3, H, W]."""
        return _resize(self.coarse_logits(x_NCHW), x_NCHW.shape[-2:])

    def coarse_logits(self, x_NCHW: Tensor) -> Tensor:
        """Float32 [N, num_classes, H/4, W/4]: what `forward` resizes; [N, num_classes, H, W] of pictures too small."""
        height, width = x_NCHW.shape[-2:]
        below, right = max(0, SMALLEST - height), max(0, SMALLEST - width)
        if below or right:
            x_NCHW = functional.pad(x_NCHW, (0, right, 0, below), mode="replicate")
        logits_NChw: Tensor = self.model(pixel_values=x_NCHW).logits
        if below or right:
            return _resize(logits_NChw, (height + below, width + right))[..., :height, :width]
        return logits_NChw


def _resize(x_NCHW: Tensor, size: Sequence[int]) -> Tensor:
    return functional.interpolate(x_NCHW, (size[0], size[1]), mode="bilinear", align_corners=False)


def _start(folder: Path, config: SegformerConfig) -> nn.Module:
    """The model with the values of a folder; only the decoder may be missing, only its last layer differ."""
    if not (folder / "model.safetensors").is_file():
        raise ValueError(
            f"{folder} 中没有 model.safetensors；不读取 pickle 格式的 .bin，请先转换。 {folder} has no model.safetensors;"
            " pickled .bin files are not read, convert them first."
        )
    model: nn.Module
    verbosity = logging.get_verbosity()
    logging.set_verbosity_error()
    try:
        model, report = SegformerForSemanticSegmentation.from_pretrained(
            folder,
            config=config,
            local_files_only=True,
            use_safetensors=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    finally:
        logging.set_verbosity(verbosity)
    wrong = [str(name) for name in report["missing_keys"] if not str(name).startswith("decode_head.")]
    wrong += [str(key[0]) for key in report["mismatched_keys"] if not str(key[0]).startswith("decode_head.classifier.")]
    if wrong:
        raise ValueError(
            f"{folder} 与所选 variant 不符：{len(wrong)} 个张量缺失或形状不同，例如 {min(wrong)}。 {folder} does not fit this"
            f" variant: {len(wrong)} tensors are missing or of another shape, such as {min(wrong)}."
        )
    return model
