"""What `python -m benchmarks gpu` found, as JSON and as a table."""

import json
import platform
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import torch
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from benchmarks.contest import machine
from roadloop.storage import publish

REPORT: Final = "gpu.json"
_LONG: Final = ("notes", "losses")  #: in the JSON alone


def place(device: torch.device) -> dict[str, Any]:
    """Where this runs: processor, card, versions."""
    found: dict[str, Any] = {
        "machine": machine(), "torch": str(torch.__version__), "cuda": torch.version.cuda,
        "python": platform.python_version(), "device": str(device),
    }  # fmt: skip
    if device.type == "cuda":
        card = torch.cuda.get_device_properties(device)
        found |= {"card": card.name, "memory_gib": round(card.total_memory / 2**30, 1)}
        found |= {"capability": f"{card.major}.{card.minor}", "cudnn": torch.backends.cudnn.version()}
    return found


def show(report: Mapping[str, Any], console: Console) -> None:
    """Print the report as a table."""
    console.print(", ".join(f"{name} {value}" for name, value in report["place"].items()))
    table = Table("part", "s", "what", "found")
    for name, part in report["parts"].items():
        for k, (what, figures) in enumerate(part["figures"].items()):
            table.add_row(name if k == 0 else "", str(part["seconds"]) if k == 0 else "", what, escape(_said(figures)))
        if "problem" in part:
            table.add_row(name, str(part["seconds"]), "[red]problem[/]", escape(part["problem"]))
    console.print(table)


def _said(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_said(one)}" for name, one in value.items() if name not in _LONG)
    if isinstance(value, list):
        return "; ".join(_said(one) for one in value)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def write(report: Mapping[str, Any], folder: Path) -> Path:
    """Write the report as JSON; returns where."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / REPORT
    publish.write_text(path, json.dumps(report, ensure_ascii=False, indent=1) + "\n")
    return path
