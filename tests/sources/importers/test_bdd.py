from pathlib import Path

from import_folders import HEIGHT, WIDTH, ids, jpeg, png, put
from imported import Import
from roadloop.imaging.encode import encode_label
from roadloop.labels.table import shipped

TOP, BELOW = 3 * WIDTH, (HEIGHT - 3) * WIDTH


def test_find__masks_of_the_10k_pictures(source: Path, imported: Import) -> None:
    for split, top in (("train", 0), ("val", 13)):
        put(source / "images/10k" / split / "7d2f7975-e0c1c5a7.jpg", jpeg(top))
        put(source / "labels/sem_seg/masks" / split / "7d2f7975-e0c1c5a7.png", encode_label(ids(top, 255)))
        put(source / "labels/sem_seg/colormaps" / split / "7d2f7975-e0c1c5a7.png", png())
    put(source / "images/100k/train/7d2f7975-e0c1c5a7.jpg", jpeg(5))  # the same name, another picture
    put(source / "images/10k/test/aaaa.jpg", jpeg(6))
    put(source / "labels/pan_seg/bitmasks/train/7d2f7975-e0c1c5a7.png", png())
    put(source / "labels/sem_seg/polygons/sem_seg_train.json", '[{"name": "7d2f7975-e0c1c5a7.jpg", "labels": []}]')
    done = imported()
    assert (done.layout, done.table.classes) == ("bdd100k", shipped("cityscapes-19").classes)
    assert done.labels == {
        "train/7d2f7975-e0c1c5a7": {0: TOP, 255: BELOW},
        "val/7d2f7975-e0c1c5a7": {13: TOP, 255: BELOW},
    }
    assert done.splits == {"train/7d2f7975-e0c1c5a7": "train", "val/7d2f7975-e0c1c5a7": "val"}
    assert {f: o for f, o in done.outcomes.items() if o != "added"} == {
        "images/100k/train/7d2f7975-e0c1c5a7.jpg": "missing_partner",
        "images/10k/test/aaaa.jpg": "missing_partner",
        "labels/pan_seg/bitmasks/train/7d2f7975-e0c1c5a7.png": "not_used",
        "labels/sem_seg/colormaps/train/7d2f7975-e0c1c5a7.png": "not_used",
        "labels/sem_seg/colormaps/val/7d2f7975-e0c1c5a7.png": "not_used",
        "labels/sem_seg/polygons/sem_seg_train.json": "not_used",
    }


def test_find__the_older_tree(source: Path, imported: Import) -> None:
    put(source / "seg/images/train/0004a4c0.jpg", jpeg(1))
    put(source / "seg/labels/train/0004a4c0_train_id.png", encode_label(ids(2, 0)))
    put(source / "seg/color_labels/train/0004a4c0_train_color.png", png())
    done = imported()
    assert (done.layout, done.labels) == ("bdd100k", {"seg-train/0004a4c0": {2: TOP, 0: BELOW}})
    assert done.outcomes["seg/color_labels/train/0004a4c0_train_color.png"] == "not_used"
