"""The layouts in which a source set can leave."""

from collections.abc import Mapping
from typing import Final

from roadloop.sources.exporters.camvid import Camvid
from roadloop.sources.exporters.cityscapes import Cityscapes
from roadloop.sources.exporters.coco import Coco
from roadloop.sources.exporters.folder import Exporter
from roadloop.sources.exporters.label_studio import LabelStudio
from roadloop.sources.exporters.pairs import Pairs
from roadloop.sources.exporters.voc import Cvat, Voc

#: By the names that imports give them.
EXPORTERS: Final[Mapping[str, type[Exporter]]] = {
    "cityscapes": Cityscapes,
    "camvid": Camvid,
    "coco": Coco,
    "voc": Voc,
    "cvat": Cvat,
    "label-studio": LabelStudio,
    "pairs": Pairs,
}
