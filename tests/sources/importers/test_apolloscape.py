from pathlib import Path

from import_folders import HEIGHT, WIDTH, ids, jpeg, painted, png, put
from imported import Import
from roadloop.imaging.encode import encode_label
from roadloop.labels.table import shipped

TOP, BELOW = 3 * WIDTH, (HEIGHT - 3) * WIDTH
STEM = "171206_025742296_Camera_5"


def test_find_scene__class_ids(source: Path, imported: Import) -> None:
    for record, top in (("Record001", 33), ("Record002", 161)):
        put(source / "road02_ins/ColorImage" / record / "Camera 5" / f"{STEM}.jpg", jpeg(top))
        put(source / "road02_ins/Label" / record / "Camera 5" / f"{STEM}_bin.png", encode_label(ids(top, 49)))
        put(source / "road02_ins/Label" / record / "Camera 5" / f"{STEM}_instanceIds.png", png())
        put(source / "road02_ins/Label" / record / "Camera 5" / f"{STEM}.json", "{}")
    done = imported()
    assert (done.layout, done.table.classes) == ("apolloscape", shipped("apolloscape").classes)
    assert done.labels == {
        f"road02_ins-Record001-Camera 5/{STEM}": {33: TOP, 49: BELOW},
        f"road02_ins-Record002-Camera 5/{STEM}": {161: TOP, 49: BELOW},
    }
    assert set(done.tracks.values()) == {"road02_ins-Record001-Camera 5", "road02_ins-Record002-Camera 5"}
    assert sorted(set(done.outcomes.values())) == ["added", "not_used"]
    # A group of cars is learned as cars, as the source's train ids have it.
    assert {c.raw_id for c in done.table.classes if c.train_id == 1} == {33, 161}


def test_find_lanes__ids_and_colours(source: Path, imported: Import) -> None:
    for number, label in ((1, encode_label(ids(200, 0))), (2, painted(ids(1, 0), {0: (0, 0, 0), 1: (70, 130, 180)}))):
        put(source / f"ColorImage_road02/ColorImage/Record001/Camera 5/{number}_Camera_5.jpg", jpeg(number))
        put(source / f"Labels_road02/Label/Record001/Camera 5/{number}_Camera_5_bin.png", label)
    done = imported()
    assert (done.layout, done.usual) == ("apolloscape-lane", "apolloscape-lane")
    expected = {200: TOP, 0: BELOW}
    assert done.labels == {
        "road02-Record001-Camera 5/1_Camera_5": expected,
        "road02-Record001-Camera 5/2_Camera_5": expected,
    }


def test_find__lane_marks_read_as_a_scene_are_left_out_by_their_ids(source: Path, imported: Import) -> None:
    put(source / "ColorImage/Record001/Camera 5/1.jpg", jpeg(1))
    put(source / "Label/Record001/Camera 5/1_bin.png", encode_label(ids(200, 0)))
    done = imported()
    assert (done.job.state, done.outcomes["Label/Record001/Camera 5/1_bin.png"]) == ("failed", "unknown_color")
    assert "200 x 60" in done.reasons["Label/Record001/Camera 5/1_bin.png"]
    lanes = imported(dest="b", layout="apolloscape-lane")
    assert lanes.labels == {"Record001-Camera 5/1": {200: TOP, 0: BELOW}}


def test_tables__scene_and_lane_share_no_id_but_nothing() -> None:
    shared = set(shipped("apolloscape").raw_ids) & set(shipped("apolloscape-lane").raw_ids)
    assert shared == {0, 255}
