"""The opponents: plain scripts in the checkout's `benchmarks/`, found and loaded by path."""

import importlib.util
from pathlib import Path
from typing import Any, Final

import roadloop
from roadloop.errors import NotFoundError, Text

FOLDER: Final = Path(roadloop.__file__).parents[2] / "benchmarks"


def script(name: str) -> Path:
    """The file `benchmarks/<name>.py`.

    Raises:
        NotFoundError: This installation has no such script beside it.
    """
    path = FOLDER / f"{name}.py"
    if not path.is_file():
        raise NotFoundError(
            Text(
                f"没有 {path}：基准测试的对手是源码目录里的脚本，请在源码目录中运行。",
                f"There is no {path}: the opponents are scripts of the checkout; run the benchmark from there.",
            ),
            path=str(path),
        )
    return path


def opponent(name: str) -> Any:
    """The module `benchmarks/<name>.py`.

    Raises:
        NotFoundError: This installation has no such script beside it.
        ImportError: It needs a library that is not installed.
    """
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", script(name))
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
