"""ONNX Runtime on the CPU. Needs onnxruntime."""

from pathlib import Path

import onnxruntime


def open_session(file: Path | bytes, threads: int) -> onnxruntime.InferenceSession:
    """Load an exported file; `image` float32 [N, 3, H, W] goes in, `logits` float32 [N, C, H, W] come out."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(
        file if isinstance(file, bytes) else str(file), options, providers=["CPUExecutionProvider"]
    )
