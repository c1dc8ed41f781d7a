"""ONNX Runtime on the CPU. Needs onnxruntime."""

from pathlib import Path

import onnxruntime
import torch


def open_session(file: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load an exported file; `image` float32 [N, 3, H, W] goes in, `logits` float32 [N, C, H, W] come out."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        file if isinstance(file, bytes) else str(file), options, providers=["CPUExecutionProvider"]
    )


class OnnxModule(torch.nn.Module):
    """An exported file in a network's place.

    Args:
        file: Or what is in it.
        threads: CPU threads of one run.
    """

    def __init__(self, file: Path | bytes, threads: int) -> None:
        super().__init__()
        self._session = open_session(file, threads)

    @property
    def size(self) -> tuple[int, int] | None:
        """Height and width that the file takes; None where it leaves them free."""
        height, width = self._session.get_inputs()[0].shape[2:]
        return (height, width) if isinstance(height, int) and isinstance(width, int) else None

    def forward(self, image_NCHW: torch.Tensor) -> torch.Tensor:
        """Logits, float32 [N, C, h, w], of float32 [N, 3, H, W]."""
        return self.run(image_NCHW, "logits")[0]

    def run(self, image_NCHW: torch.Tensor, *names: str) -> list[torch.Tensor]:
        """Some of the answers by their names."""
        return [torch.from_numpy(found) for found in self._session.run(names, {"image": image_NCHW.numpy()})]
