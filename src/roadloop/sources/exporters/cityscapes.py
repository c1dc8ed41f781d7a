"""Cityscapes: `leftImg8bit/<split>/<package>/X_leftImg8bit.jpg` and `gtFine/<split>/<package>/X_gtFine_labelIds.png`.

Packages take the place of cities. Pictures in no split stand under `unsplit/`. Cordts et al., CVPR 2016.
"""

from typing import Final

from roadloop.sources.exporters.folder import Folder, Picture, Placed

_UNSPLIT: Final = "unsplit"


class Cityscapes:
    """Writes Cityscapes' layout."""

    def __init__(self, folder: Folder) -> None:
        self._folder: Final = folder

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its label."""
        key = f"{picture.split or _UNSPLIT}/{picture.package}/{picture.stem}"
        placed = Placed(f"leftImg8bit/{key}_leftImg8bit{picture.ending}", f"gtFine/{key}_gtFine_labelIds.png")
        self._folder.put_picture(placed.image, picture)
        self._folder.put(placed.label, self._folder.ids(picture.ids))
        return placed

    def finish(self) -> None:
        """Nothing is left to write."""
