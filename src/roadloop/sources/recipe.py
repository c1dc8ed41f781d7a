"""What decides an import: one /offimport call, resolved; and the note that stays in the set that it made."""

import json
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Final, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, GetPydanticSchema, ValidationError
from pydantic_core import core_schema

from roadloop.parameters import Parameters, from_json_text
from roadloop.settings import Datum
from roadloop.storage import reading
from roadloop.tracks.datum import parse_datum

ORIGIN: Final = "import.json"

Mode = Literal["copy", "reference"]
Values = Literal["", "table", "layout"]


def _declared(_kind: object, _handler: object) -> core_schema.CoreSchema:
    text = core_schema.str_schema(max_length=20)  # what is no text, or long, is refused as in any other field of text
    return core_schema.no_info_after_validator_function(partial(parse_datum, parameter="datum"), text)


Declared = Annotated[Datum, GetPydanticSchema(_declared)]


def _name_layouts(schema: dict[str, Any]) -> None:
    """Say in a description of the interface which layouts there are."""
    from roadloop.sources.importers.recognise import AUTO, LAYOUTS  # noqa: PLC0415 - who reads a record needs no reader

    schema["enum"] = [AUTO, *LAYOUTS]


class ImportRecipe(Parameters):
    """Parameters of /offimport; resolved, one import."""

    src: str = Field(
        description="Folder under imports/, or absolute in a root, or s3://bucket/prefix in one.",
        examples=["imports/suzhou"],
    )
    dest: str = Field(description="Name of the source set.", examples=["lane-suzhou-20180710"])
    roadelement: str = Field(
        "",
        description="Class table (/v1/class-tables); absent: the one that comes with the data.",
        examples=["hd-road"],
    )
    source: str = Field("1", description="0 online, 1 offline, 2 hand-picked.", examples=["1"])
    author: str = Field("", max_length=200, description="Who annotated.", examples=["张三"])
    annotype: str = Field("0", description="0 first annotation, 1 rework, 2 second rework.", examples=["0"])
    datakind: str = Field("0", description="0 production, 1 test.", examples=["0"])
    city: str = Field("", max_length=200, description="Kept for every picture.", examples=["苏州"])
    imgoprange: str = Field("1", description="0 half of the picture, 1 all of it.", examples=["1"])
    mode: Mode = Field("copy", alias="import", description="copy, or reference: the pictures stay where they are.")
    layout: str = Field(
        "auto",
        description="auto, or one of the layouts in docs/imports.md.",
        examples=["auto"],
        json_schema_extra=_name_layouts,
    )
    values: Values = Field(
        "",
        description="Where roadelement and the layout's usual classes differ: table = pixels are ids of roadelement,"
        " layout = they are the layout's classes, matched by name.",
    )
    datum: Declared = Field(
        "unknown",
        description="Datum of positions that come with the pictures: wgs84, gcj02, bd09 or unknown; kept for every"
        " picture, never converted.",
        examples=["gcj02"],
    )


class PreviewImport(ImportRecipe):
    """Parameters of a preview: those of /offimport."""

    dest: str = Field("preview", description="Name that the source set would have.")


class ImportJob(Parameters):
    """What the jobs of /offimport and of a preview carry."""

    recipe: ImportRecipe


class Rework(Parameters):
    """Parameters of a rework, which its job carries."""

    name: str = Field(description="Name of a source set.")
    version: str = Field(description="Folder under images/ to be.", examples=["20180801-rework"])
    pictures: Annotated[tuple[str, ...], BeforeValidator(from_json_text)] = Field(
        min_length=1, max_length=1000, description="The pictures, `<package>/<name>` each.", examples=[["1/a_1"]]
    )


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
