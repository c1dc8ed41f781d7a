"""Tiny folders in the layouts that an import recognises; every label is hand-countable."""

import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label
from roadloop.labels.brush import encode

UInt8 = NDArray[np.uint8]
HEIGHT, WIDTH = 12, 20


def put(path: Path, data: bytes | str) -> None:
    """Write a file and its folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


def jpeg(number: int = 0) -> bytes:
    """A JPEG that differs from those of other numbers."""
    rng = np.random.default_rng(number)
    return encode_jpeg(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def png(number: int = 0) -> bytes:
    """A PNG picture that differs from those of other numbers."""
    rng = np.random.default_rng(number)
    return encode_color(rng.integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8))


def ids(top: int, bottom: int, rows: int = 3) -> UInt8:
    """`rows` rows of one value above another."""
    label = np.full((HEIGHT, WIDTH), bottom, np.uint8)
    label[:rows] = top
    return label


def painted(label: UInt8, colors: Mapping[int, tuple[int, int, int]]) -> bytes:
    """A colour PNG of ids."""
    palette = np.zeros((256, 3), np.uint8)
    for value, color in colors.items():
        palette[value] = color
    return encode_color(palette[label])


def paletted(label: UInt8, colors: Mapping[int, tuple[int, int, int]]) -> bytes:
    """A palette PNG of ids."""
    image = Image.fromarray(label)
    image.putpalette([c for i in range(256) for c in colors.get(i, (i, i, i))])
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def cityscapes(root: Path) -> None:
    """Two labelled pictures and one without a label; ids 7 road and 26 car."""
    for split, city, number in (("train", "aachen", 0), ("train", "aachen", 1), ("val", "lindau", 0)):
        stem = f"{city}_00000{number}_000019"
        put(root / "leftImg8bit" / split / city / f"{stem}_leftImg8bit.png", png(number))
        if (split, number) != ("train", 1):
            place = root / "gtFine" / split / city
            put(place / f"{stem}_gtFine_labelIds.png", encode_label(ids(7, 26)))
            put(place / f"{stem}_gtFine_color.png", png())
            put(place / f"{stem}_gtFine_polygons.json", '{"objects": []}')


LEGEND = "128 64 128\tRoad\n64 0 128\tCar\n0 0 0\tVoid\n"
LEGEND_COLORS = {0: (128, 64, 128), 1: (64, 0, 128), 2: (0, 0, 0)}


def camvid_colors(root: Path) -> None:
    """The original CamVid: colours, and a legend of `R G B name` lines."""
    put(root / "label_colors.txt", LEGEND)
    for number, frame in enumerate(("0001TP_006690", "0016E5_000390")):
        put(root / "701_StillsRaw_full" / f"{frame}.png", png(number))
        put(root / "LabeledApproved_full" / f"{frame}_L.png", painted(ids(1, 0), LEGEND_COLORS))
    put(root / "701_StillsRaw_full" / "lonely.png", png(7))


def camvid_ids(root: Path) -> None:
    """The SegNet tutorial's CamVid: 3 road, 8 car."""
    for split, frame in (("train", "0001TP_1"), ("val", "0016E5_2")):
        put(root / split / f"{frame}.png", png(len(frame)))
        put(root / f"{split}annot" / f"{frame}.png", encode_label(ids(8, 3)))


def voc(root: Path) -> None:
    """Palette masks: 7 car on 0 background with a border of 255; one picture without a mask."""
    base = root / "VOCdevkit" / "VOC2012"
    label = ids(7, 0)
    label[3] = 255
    for number, stem in enumerate(("2007_000032", "2007_000033")):
        put(base / "JPEGImages" / f"{stem}.jpg", jpeg(number))
        put(base / "SegmentationClass" / f"{stem}.png", paletted(label, {0: (0, 0, 0), 7: (128, 128, 128)}))
        put(base / "SegmentationObject" / f"{stem}.png", encode_label(label))
    put(base / "JPEGImages" / "2007_000099.jpg", jpeg(9))
    put(base / "ImageSets" / "Segmentation" / "train.txt", "2007_000032\n")
    put(base / "ImageSets" / "Segmentation" / "val.txt", "2007_000033\n")


