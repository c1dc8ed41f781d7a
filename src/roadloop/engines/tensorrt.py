"""TensorRT's own command, where it is installed: an ONNX file as a plan for this machine's GPU.

Source: NVIDIA, "TensorRT Command-Line Wrapper: trtexec". An int8 file carries its ranges as Q and DQ nodes, so `--int8` needs
no calibration of its own.
"""

import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from roadloop.errors import InvalidValueError, JobError, Text
from roadloop.models.engines import Precision
from roadloop.storage import reading

PROGRAM: Final = "trtexec"
_FLAGS: Final[dict[Precision, tuple[str, ...]]] = {"fp32": (), "fp16": ("--fp16",), "int8": ("--fp16", "--int8")}
_POLL: Final = 0.2
_TOLD: Final = 400  #: characters of its last line, in a message


def installed() -> bool:
    """Whether plans can be made on this machine."""
    return shutil.which(PROGRAM) is not None


def require() -> str:
    """Where the program is.

    Raises:
        InvalidValueError: It is not installed.
    """
    found = shutil.which(PROGRAM)
    if found is None:
        raise InvalidValueError(
            Text(
                "这台机器没有安装 TensorRT（在 PATH 中找不到 trtexec）。请不填 tensorrt：ONNX 引擎同样有 fp16 与 int8；"
                "或安装 TensorRT，把 trtexec 所在目录加入服务的 PATH 后重试。",
                "TensorRT is not installed on this machine (no trtexec on the PATH). Leave tensorrt out: the ONNX engine has"
                " fp16 and int8, too. Or install TensorRT, put the folder of trtexec on the server's PATH and try again.",
            ),
            parameter="tensorrt",
        )
    return found


def build(onnx: Path, plan: Path, precision: Precision, size: tuple[int, int], tick: Callable[[], None]) -> None:
    """Write a plan of an ONNX file, for one to eight pictures at once.

    Args:
        onnx: The file.
        plan: What to write.
        precision: Of the file.
        size: Height and width that it takes.
        tick: Called while it works; may raise to stop it.

    Raises:
        InvalidValueError: TensorRT is not installed.
        JobError: It refuses the file, or there is no GPU.
    """
    shapes = [f"--{which}Shapes=image:{n}x3x{size[0]}x{size[1]}" for which, n in (("min", 1), ("opt", 1), ("max", 8))]
    words = [require(), f"--onnx={onnx}", f"--saveEngine={plan}", *shapes, *_FLAGS[precision], "--skipInference"]
    log = plan.with_suffix(".log")
    with log.open("wb") as stream, subprocess.Popen(words, stdout=stream, stderr=subprocess.STDOUT) as process:
        try:
            while process.poll() is None:
                tick()
                time.sleep(_POLL)
        finally:
            process.kill()
    said = reading.read_text(log, errors="replace").strip()
    log.unlink()
    if process.returncode or not plan.is_file():
        last = said.rpartition("\n")[2][-_TOLD:]
        raise JobError(
            Text(
                f"trtexec 没有生成 TensorRT 计划：{last}。未写入；不填 tensorrt 仍可得到 ONNX 引擎，原模型没有改变。",
                f"trtexec made no TensorRT plan: {last}. Nothing was written; without tensorrt there is still the ONNX engine."
                " The model is as it was.",
            )
        )
