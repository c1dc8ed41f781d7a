"""Cityscapes: `leftImg8bit/<split>/<package>/X_leftImg8bit.jpg` and `gtFine/<split>/<package>/X_gtFine_labelIds.png`.

Packages take the place of cities. Pictures in no split stand under `unsplit/`. Cordts et al., CVPR 2016.
"""

from typing import Final

from roadloop.sources.exporters.folder import Exporter, Picture, Placed

_UNSPLIT: Final = "unsplit"


class Cityscapes(Exporter):
    """Writes Cityscapes' layout."""

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its label."""
        key = f"{picture.split or _UNSPLIT}/{picture.key}"
        image = f"leftImg8bit/{key}_leftImg8bit{picture.ending}"
        return self._folder.put_pair(picture, image, f"gtFine/{key}_gtFine_labelIds.png")
