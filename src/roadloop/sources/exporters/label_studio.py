"""Label Studio: `label-studio.json`, one task a picture with a brush mask for each class, pictures in `<package>/`.

Pictures are named as Label Studio serves local files: let its document root be the exported folder. `labels.xml` is the
labelling page. Splits are in `splits/` alone: tasks have none.
"""

import json
from typing import Final
from urllib.parse import quote

from roadloop.labels.label_studio import config, label_value, painted, regions
from roadloop.labels.table import IGNORE
from roadloop.sources.exporters.folder import Exporter, Folder, Picture, Placed

DOCUMENT: Final = "label-studio.json"


class LabelStudio(Exporter):
    """Writes an export of Label Studio's; tasks go to the disk as they come."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self._count = 0

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its task."""
        placed = Placed(picture.key + picture.ending)
        self._folder.put_picture(placed.image, picture)
        self._count += 1
        found = regions(picture.ids, self._folder.table, "brush") or [self._nothing(picture)]
        task = {
            "id": self._count,
            "data": {"image": f"/data/local-files/?d={quote(placed.image)}"},
            "annotations": [{"id": self._count, "was_cancelled": False, "result": found}],
        }
        self._folder.append(DOCUMENT, ("[\n" if self._count == 1 else ",\n") + json.dumps(task, ensure_ascii=False))
        return placed

    def finish(self) -> None:
        """Write the end of the tasks, and the labelling page."""
        self._folder.append(DOCUMENT, "\n]\n")
        self._folder.put("labels.xml", config(self._folder.table).encode())

    def _nothing(self, picture: Picture) -> dict[str, object]:
        """A task without a region would say that nobody looked: a picture of 255 alone says "ignore"."""
        self._folder.need_ignore(picture.ids)
        void = self._folder.table.find(IGNORE)
        assert void is not None
        return painted(picture.ids == IGNORE, label_value(void))
