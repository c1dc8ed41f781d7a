"""Pascal VOC's masks, palette PNGs of ids, and CVAT's "segmentation mask" form of the same, colours and `labelmap.txt`.

`JPEGImages/<package>/X.jpg`, `SegmentationClass/<package>/X.png`, `ImageSets/Segmentation/<split>.txt`.
"""

from typing import Final

from roadloop.errors import InvalidValueError, Text
from roadloop.sources.exporters.folder import Folder, Picture, Placed
from roadloop.sources.importers.legend import LABEL_MAP

_HEAD: Final = "# label:color_rgb:parts:actions\n"


class Voc:
    """Writes VOC's layout."""

    def __init__(self, folder: Folder) -> None:
        self._folder: Final = folder
        self._lists: Final[dict[str, list[str]]] = {}

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its label."""
        key = f"{picture.package}/{picture.stem}"
        placed = Placed(f"JPEGImages/{key}{picture.ending}", f"SegmentationClass/{key}.png")
        self._folder.put_picture(placed.image, picture)
        self._folder.put(placed.label, self._label(picture))
        if picture.split:
            self._lists.setdefault(picture.split, []).append(f"{key}\n")
        return placed

    def finish(self) -> None:
        """Write the lists."""
        for split, lines in self._lists.items():
            self._folder.put(f"ImageSets/Segmentation/{split}.txt", "".join(lines).encode())

    def _label(self, picture: Picture) -> bytes:
        return self._folder.ids(picture.ids)


class Cvat(Voc):
    """Writes CVAT's form of it."""

    def finish(self) -> None:
        """Write the lists and the label map.

        Raises:
            InvalidValueError: A name cannot stand in a label map.
        """
        super().finish()
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

    def _label(self, picture: Picture) -> bytes:
        return self._folder.colors(picture.ids)
