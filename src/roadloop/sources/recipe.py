"""What decides an import: one /offimport call, resolved; and the note that stays in the set that it made."""

import json
from pathlib import Path
from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roadloop.settings import Datum
from roadloop.storage import reading

ORIGIN: Final = "import.json"

Mode = Literal["copy", "reference"]
Values = Literal["", "table", "layout"]


class ImportRecipe(BaseModel):
    """One import."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    dest: str = Field(description="Name of the source set.")
    src: str = Field(description="The folder: relative to the workspace, or absolute in a root.")
    mode: Mode = Field(description="Copy the pictures, or leave them where they are.")
    layout: str = Field(description="Name of a layout, or auto.")
    roadelement: str = Field(description="Name of a class table; empty: the one that comes with the data.")
    values: Values = Field(
        "", description="What pixels mean where roadelement and the layout's usual classes differ: ids of either."
    )
    source: str = Field(description="0 online, 1 offline, 2 hand-picked.")
    author: str
    annotype: str = Field(description="0 first, 1 rework, 2 second rework.")
    datakind: str = Field(description="0 production, 1 test.")
    city: str
    imgoprange: str = Field(description="0 half, 1 full.")
    datum: Datum = Field("unknown", description="Of the positions that come with the pictures.")


class Origin(BaseModel):
    """Where a source set came from; `import.json` in its folder. Only the same origin may add to it."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    format: Literal["roadloop-import/1"] = "roadloop-import/1"
    src: str
    mode: Mode
    layout: str
    values: Values = ""


def read_origin(folder: Path) -> Origin | None:
    """The note in a source set's folder; None where there is none."""
    try:
        return Origin.model_validate(json.loads(reading.read_bytes(folder / ORIGIN)))
    except (OSError, ValueError, ValidationError):
        return None


def format_origin(origin: Origin) -> str:
    """The file's text."""
    return json.dumps(origin.model_dump(), ensure_ascii=False, indent=1) + "\n"
