"""Containers, for tests that need a machine of their own: podman, on a base that debootstrap makes, no registry of images."""

import atexit
import os
import pty
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).parents[1]
BASE: Final = "localhost/roadloop-test-base:bookworm"  #: stays, as what is below .services/ does
WHEELS: Final = ROOT / ".services" / "wheels"
_MIRROR: Final = "http://deb.debian.org/debian"
#: Nothing here may raise its own limits, which is what podman does unless it is told numbers.
LIMITS: Final = ("--ulimit", "nofile=16384:16384", "--ulimit", "nproc=16384:16384")
_HYBRID: Final = Path("/sys/fs/cgroup/unified")


def podman(*given: str, text: str = "", may_fail: bool = False) -> str:
    """Run podman; what it prints. A failing test shows what it said."""
    done = subprocess.run(
        [*_podman(), *given], input=text, capture_output=True, text=True, check=False, cwd=ROOT, timeout=900
    )
    assert may_fail or done.returncode == 0, done.stdout[-4000:] + done.stderr[-4000:]
    return done.stdout


def _podman() -> list[str]:
    """The command; crun refuses a kernel that has both versions of cgroups, so it is shown one."""
    return [*(_shown_one_version() if _HYBRID.is_dir() else ()), "podman"]


@cache
def _shown_one_version() -> tuple[str, ...]:
    """What begins commands that see no cgroup of version 2; all see the same mounts, those of containers too."""
    keeper = subprocess.Popen(
        ["unshare", "-m", "sh", "-c", f"umount {_HYBRID} && echo ready && exec sleep infinity"], stdout=subprocess.PIPE
    )
    atexit.register(keeper.kill)
    assert keeper.stdout is not None
    assert keeper.stdout.readline() == b"ready\n"
    return ("nsenter", f"--mount=/proc/{keeper.pid}/ns/mnt", f"--wd={ROOT}")


def need_podman() -> None:
    """Skip the test where there can be no containers."""
    if os.geteuid() or not shutil.which("podman") or not shutil.which("debootstrap"):
        pytest.skip("needs root, podman and debootstrap (Debian: podman crun catatonit debootstrap)")


def base(folder: Path) -> str:
    """Debian 12 with systemd, as an image."""
    need_podman()
    if subprocess.run([*_podman(), "image", "exists", BASE], check=False).returncode == 0:
        return BASE
    command = ["debootstrap", "--variant=minbase", "--include=systemd,systemd-sysv,dbus,ca-certificates", "bookworm"]
    subprocess.run([*command, str(folder / "root"), _MIRROR], check=True, stdout=subprocess.DEVNULL)
    archive = folder / "root.tar"
    subprocess.run(["tar", "-C", str(folder / "root"), "-cf", str(archive), "."], check=True)
    podman("import", str(archive), BASE)
    archive.unlink()
    return BASE


def wheels() -> Sequence[str]:
    """All that `pip install` needs, downloaded once; podman's options that show it to pip, which then asks nobody else."""
    WHEELS.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "-c", "constraints.txt", "--dest", str(WHEELS)]
    named = ["torch==2.13.0", ".[torch,transformers,postgres,s3]", "setuptools>=77"]
    subprocess.run([*command, *named], check=True, cwd=ROOT, stderr=subprocess.DEVNULL)
    for own in WHEELS.glob("roadloop-*"):  # what is installed is what lies here
        own.unlink()
    return ["--volume", f"{WHEELS}:/wheels:ro", "--env", "PIP_FIND_LINKS=/wheels", "--env", "PIP_NO_INDEX=1"]


@dataclass(frozen=True)
class Machine:
    """A container that runs.

    Attributes:
        name: Podman's.
        folder: Where commands run.
    """

    name: str
    folder: str = "/"

    def sh(self, command: str, *, text: str = "") -> str:
        """Run a line of shell as the container's user; what it prints."""
        return podman("exec", "-i", "-w", self.folder, self.name, "bash", "-c", command, text=text)

    def typed(self, command: str, keys: str) -> str:
        """Run a line of shell at a terminal, and type the same line whenever it asks for something; what is seen."""
        pid, terminal = pty.fork()
        if pid == 0:
            line = [*_podman(), "exec", "-it", "-w", self.folder, self.name, "bash", "-c", command]
            os.execvp(line[0], line)
        seen = b""
        while piece := _read(terminal):
            seen += piece
            if seen.endswith(b": "):  # the blank comes once the terminal has stopped showing what is typed
                os.write(terminal, f"{keys}\n".encode())
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen.decode()
        os.close(terminal)
        return seen.decode()


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 4096)
    except OSError:  # Linux's end of a terminal
        return b""


@contextmanager
def running(image: str, *options: str, command: Sequence[str] = ()) -> Iterator[Machine]:
    """A container of an image, which is taken away with its volumes when the block ends."""
    name = f"roadloop-test-{os.getpid()}"
    podman("run", "--detach", "--name", name, *LIMITS, *options, image, *command)
    try:
        yield Machine(name)
    finally:
        podman("rm", "--force", "--volumes", "--time", "1", name)
