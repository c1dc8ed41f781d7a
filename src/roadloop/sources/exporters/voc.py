"""Pascal VOC's masks, palette PNGs of ids, and CVAT's "segmentation mask" form of the same, colours and `labelmap.txt`.

`JPEGImages/<package>/X.jpg`, `SegmentationClass/<package>/X.png`, `ImageSets/Segmentation/<split>.txt`.
"""

from typing import ClassVar, Final

from roadloop.errors import InvalidValueError, Text
from roadloop.sources.exporters.folder import Exporter, Picture, Placed
from roadloop.sources.importers.legend import LABEL_MAP

_HEAD: Final = "# label:color_rgb:parts:actions\n"


class Voc(Exporter):
    """Writes VOC's layout."""

    _colored: ClassVar[bool] = False

    def add(self, picture: Picture) -> Placed:
        """Write one picture, its label, and its line in the list of its split."""
        if picture.split:
            self._folder.append(f"ImageSets/Segmentation/{picture.split}.txt", f"{picture.key}\n")
        image, label = f"JPEGImages/{picture.key}{picture.ending}", f"SegmentationClass/{picture.key}.png"
        return self._folder.put_pair(picture, image, label, colored=self._colored)


class Cvat(Voc):
    """Writes CVAT's form of it."""

    _colored = True

    def finish(self) -> None:
        """Write the label map.

        Raises:
            InvalidValueError: A name cannot stand in a label map.
        """
        rows = ("{}:{},{},{}::\n".format(c.name_en, *c.color) for c in self._folder.table.classes)
        if not self._folder.put_table(LABEL_MAP, _HEAD + "".join(rows)):
            raise InvalidValueError(
                Text(
                    f"类别名称无法写入 {LABEL_MAP}（例如以 # 开头、含换行，或超过 255 个类别）；请改用其他布局，如 voc",
                    f"The names of the classes cannot stand in {LABEL_MAP} (one begins with #, say, or holds a line break, or"
                    " there are more than 255); choose another layout, such as voc",
                ),
                parameter="layout",
            )
