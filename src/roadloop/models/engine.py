"""A converted model in a network's place. Needs torch and onnxruntime; runs no code of the network."""

from dataclasses import replace
from pathlib import Path
from typing import Final

import torch
from torch.nn import functional

from roadloop.errors import BrokenFileError, Text
from roadloop.models.engines import read_engine
from roadloop.models.files import ModelFile, load_description
from roadloop.models.onnx_session import OnnxModule
from roadloop.models.predict import Network, resized
from roadloop.storage import publish


class EngineModule(torch.nn.Module):
    """An exported file that takes pictures of any size: they are brought to its own, and its logits back to theirs.

    Args:
        file: The `.onnx`.
        threads: CPU threads of one run.
    """

    def __init__(self, file: Path, threads: int = 1) -> None:
        super().__init__()
        self._file: Final = OnnxModule(file, threads)

    def forward(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        """Logits float32 [N, C, H, W] of normalised float32 [N, 3, H, W]."""
        size = tuple(image_NCHW.shape[-2:])
        own = self._file.size or size
        logits_NChw: torch.Tensor = self._file(resized(image_NCHW, own).contiguous())
        if tuple(logits_NChw.shape[-2:]) == size:
            return logits_NChw
        return functional.interpolate(logits_NChw, list(size), mode="bilinear", align_corners=False)


def load_engine(path: Path, sha256: str = "") -> tuple[EngineModule, ModelFile]:
    """Open an engine: the one way to do it.

    Args:
        path: Its `.onnx` file; its description and `engine.json` stand beside it.
        sha256: Of the file that was chosen; "" takes what stands there.

    Raises:
        NotFoundError: A file is missing.
        BrokenFileError: It is not the one that was chosen, or not whole.
    """
    record = load_description(path)
    said = read_engine(path)["sha256"]
    if publish.sha256_file(path) != said or sha256 not in {"", said}:
        raise BrokenFileError(
            Text(
                f"{path.name} 的 sha256 与记录不符：文件已损坏或被替换，不予加载。请恢复原文件，或删除后重新转换。",
                f"{path.name} does not have the sha256 on record: it is damaged or was exchanged, and is not loaded. Put the"
                " original back, or delete the engine and convert the model again.",
            ),
            path=str(path),
        )
    return EngineModule(path), record


def network_of(module: torch.nn.Module, record: ModelFile) -> Network:
    """An exported file with what its input and output mean; as it answers, without what makes a prediction fast."""
    return replace(Network.of(module, record), channels_last=False, resized_late=False)
