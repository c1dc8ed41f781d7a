"""Try a network that nobody has run before, in a process of its own: `python -m roadloop.networks.trial ORDER ANSWER`.

The process has limits on memory, CPU time, open files and what is written, so that a network that never ends, or wants
all memory, ends there. What it prints goes nowhere; its answer is a file. Both files are JSON.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import psutil

from roadloop.errors import JobError, RoadloopError, Text
from roadloop.storage import reading

CPU_SECONDS: Final = 120
SECONDS: Final = 300.0  #: wall time
MEMORY_SHARE: Final = 0.5  #: of the host's memory
FILE_BYTES: Final = 2**24
OPEN_FILES: Final = 256
_POLL_SECONDS: Final = 0.1


def run(folder: Path, settings: Mapping[str, Any], file: str, watch: Callable[[], object]) -> dict[str, Any]:
    """Build and run the network of a folder, and count what it costs.

    Args:
        folder: Holds `network.py`.
        settings: Keyword arguments of its `build`.
        file: What messages call `network.py`.
        watch: Called several times a second; raises to end the trial.

    Returns:
        As `load.tried`.

    Raises:
        JobError: The network cannot be trained, or did not come to an end within the limits; says why and what to do.
    """
    with tempfile.TemporaryDirectory(prefix="roadloop-") as place:
        order, answer = Path(place) / "order.json", Path(place) / "answer.json"
        told = {"folder": str(folder), "settings": dict(settings), "file": file, "cpu_seconds": CPU_SECONDS}
        order.write_text(json.dumps(told), "utf-8")
        code = _wait([sys.executable, "-P", "-m", "roadloop.networks.trial", str(order), str(answer)], watch)
        if not answer.is_file():
            raise _without_answer(file, code)
        found: dict[str, Any] = json.loads(reading.read_bytes(answer))
    if "text" in found:
        raise JobError(Text(*found["text"]), **found["details"])
    return found


def _wait(command: list[str], watch: Callable[[], object]) -> int | None:
    """The exit code of a process in a session of its own, which leaves nothing behind; None when it took too long."""
    end = time.monotonic() + SECONDS
    nowhere = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=nowhere, stdout=nowhere, stderr=nowhere, start_new_session=True)
    try:
        while time.monotonic() < end:
            watch()
            with suppress(subprocess.TimeoutExpired):
                return process.wait(_POLL_SECONDS)
        return None
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _without_answer(file: str, code: int | None) -> JobError:
    if code is None or code == -signal.SIGXCPU:
        return JobError(
            Text(
                f"{file}：试运行超过 {CPU_SECONDS} 秒 CPU 时间（或 {SECONDS:.0f} 秒）仍未结束。试运行只用 96x64（宽x高）的两张图片；"
                "请检查死循环，并把下载或读取大文件的语句移出 network.py。",
                f"{file}: the trial did not end within {CPU_SECONDS} s of CPU time, or {SECONDS:.0f} s. It runs two pictures of"
                " 96x64 (width x height) only: look for a loop without an end, and let network.py neither download"
                " nor read large files.",
            ),
            file=file,
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return JobError(
        Text(
            f"{file}：试运行的进程中途结束（{how}），没有应答。请检查其中的 os._exit、原生扩展与内存用量。",
            f"{file}: the process of the trial ended without an answer ({how}). Look for os._exit, native extensions and"
            " the memory that it takes.",
        ),
        file=file,
    )


def limit(cpu_seconds: int) -> None:
    """Bound what this process can take from now on."""
    spent = resource.getrusage(resource.RUSAGE_SELF)
    seconds = int(spent.ru_utime + spent.ru_stime) + cpu_seconds
    memory = psutil.Process().memory_info().vms + int(MEMORY_SHARE * psutil.virtual_memory().total)
    for what, most in (
        (resource.RLIMIT_AS, memory),
        (resource.RLIMIT_CPU, seconds),
        (resource.RLIMIT_FSIZE, FILE_BYTES),
        (resource.RLIMIT_NOFILE, OPEN_FILES),
        (resource.RLIMIT_CORE, 0),
    ):
        hard = resource.getrlimit(what)[1]
        allowed = most if hard == resource.RLIM_INFINITY else min(most, hard)
        more = 5 if what == resource.RLIMIT_CPU else 0  # SIGXCPU, which says why, comes before SIGKILL
        resource.setrlimit(what, (allowed, allowed + more if hard == resource.RLIM_INFINITY else hard))


def main(order: Path, answer: Path) -> None:
    """Try the network that the order names; write what was found, or what is wrong."""
    import torch  # noqa: PLC0415 - the other side of this module needs none

    from roadloop.networks.load import tried  # noqa: PLC0415

    torch.set_num_threads(1)
    told = json.loads(reading.read_bytes(order))
    limit(told["cpu_seconds"])
    try:
        found: dict[str, Any] = tried(Path(told["folder"]), told["settings"], file=told["file"])
    except RoadloopError as error:
        found = {"text": list(error.text), "details": error.details}
    except (MemoryError, torch.OutOfMemoryError):
        file = told["file"]
        text = Text(
            f"{file}：试运行所需内存超过本机的一半。请减小网络，例如通道数或层数。",
            f"{file}: the trial wanted more than half of this host's memory. Make the network smaller: fewer channels"
            " or layers.",
        )
        found = {"text": list(text), "details": {"file": file}}
    scratch = answer.with_suffix(".partial")
    scratch.write_text(json.dumps(found, ensure_ascii=False, default=str), "utf-8")
    scratch.replace(answer)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
    os._exit(0)  # threads of libraries, or of the network, must not keep it alive
