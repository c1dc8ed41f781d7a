from pathlib import Path

import pytest

from import_folders import HEIGHT, WIDTH, ids, jpeg, png, put
from imported import Import
from roadloop.imaging.encode import encode_label
from roadloop.labels.table import shipped

TOP, BELOW = 3 * WIDTH, (HEIGHT - 3) * WIDTH


def _add(root: Path, place: str, values: str, label: bytes, picture: bytes = b"") -> None:
    """A mask, and its picture where that is not there yet; `place` is `<split>/<folder>/<name>`."""
    ending = "jpg" if picture else "png"
    put(root / "leftImg8bit" / f"{place}_leftImg8bit.{ending}", picture or png(len(place)))
    put(root / "gtFine" / f"{place}_gtFine_{values}.png", label)


def test_finder__train_ids_alone_are_the_19_classes(source: Path, imported: Import) -> None:
    label = ids(0, 13)
    label[-1] = 255
    _add(source, "train/ulm/ulm_000001_000019", "labelTrainIds", encode_label(label))
    _add(source, "val/ulm/ulm_000001_000019", "labelTrainIds", encode_label(ids(18, 10)))
    done = imported()
    assert (done.layout, done.table.classes) == ("cityscapes-train-ids", shipped("cityscapes-19").classes)
    # Same city and name in two splits: both are there, each with its own label.
    assert done.labels == {
        "train-ulm/ulm_000001_000019": {0: TOP, 13: BELOW - WIDTH, 255: WIDTH},
        "val-ulm/ulm_000001_000019": {18: TOP, 10: BELOW},
    }
    assert done.splits == {"train-ulm/ulm_000001_000019": "train", "val-ulm/ulm_000001_000019": "val"}
    # 255 is a row of that table: nobody needs to be told.
    assert not any("255" in w.en for w in done.job.warnings)
    # Into another table they go by name: 0 road, 13 car, 18 bicycle, 10 sky.
    ids_again = imported(dest="b", layout="cityscapes-train-ids", roadelement="cityscapes")
    assert ids_again.labels == {
        "train-ulm/ulm_000001_000019": {7: TOP, 26: BELOW - WIDTH, 255: WIDTH},
        "val-ulm/ulm_000001_000019": {33: TOP, 23: BELOW},
    }


# hszhao/PSPNet#39, mcordts/cityscapesScripts#8: one kind of values read as the other.
def test_finder__label_ids_win_and_train_ids_are_companions(source: Path, imported: Import) -> None:
    _add(source, "train/ulm/ulm_000001_000019", "labelTrainIds", encode_label(ids(0, 13)))
    _add(source, "train/ulm/ulm_000001_000019", "labelIds", encode_label(ids(7, 26)))
    _add(source, "train/ulm/ulm_000002_000019", "labelTrainIds", encode_label(ids(0, 13)))
    done = imported()
    assert (done.layout, done.labels) == ("cityscapes", {"ulm/ulm_000001_000019": {7: TOP, 26: BELOW}})
    assert done.outcomes["gtFine/train/ulm/ulm_000001_000019_gtFine_labelTrainIds.png"] == "not_used"
    other = "gtFine/train/ulm/ulm_000002_000019_gtFine_labelTrainIds.png"
    assert (done.outcomes[other], "of other values" in done.reasons[other]) == ("unsupported", True)
    assert done.outcomes["leftImg8bit/train/ulm/ulm_000002_000019_leftImg8bit.png"] == "missing_partner"
    again = imported(dest="b", layout="cityscapes-train-ids")
    assert again.labels.keys() == {"ulm/ulm_000001_000019", "ulm/ulm_000002_000019"}


def test_finder__idd_is_told_from_cityscapes_by_the_case_of_its_names(source: Path, imported: Import) -> None:
    _add(source, "train/0/005506", "labelids", encode_label(ids(0, 12)), jpeg(1))
    _add(source, "train/0/005506", "labellevel3Ids", encode_label(ids(0, 9)), jpeg(1))
    put(source / "gtFine/train/0/005506_gtFine_instanceids.png", png())
    _add(source, "val/0/005506", "labelids", encode_label(ids(39, 35)), jpeg(2))
    done = imported()
    assert (done.layout, done.table.classes) == ("idd", shipped("idd").classes)
    # 0 is road here, and unlabeled in Cityscapes; drives of two splits may have the same number.
    assert done.labels == {"train-0/005506": {0: TOP, 12: BELOW}, "val-0/005506": {39: TOP, 35: BELOW}}
    assert (done.splits["val-0/005506"], done.tracks["val-0/005506"]) == ("val", "val-0")
    assert set(done.outcomes.values()) == {"added", "not_used"}
    level3 = imported(dest="b", layout="idd-level3")
    assert (level3.usual, level3.labels) == ("idd-level3", {"train-0/005506": {0: TOP, 9: BELOW}})


@pytest.mark.parametrize(
    ("file", "words"),
    [
        ("0/1_gtFine_labelcsTrainIds.png", "labellevel3Ids"),
        ("0/1_gtFine_polygons.json", "outlines (_polygons.json) but no masks"),
    ],
)
def test_finder__what_cannot_be_read_is_named_with_the_way_out(
    source: Path, imported: Import, file: str, words: str
) -> None:
    put(source / "leftImg8bit/train/0/1_leftImg8bit.png", png())
    put(source / "gtFine/train" / file, encode_label(ids(0, 1)))
    done = imported()
    assert done.job.state == "failed"
    assert (done.outcomes[f"gtFine/train/{file}"], words in done.reasons[f"gtFine/train/{file}"]) == (
        "unsupported",
        True,
    )
    assert words in done.why


def test_tables__level_3_joins_the_ids_of_idd() -> None:
    # AutoNUE public-code, helpers/anue_labels.py: id, level3Id.
    level3 = {c.raw_id: c.train_id for c in shipped("idd").classes}
    assert [i for i, train_id in level3.items() if train_id == 12] == [15, 16, 17, 18]
    assert (level3[34], level3[35], level3[39]) == (25, 255, 255)
    assert [c.train_id for c in shipped("idd-level3").classes] == [*range(26), 255]
    names = {c.raw_id: c.name_en for c in shipped("idd").classes}
    for joined in shipped("idd-level3").classes[:-1]:
        assert joined.name_en == " or ".join(names[i] for i in names if level3[i] == joined.raw_id)
