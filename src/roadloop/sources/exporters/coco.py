"""COCO panoptic: `annotations/panoptic_<split>.json` with a folder of PNGs of its name, pictures in `<package>/`.

Category ids are raw ids, also 0. A picture has one segment for each class, numbered raw id + 1, since 0 means that
nobody labelled a pixel: so do the pixels of 255, which is no category. Kirillov et al., CVPR 2019.
"""

import json
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roadloop.imaging.encode import encode_color
from roadloop.labels.table import IGNORE
from roadloop.sources.exporters.folder import Exporter, Folder, Picture, Placed

UInt8 = NDArray[np.uint8]


class Coco(Exporter):
    """Writes COCO's panoptic layout. Annotations go to the disk as they come; only the pictures' names are kept."""

    def __init__(self, folder: Folder) -> None:
        super().__init__(folder)
        self._images: Final[dict[str, list[dict[str, Any]]]] = {}
        self._count = 0

    def add(self, picture: Picture) -> Placed:
        """Write one picture and its label."""
        name = f"panoptic_{picture.split}" if picture.split else "panoptic"
        placed = Placed(picture.key + picture.ending, f"annotations/{name}/{picture.key}.png")
        self._folder.put_picture(placed.image, picture)
        rgb = np.zeros((*picture.ids.shape, 3), np.uint8)
        rgb[..., 0] = picture.ids + np.uint8(1)  # 255 becomes 0
        self._folder.put(placed.label, encode_color(rgb))
        self._count += 1
        row = {"image_id": self._count, "file_name": f"{picture.key}.png", "segments_info": _segments(picture.ids)}
        begin = ",\n" if name in self._images else '{"annotations": [\n'
        self._folder.append(f"annotations/{name}.json", begin + json.dumps(row, ensure_ascii=False))
        height, width = picture.ids.shape
        image = {"id": self._count, "file_name": placed.image, "width": width, "height": height}
        self._images.setdefault(name, []).append(image)
        return placed

    def finish(self) -> None:
        """Write what the documents end with: pictures and categories."""
        categories = [
            {"id": c.raw_id, "name": c.name_en or c.name_zh or str(c.raw_id), "color": list(c.color), "isthing": 0}
            for c in self._folder.table.classes
            if c.raw_id != IGNORE
        ]
        for name, images in self._images.items():
            rest = {"images": images, "categories": categories}
            end = "\n],\n" + json.dumps(rest, ensure_ascii=False)[1:] + "\n"
            self._folder.append(f"annotations/{name}.json", end)


def _segments(ids: UInt8) -> list[dict[str, Any]]:
    found = []
    for raw_id in np.unique(ids[ids != IGNORE]).tolist():
        mask = ids == raw_id
        ys, xs = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
        box = [int(xs[0]), int(ys[0]), int(xs[-1] - xs[0] + 1), int(ys[-1] - ys[0] + 1)]
        row = {"id": raw_id + 1, "category_id": raw_id, "area": int(mask.sum()), "bbox": box, "iscrowd": 0}
        found.append(row)
    return found
