"""Masks as people had them: each test names the public report (repository#issue) that it was made from."""

import io
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from import_folders import HEIGHT, WIDTH, ids, jpeg, painted, paletted, png, put
from imported import Import
from roadloop.errors import InvalidValueError
from roadloop.imaging.encode import encode_color, encode_label

TOP, BELOW = 3 * WIDTH, (HEIGHT - 3) * WIDTH
TWO = "raw_id,name_en,name_zh,r,g,b,train_id\n0,road,道路,128,64,128,0\n1,car,车,0,0,142,1\n"


def test_a_name_that_begins_another(source: Path, imported: Import) -> None:
    # milesial/Pytorch-UNet#143: masks were looked up by `1*`, which is 1, 10 and 11.
    put(source / "classes.csv", TWO)
    for number, top in ((1, 0), (10, 1), (11, 0)):
        put(source / "imgs" / f"{number}.jpg", jpeg(number))
        put(source / "masks" / f"{number}.png", encode_label(ids(top, 1 - top)))
    assert imported().labels == {f"imgs/{n}": {t: TOP, 1 - t: BELOW} for n, t in ((1, 0), (10, 1), (11, 0))}


def test_the_same_name_in_a_folder_without_labels(source: Path, imported: Import) -> None:
    # ultralytics/ultralytics#20440: does dogs/1 label not_dogs/1?
    put(source / "classes.csv", TWO)
    for folder in ("dogs", "not_dogs"):
        put(source / "images" / folder / "1.jpg", jpeg(len(folder)))
    put(source / "labels/dogs/1.png", encode_label(ids(1, 0)))
    done = imported()
    assert done.labels == {"images-dogs/1": {1: TOP, 0: BELOW}}
    assert done.outcomes["images/not_dogs/1.jpg"] == "missing_partner"


def test_two_pictures_of_one_name_and_two_endings(source: Path, imported: Import) -> None:
    # cvat-ai/cvat#7523, ryouchinsa/Rectlabel-support#84: image1.jpg and image1.png share what is called image1.
    put(source / "classes.csv", TWO)
    put(source / "images/image1.jpg", jpeg(1))
    put(source / "images/image1.png", png(2))
    put(source / "images/image2.jpg", jpeg(3))
    for name in ("image1", "image2"):
        put(source / "masks" / f"{name}.png", encode_label(ids(1, 0)))
    done = imported()
    assert done.labels == {"images/image2": {1: TOP, 0: BELOW}}
    for file in ("images/image1.jpg", "images/image1.png", "masks/image1.png"):
        assert done.outcomes[file] == "ambiguous"
    assert "images/image1.jpg, images/image1.png" in done.reasons["masks/image1.png"]


def test_png_pictures_and_png_masks_in_mmsegmentations_folders(source: Path, imported: Import) -> None:
    # open-mmlab/mmsegmentation#46: img_dir/ and ann_dir/, both PNG of the same names, in train/ and val/ alike.
    put(source / "classes.csv", TWO)
    for split, top in (("train", 1), ("val", 0)):
        put(source / "img_dir" / split / "img-2_gray_0_0.png", png(top))
        put(source / "ann_dir" / split / "img-2_gray_0_0.png", encode_label(ids(top, 1 - top)))
    done = imported()
    assert done.labels == {
        "img_dir-train/img-2_gray_0_0": {1: TOP, 0: BELOW},
        "img_dir-val/img-2_gray_0_0": {0: TOP, 1: BELOW},
    }
    assert done.splits == {"img_dir-train/img-2_gray_0_0": "train", "img_dir-val/img-2_gray_0_0": "val"}


def test_smooth_edges_are_no_classes(source: Path, imported: Import) -> None:
    # commaai/comma10k#69, abreheret/PixelAnnotationTool#35: painted with anti-aliasing, or resized, masks have new colours.
    put(source / "classes.csv", TWO)
    rgb = np.full((HEIGHT, WIDTH, 3), (128, 64, 128), np.uint8)
    rgb[:3] = (0, 0, 142)
    put(source / "sharp.jpg", jpeg(1))
    put(source / "label-sharp.png", encode_color(rgb))
    rgb[3] = (64, 32, 135)
    put(source / "smooth.jpg", jpeg(2))
    put(source / "label-smooth.png", encode_color(rgb))
    done = imported()
    assert done.labels == {"1/sharp": {1: TOP, 0: BELOW}}
    assert done.outcomes["label-smooth.png"] == "unknown_color"
    assert "(64,32,135) x 20" in done.reasons["label-smooth.png"]


