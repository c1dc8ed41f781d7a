"""The manifest of a package: what its pictures are, with which border, and what is expected back.

It stands as `manifest.json` in the package and is all that is needed to read returned labels; what an annotator
should not know (which pictures are tests, who else got a picture) is in the database only.
"""

import json
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from roadloop.errors import BrokenFileError, LabelMapError, Text
from roadloop.labels.table import ClassTable, from_rows
from roadloop.packages.cut import PackageType, Size
from roadloop.storage import publish, reading

FORMAT: Final = "roadloop-package/1"
PICTURE_PREFIX: Final = "ext-"
LABEL_PREFIX: Final = "ext-label-"
PRE_LABELS: Final = "pre-labels"
FACTS: Final = ("city", "time", "longitude", "latitude", "datum")


class PackedPicture(BaseModel):
    """One picture of a package."""

    model_config = ConfigDict(frozen=True)

    name: str = Field(description="File name in the package, `ext-<name>`.")
    label: str = Field(description="File name of the label expected back, `ext-label-<stem>.png`.")
    size: Size = Field(description="Width and height of the file in the package, border included.")
    source_size: Size = Field(description="Width and height of the original.")
    source_sha256: str = Field(description="sha256 of the original file.")
    track: str
    point: str
    facts: dict[str, str] = Field(
        default_factory=dict, description="City, time, longitude, latitude and their datum, where known."
    )

    @property
    def stem(self) -> str:
        """Name of the original without ending."""
        return self.label.removeprefix(LABEL_PREFIX).removesuffix(".png")


class PackageManifest(BaseModel):
    """What `manifest.json` says, the sums of its files excepted."""

    model_config = ConfigDict(frozen=True)

    format: Literal["roadloop-package/1"] = FORMAT
    version: str
    number: int
    type: PackageType
    border: int = Field(ge=0, description="Pixels on each side that do not belong to the picture.")
    origin: str = Field(description="Where the pictures come from.")
    class_table_name: str
    class_table: list[dict[str, Any]]
    pictures: list[PackedPicture]

    @property
    def table(self) -> ClassTable:
        """The classes that are to be painted."""
        return from_rows(self.class_table_name, self.class_table)


def label_name(stem: str) -> str:
    """Name of the label expected back for an original's stem."""
    return f"{LABEL_PREFIX}{stem}.png"


def write(folder: Path, manifest: PackageManifest) -> None:
    """Flush a filled package folder and write its manifest last."""
    files = publish.seal(folder)
    publish.write_json(folder / publish.MANIFEST, {**manifest.model_dump(mode="json"), **files})


def read(folder: Path) -> PackageManifest:
    """The manifest of a package.

    Raises:
        BrokenFileError: There is none, or it is not one.
    """
    try:
        value = json.loads(reading.read_bytes(folder / publish.MANIFEST))
        manifest = PackageManifest.model_validate(value)
        from_rows(manifest.class_table_name, manifest.class_table)
    except (OSError, ValueError, KeyError, TypeError, ValidationError, LabelMapError) as error:
        place = f"{folder.parent.name}/{folder.name}"
        raise BrokenFileError(
            Text(
                f"任务包 {place} 的 {publish.MANIFEST} 缺失或无效，无法得知边框与类别",
                f"Package {place} has no valid {publish.MANIFEST}, so its border and classes are not known",
            ),
            package=place,
        ) from error
    return manifest