def cvat(root: Path) -> None:
    """CVAT's segmentation mask export; `road` and `car`, background unlabelled."""
    put(root / "labelmap.txt", "# label:color (RGB):parts:actions\nbackground:0,0,0::\ncar:1,2,3::\nroad:9,8,7::\n")
    colors = {0: (0, 0, 0), 1: (1, 2, 3), 2: (9, 8, 7)}
    put(root / "SegmentationClass" / "cam0" / "a_1.png", painted(ids(1, 2), colors))
    put(root / "SegmentationClass" / "a_2.png", paletted(ids(0, 2, 6), colors))
    put(root / "JPEGImages" / "cam0" / "a_1.jpg", jpeg(1))
    put(root / "JPEGImages" / "a_2.jpg", jpeg(2))
    put(root / "ImageSets" / "Segmentation" / "default.txt", "a_1\na_2\n")


def coco_panoptic(root: Path) -> None:
    """Two segments of categories 3 and 149, and a row of 0."""
    numbers = np.full((HEIGHT, WIDTH), 1000, np.uint32)
    numbers[:3], numbers[3] = 70000, 0
    rgb = np.stack([numbers & 255, numbers >> 8 & 255, numbers >> 16], axis=2).astype(np.uint8)
    put(root / "val2017" / "000000000139.jpg", jpeg(1))
    put(root / "val2017" / "000000000140.jpg", jpeg(2))
    put(root / "annotations" / "panoptic_val2017" / "000000000139.png", encode_color(rgb))
    segments = [{"id": 70000, "category_id": 3}, {"id": 1000, "category_id": 149}]
    document = {
        "images": [{"id": 139, "file_name": "000000000139.jpg"}, {"id": 140, "file_name": "000000000140.jpg"}],
        "annotations": [{"image_id": 139, "file_name": "000000000139.png", "segments_info": segments}],
        "categories": [
            {"id": 3, "name": "car", "color": [0, 0, 142]},
            {"id": 149, "name": "road", "color": [128, 64, 128]},
        ],
    }
    put(root / "annotations" / "panoptic_val2017.json", json.dumps(document))
    outlines = [{"image_id": 139, "category_id": 3, "segmentation": [[0, 0, 9, 0, 9, 9]] * 99}]
    put(root / "annotations" / "instances_val2017.json", json.dumps({**document, "annotations": outlines}))


def coco_stuff(root: Path) -> None:
    """A pixel map: 149 road, 3 rows of 0 unlabelled."""
    put(root / "train2017" / "000000000009.jpg", jpeg(1))
    put(root / "stuff_train2017_pixelmaps" / "000000000009.png", encode_label(ids(0, 149)))
    document = {
        "images": [{"id": 9, "file_name": "000000000009.jpg"}],
        "annotations": [{"image_id": 9, "category_id": 149}],
        "categories": [{"id": 149, "name": "road"}, {"id": 3, "name": "car"}],
    }
    put(root / "stuff_train2017.json", json.dumps(document))


def label_studio(root: Path) -> None:
    """A brush stroke, an outline over it, an older annotation that does not count, a task without any."""
    put(root / "images" / "a_1.jpg", jpeg(1))
    put(root / "images" / "a_2.jpg", jpeg(2))

    def region(kind: str, name: str, value: dict[str, Any]) -> dict[str, Any]:
        return {"type": kind, "original_width": WIDTH, "original_height": HEIGHT, "value": {kind: [name], **value}}

    stroke = region("brushlabels", "4 road", {"format": "rle", "rle": encode(ids(1, 0) > 0)})
    other = region("brushlabels", "9 car", {"format": "rle", "rle": encode(ids(0, 1) > 0)})
    corners = [[0, 0], [50, 0], [50, 100 / HEIGHT], [0, 100 / HEIGHT]]
    outline = region("polygonlabels", "9 car", {"points": corners})
    tasks = [
        {
            "id": 1,
            "file_upload": "0a1b2c3d-a_1.jpg",
            "data": {"image": "/data/upload/2/0a1b2c3d-a_1.jpg"},
            "annotations": [
                {"id": 1, "updated_at": "2026-01-01", "result": [other]},
                {"id": 2, "updated_at": "2026-02-01", "result": [stroke, outline]},
            ],
        },
        {"id": 2, "data": {"image": "/data/local-files/?d=x/a_2.jpg"}, "annotations": []},
    ]
    put(root / "export.json", json.dumps(tasks))


def plain(root: Path) -> None:
    """JPEGs with id and colour labels of the shipped table beside them: 2 lane, 0 other."""
    put(root / "1" / "t_1.jpg", jpeg(1))
    put(root / "1" / "t_1.png", encode_label(ids(2, 0)))
    put(root / "1" / "t_2.png", png(2))
    put(root / "1" / "label-t_2.png", painted(ids(2, 0), {0: (64, 64, 32), 2: (255, 0, 0)}))