def test_split_lists_with_a_second_column_and_other_line_ends(source: Path, imported: Import) -> None:
    # fizyr/keras-retinanet#140: VOC's lists carry ` -1` or ` 1` behind the name.
    for name, top in (("2008_000002", 7), ("2008_000003", 15)):
        put(source / f"JPEGImages/{name}.jpg", jpeg(top))
        put(source / f"SegmentationClass/{name}.png", encode_label(ids(top, 0)))
    put(source / "ImageSets/Segmentation/train.txt", "2008_000002 -1\r\n")
    put(source / "ImageSets/Segmentation/val.txt", "\ufeff2008_000003  1\n2008_000009  1\n")
    done = imported()
    assert done.splits == {"1/2008_000002": "train", "1/2008_000003": "val"}
    assert done.job.result is not None
    assert done.job.result["statements"] == {"picture_absent": 1, "used": 2}


def test_split_lists_of_paths(source: Path, imported: Import) -> None:
    # CVI-SZU/CLIMS#19, Eli-YiLi/WSSS_MMSeg#2: `/JPEGImages/X.jpg /SegmentationClass/X.png`, as DeepLab's lists have it.
    for year in ("VOC2007", "VOC2012"):
        put(source / year / "JPEGImages/2009_002281.jpg", jpeg(len(year)))
        put(source / year / "SegmentationClass/2009_002281.png", encode_label(ids(7, 0)))
    line = "/JPEGImages/2009_002281.jpg /SegmentationClass/2009_002281.png\n"
    put(source / "VOC2012/ImageSets/Segmentation/train.txt", line)
    put(source / "VOC2007/ImageSets/Segmentation/val.txt", line + "/JPEGImages/2009_009999.jpg\n")
    done = imported()
    assert done.splits == {"VOC2012/2009_002281": "train", "VOC2007/2009_002281": "val"}
    assert done.job.result is not None
    assert done.job.result["statements"] == {"picture_absent": 1, "used": 2}


def test_background_stands_in_the_middle_of_the_colour_table(source: Path, imported: Import) -> None:
    # cvat-ai/cvat#2032, cvat-ai/cvat#1736: labelmap.txt in any order, background not first.
    put(
        source / "labelmap.txt",
        "# label:color_rgb:parts:actions\nCat:48,112,32::\nbackground:0,0,0::\nDog:176,112,32::\n",
    )
    put(source / "JPEGImages/a.jpg", jpeg(1))
    put(source / "SegmentationClass/a.png", painted(ids(2, 1), {1: (0, 0, 0), 2: (176, 112, 32)}))
    done = imported()
    assert [(c.raw_id, c.name_en) for c in done.table.classes] == [(0, "Cat"), (1, "background"), (2, "Dog")]
    assert done.labels == {"1/a": {2: TOP, 1: BELOW}}


def test_a_class_is_white(source: Path, imported: Import) -> None:
    # cvat-ai/cvat#7847: "Undeclared label '255'", though the colour table says that white is a class.
    put(source / "labelmap.txt", "background:0,0,0::\nDefect:255,255,255::\n")
    put(source / "JPEGImages/a.jpg", jpeg(1))
    put(source / "SegmentationClass/a.png", encode_label(ids(255, 0)))
    put(source / "JPEGImages/b.jpg", jpeg(2))
    put(source / "SegmentationClass/b.png", painted(ids(1, 0), {0: (0, 0, 0), 1: (255, 255, 255)}))
    expected = {1: TOP, 0: BELOW}
    assert imported().labels == {"1/a": expected, "1/b": expected}


def test_colours_of_objects_are_no_classes(source: Path, imported: Import) -> None:
    # cvat-ai/cvat#7447: colours in SegmentationObject/ follow the order of painting.
    put(source / "labelmap.txt", "background:0,0,0::\ncar:255,0,0::\nperson:0,255,0::\n")
    put(source / "JPEGImages/a.jpg", jpeg(1))
    put(source / "SegmentationObject/a.png", painted(ids(1, 0), {0: (0, 0, 0), 1: (255, 0, 0)}))
    done = imported()
    assert (done.job.state, done.outcomes["JPEGImages/a.jpg"]) == ("failed", "missing_partner")


