"""The opponents: plain scripts in `opponents/`, of which each also runs by hand."""

import importlib
from pathlib import Path
from typing import Any, Final

CHECKOUT: Final = Path(__file__).parents[1]  #: where processes begin that import `benchmarks`
FOLDER: Final = Path(__file__).parent / "opponents"


def script(name: str) -> str:
    """The path of `opponents/<name>.py`, to be run by some Python."""
    return str(FOLDER / f"{name}.py")


def opponent(name: str) -> Any:
    """The module `opponents/<name>.py`.

    Raises:
        ImportError: It needs a library that is not installed.
    """
    return importlib.import_module(f"benchmarks.opponents.{name}")
