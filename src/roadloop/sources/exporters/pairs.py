"""Plain pairs, which are a source set: `<package>/X.jpg` with `X.png` of ids, or `X.png` with `label-X.png` of colours."""

from roadloop.sources.exporters.folder import Exporter, Picture, Placed
from roadloop.sources.layout import LABEL_PREFIX


class Pairs(Exporter):
    """Writes plain pairs."""

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its label."""
        colored = picture.ending == ".png"
        label = f"{picture.package}/{LABEL_PREFIX if colored else ''}{picture.stem}.png"
        return self._folder.put_pair(picture, picture.key + picture.ending, label, colored=colored)