def test_masks_beside_the_wrong_download(source: Path, imported: Import) -> None:
    # hendrycks/anomaly-seg#14: BDD100K's masks with the pictures of images/100k.
    put(source / "images/100k/train/0004a4c0-d4dff0ad.jpg", jpeg(1))
    put(source / "labels/sem_seg/masks/train/0004a4c0-d4dff0ad.png", encode_label(ids(0, 13)))
    put(source / "labels/sem_seg/colormaps/train/0004a4c0-d4dff0ad.png", png())
    done = imported()
    assert done.job.state == "failed"
    assert "images/10k" in done.why
    assert set(done.outcomes.values()) == {"missing_partner", "not_used"}


def test_the_data_has_colours_of_its_own(source: Path, imported: Import) -> None:
    # ooooverflow/BiSeNet#26: a CamVid folder whose class_dict.csv has other colours, and one column more.
    put(source / "class_dict.csv", "name,r,g,b,class_11\nBicyclist,255,182,193,1\nRoad,0,255,117,1\nVoid,0,0,0,0\n")
    put(source / "train/0001TP_006690.png", png(1))
    put(source / "train_labels/0001TP_006690_L.png", painted(ids(0, 1), {0: (255, 182, 193), 1: (0, 255, 117)}))
    done = imported()
    assert [c.name_en for c in done.table.classes] == ["Bicyclist", "Road", "Void"]
    assert done.labels == {"train/0001TP_006690": {0: TOP, 1: BELOW}}


def test_colours_that_the_source_of_the_table_does_not_have(source: Path, imported: Import) -> None:
    # ApolloScapeAuto/dataset-api#2, #112: sample masks whose colours are not those of laneMarkDetection.py.
    put(source / "ColorImage_road02/Record001/1.jpg", jpeg(1))
    put(source / "Labels_road02/Record001/1_bin.png", painted(ids(1, 0), {0: (0, 0, 0), 1: (180, 173, 43)}))
    done = imported()
    assert (done.job.state, done.outcomes["Labels_road02/Record001/1_bin.png"]) == ("failed", "unknown_color")
    assert "(180,173,43) x 60" in done.reasons["Labels_road02/Record001/1_bin.png"]


def test_palettes_are_indices_and_sixteen_bits_are_refused(source: Path, imported: Import) -> None:
    # facebookresearch/detectron2#1760: palette masks turned into greys lose their classes; wkentaro/labelme#68: 16 bits.
    put(source / "classes.csv", "raw_id,name_en\n0,road\n1,car\n")
    put(source / "images/a.JPG", jpeg(1))  # njvisionpower/Safety-Helmet-Wearing-Dataset#22: endings in upper case
    put(source / "masks/a.png", paletted(ids(1, 0), {0: (0, 0, 0), 1: (200, 10, 10)}))
    wide = io.BytesIO()
    Image.fromarray(ids(1, 0).astype(np.uint16)).save(wide, "PNG")
    put(source / "images/b.jpg", jpeg(2))
    put(source / "masks/b.png", wide.getvalue())
    done = imported()
    assert done.labels == {"images/a": {1: TOP, 0: BELOW}}
    assert (done.outcomes["masks/b.png"], done.outcomes["images/b.jpg"]) == ("broken", "partner_left_out")


def test_files_that_are_not_read_say_the_way_out(source: Path, imported: Import) -> None:
    # divamgupta/image-segmentation-keras#204: masks called .jpg; and pictures, masks and archives of other kinds.
    put(source / "classes.csv", TWO)
    put(source / "images/a.jpg", jpeg(1))
    put(source / "masks/a.jpg", jpeg(2))
    put(source / "images/b.bmp", b"BM")
    put(source / "masks/b.png", encode_label(ids(1, 0)))
    put(source / "images/c.jfif", jpeg(3))
    put(source / "masks/c.png", encode_label(ids(1, 0)))
    put(source / "more.tar.gz", b"\x1f\x8b")
    put(source / "more.zip", b"PK")
    done = imported()
    assert done.labels == {"images/c": {1: TOP, 0: BELOW}}
    for file, words in (
        ("masks/a.jpg", "JPEG, which changes classes: export it as PNG"),
        ("images/b.bmp", "convert it to PNG"),
        ("more.tar.gz", "unpack it first"),
        ("more.zip", "unpack it first"),
    ):
        assert (done.outcomes[file], words in done.reasons[file]) == ("unsupported", True), done.reasons[file]
    assert done.outcomes["masks/b.png"] == "missing_partner"
    with pytest.raises(InvalidValueError, match="unpack it first"):
        imported(src="imports/in/more.zip", dest="b")
