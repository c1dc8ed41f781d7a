"""CamVid as the SegNet tutorial has it: `<package>/X.jpg` with `<package>annot/X.png`, ids, and `label_colors.txt`.

`train.txt`, `val.txt` and `test.txt` name picture and label, one pair a line. Badrinarayanan, Kendall, Cipolla, PAMI 2017.
"""

from typing import Final

from roadloop.errors import Text
from roadloop.sources.exporters.folder import Exporter, Picture, Placed
from roadloop.sources.importers.camvid import ANNOTATED

_COLORS: Final = "label_colors.txt"
_NO_COLORS: Final = Text(
    f"类别名称无法写入 {_COLORS}（每行“R G B 名称”），因此没有这个文件；classes.csv 里有完整的类别表",
    f"The names of the classes cannot stand in {_COLORS} (lines 'R G B name'), so there is no such file; classes.csv has"
    " the whole table",
)


class Camvid(Exporter):
    """Writes CamVid's layout."""

    def add(self, picture: Picture) -> Placed:
        """Write one picture, its label, and its line in the list of its split."""
        label = f"{picture.package}{ANNOTATED}/{picture.stem}.png"
        placed = self._folder.put_pair(picture, picture.key + picture.ending, label)
        if picture.split:
            self._folder.append(f"{picture.split}.txt", f"{placed.image} {placed.label}\n")
        return placed

    def finish(self) -> None:
        """Write the colours."""
        rows = ("{} {} {} {}\n".format(*c.color, c.name_en) for c in self._folder.table.classes)
        if not self._folder.put_table(_COLORS, "".join(rows)):
            self._folder.notes.append(_NO_COLORS)
