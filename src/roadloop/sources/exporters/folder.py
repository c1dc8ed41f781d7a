"""The folder that an export fills: pictures byte for byte, labels in the form that a layout has, class tables."""

import os
from abc import ABC, abstractmethod
from contextlib import suppress
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import LabelMapError, Text
from roadloop.imaging.encode import encode_color, encode_palette
from roadloop.labels.colors import ColorCoder, palette, with_ignore
from roadloop.labels.forms import Declared
from roadloop.labels.table import IGNORE, ClassTable
from roadloop.sources.importers.legend import agree, read_legend
from roadloop.storage.objects import Place

UInt8 = NDArray[np.uint8]


class Picture(NamedTuple):
    """One picture that is exported.

    Attributes:
        package: Its package in the source set.
        stem: Its name without ending.
        ending: `.jpg` or `.png`, by its content.
        split: `train`, `val` or `test`; empty = in no list.
        file: Where it stands.
        data: Its bytes.
        ids: uint8 [H, W], raw ids.
    """

    package: str
    stem: str
    ending: str
    split: str
    file: Place
    data: bytes
    ids: UInt8

    @property
    def key(self) -> str:
        """`<package>/<stem>`."""
        return f"{self.package}/{self.stem}"


class Placed(NamedTuple):
    """Where an export put a picture and its label, relative; an empty label is drawn by a document."""

    image: str
    label: str = ""


class Folder:
    """Receives the files of one export.

    Args:
        root: The folder, empty.
        table: Class table of the source set.
        link: Whether pictures are hard links where the file system allows it.

    Attributes:
        table: The class table that goes with the export. It gets a class for 255 where the labels need one: in a form
            of colours, and with PNG pictures, whose labels a source set keeps in colours.
        notes: What the user should know.
    """

    def __init__(self, root: Path, table: ClassTable, *, link: bool) -> None:
        self.table = table
        self.notes: Final[list[Text]] = []
        self._root: Final = root
        self._link: Final = link
        self._whole: Final = with_ignore(table)
        self._palette: Final = palette(self._whole)
        self._coder: ColorCoder | None = None
        self._made: Final[set[Path]] = set()

    def put(self, file: str, data: bytes) -> None:
        """Write a file."""
        self._make_room(file).write_bytes(data)

    def append(self, file: str, text: str) -> None:
        """Add text to the end of a file, or begin it."""
        with self._make_room(file).open("a", encoding="utf-8") as stream:
            stream.write(text)

    def put_pair(self, picture: Picture, image: str, label: str, *, colored: bool = False) -> Placed:
        """Write a picture and its label, a palette PNG of raw ids in the table's colours or, `colored`, their colours.

        The palette's 255 is no class's colour: it stays 255.

        Raises:
            LabelMapError: Two classes share a colour, and the label is colours.
        """
        self.put_picture(image, picture)
        self.put(label, self._colors(picture.ids) if colored else encode_palette(picture.ids, self._palette))
        return Placed(image, label)

    def put_picture(self, file: str, picture: Picture) -> None:
        """Link or copy a picture."""
        path = self._make_room(file)
        if self._link and isinstance(picture.file, Path):
            with suppress(OSError):  # another file system, or one without links
                os.link(picture.file.resolve(), path)
                return
        path.write_bytes(picture.data)

    def put_table(self, file: str, text: str) -> bool:
        """Write the class table in a layout's own form, if it is read back as the same; whether it was written."""
        own = Declared(self.table, has_ids=True, has_colors=True)
        try:
            same = agree(own, read_legend(text.encode(), file))
        except LabelMapError:
            same = False
        if same:
            self.put(file, text.encode())
        return same

    def need_ignore(self, ids: UInt8) -> None:
        """See that the table has a class for 255 if these ids, uint8 [H, W], have such pixels."""
        if self.table is not self._whole and bool((ids == IGNORE).any()):
            self.table = self._whole

    def _make_room(self, file: str) -> Path:
        """The path of a file to be written, its folders made."""
        path = self._root / file
        if path.parent not in self._made:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._made.add(path.parent)
        return path

    def _colors(self, ids: UInt8) -> bytes:
        """A colour PNG of raw ids."""
        self.need_ignore(ids)
        self._coder = self._coder or ColorCoder(self._whole)
        return encode_color(self._coder.to_rgb(ids))


class Exporter(ABC):
    """Writes one layout into a folder."""

    def __init__(self, folder: Folder) -> None:
        self._folder: Final = folder

    @abstractmethod
    def add(self, picture: Picture) -> Placed:
        """Write one picture and its label."""

    def finish(self) -> None:  # noqa: B027 - most layouts have no such file
        """Write what describes them all, where the layout has such files."""
