"""Plain pairs, which are a source set: `<package>/X.jpg` with `X.png` of ids, or `X.png` with `label-X.png` of colours."""

from typing import Final

from roadloop.sources.exporters.folder import Folder, Picture, Placed
from roadloop.sources.layout import LABEL_PREFIX


class Pairs:
    """Writes plain pairs."""

    def __init__(self, folder: Folder) -> None:
        self._folder: Final = folder

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its label."""
        key, colored = f"{picture.package}/{picture.stem}", picture.ending == ".png"
        label = f"{picture.package}/{LABEL_PREFIX}{picture.stem}.png" if colored else f"{key}.png"
        self._folder.put_picture(key + picture.ending, picture)
        self._folder.put(label, self._folder.colors(picture.ids) if colored else self._folder.ids(picture.ids))
        return Placed(key + picture.ending, label)

    def finish(self) -> None:
        """Nothing is left to write."""
