"""Pictures that a conversion to integers finds its ranges with: a folder, a split of a dataset, or a list of paths."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.evaluation.ledger import BadPicture
from roadloop.evaluation.outputs import load
from roadloop.evaluation.pictures import DATASET, Picture, PictureSource, Raw, open_source
from roadloop.imaging.decode import UInt8
from roadloop.models.files import ModelFile
from roadloop.sources.layout import Problem
from roadloop.storage import reading
from roadloop.storage.paths import Workspace


class ListedSource:
    """The pictures that a text file names, one path a line, relative to the workspace or absolute inside a root.

    Args:
        path: The text file.
        workspace: Resolves the lines.
    """

    table: Final = None

    def __init__(self, path: Path, workspace: Workspace) -> None:
        self._workspace: Final = workspace
        self._lines: Final = [line.strip() for line in reading.read_text(path).splitlines() if line.strip()]

    def pictures(self) -> Iterator[Picture]:
        """In the order of the lines."""
        for number, line in enumerate(self._lines, 1):
            yield Picture(number, Path(line).stem, line, "")

    def problems(self) -> Iterator[Problem]:
        """None; a line that names nothing is left out when it is read."""
        return iter(())

    def any(self) -> bool:
        """Whether there is a line."""
        return bool(self._lines)

    def labelled(self) -> bool:
        """No labels are looked for."""
        return False

    def read(self, picture: Picture) -> Raw:
        """The bytes of one picture."""
        path = self._workspace.resolve(picture.file, "calibration")
        try:
            return Raw(reading.read_bytes(path), b"", "")
        except OSError as error:
            what = reading.why(error)
            raise NotFoundError(
                Text(f"读不到文件 {path.name}：{what.zh}。", f"Cannot read the file {path.name}: {what.en}.")
            ) from error


def open_calibration(workspace: Workspace, name: str) -> PictureSource:
    """What a request's `calibration` names.

    Raises:
        NotFoundError: There is no such folder, file or dataset.
        InvalidValueError: No such split.
        PathOutsideError: Outside the workspace and its roots.
    """
    if not name.startswith(DATASET):
        path = workspace.resolve(name, "calibration")
        if path.is_file():
            return ListedSource(path, workspace)
    return open_source(workspace, name, "calibration")


def chosen(source: PictureSource, most: int) -> tuple[PictureSource, list[Picture]]:
    """Some of the pictures of a source, evenly from all of them, always the same."""
    count = sum(1 for _ in source.pictures())
    places = {place * count // most for place in range(most)} if count > most else None
    found = [picture for place, picture in enumerate(source.pictures()) if places is None or place in places]
    return source, found


class Calibration:
    """Pictures as a network takes them.

    Args:
        pictures: As `chosen` gives them; those that cannot be read are left out.
        record: Whose normalisation they get.
        size: Height and width that they are brought to.
        max_pixels: Larger ones cannot be read.

    Raises:
        BrokenFileError: Not one of them can be read.
    """

    def __init__(
        self, pictures: tuple[PictureSource, list[Picture]], record: ModelFile, size: tuple[int, int], max_pixels: int
    ) -> None:
        self._source, listed = pictures
        self._record: Final = record
        self._size: Final = size
        self._max_pixels: Final = max_pixels
        self.pictures: Final = [picture for picture in listed if self._image(picture) is not None]
        if not self.pictures:
            raise BrokenFileError(
                Text("没有一张校准图片可以读取。", "Not one of the calibration pictures can be read.")
            )

    def __len__(self) -> int:
        return len(self.pictures)

    def __getitem__(self, place: int) -> NDArray[np.float32]:
        """One of them, normalised: float32 [1, 3, H, W]."""
        image = self._image(self.pictures[place])
        assert image is not None
        if image.shape[:2] != self._size:
            image = cv2.resize(image, self._size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)
        norm = self._record.normalisation
        values_HWC = (image.astype(np.float32) / 255 - np.array(norm.mean, np.float32)) / np.array(norm.std, np.float32)
        return np.ascontiguousarray(values_HWC.transpose(2, 0, 1)[None], np.float32)

    def _image(self, picture: Picture) -> UInt8 | None:
        loaded = load(self._source, picture, self._max_pixels)
        return None if isinstance(loaded, BadPicture) else loaded.image
