"""Label Studio: `label-studio.json`, one task a picture with a brush mask for each class, pictures in `<package>/`.

Pictures are named as Label Studio serves local files: let its document root be the exported folder. `labels.xml` is the
labelling page. Splits are in `splits/` alone: tasks have none.
"""

import json
from contextlib import ExitStack
from typing import Final, TextIO
from urllib.parse import quote

from roadloop.labels.label_studio import config, label_value, painted, regions
from roadloop.labels.table import IGNORE
from roadloop.sources.exporters.folder import Folder, Picture, Placed

DOCUMENT: Final = "label-studio.json"


class LabelStudio:
    """Writes an export of Label Studio's; tasks go to the disk as they come."""

    def __init__(self, folder: Folder) -> None:
        self._folder: Final = folder
        self._files: Final = ExitStack()
        self._stream: TextIO | None = None
        self._count = 0

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its task."""
        placed = Placed(f"{picture.package}/{picture.stem}{picture.ending}")
        self._folder.put_picture(placed.image, picture)
        self._count += 1
        found = regions(picture.ids, self._folder.table, "brush") or [self._nothing(picture)]
        task = {
            "id": self._count,
            "data": {"image": f"/data/local-files/?d={quote(placed.image)}"},
            "annotations": [{"id": self._count, "was_cancelled": False, "result": found}],
        }
        if self._stream is None:
            self._stream = self._files.enter_context(self._folder.make_room(DOCUMENT).open("w", encoding="utf-8"))
        self._stream.write(("[\n" if self._count == 1 else ",\n") + json.dumps(task, ensure_ascii=False))
        return placed

    def finish(self) -> None:
        """Write the end of the tasks, and the labelling page."""
        if self._stream is not None:
            self._stream.write("\n]\n")
        self._files.close()
        self._folder.put("labels.xml", config(self._folder.table).encode())

    def _nothing(self, picture: Picture) -> dict[str, object]:
        """A task without a region would say that nobody looked: a picture of 255 alone says "ignore"."""
        self._folder.need_ignore(picture.ids)
        void = self._folder.table.find(IGNORE)
        assert void is not None
        return painted(picture.ids == IGNORE, label_value(void))
