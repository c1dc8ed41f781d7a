from collections import Counter
from pathlib import Path

import pytest

from import_folders import HEIGHT, WIDTH, jpeg
from surveyed import bring

META = """<version>1.1</version><meta><task><name>t</name><labels>
<label><name>road</name><color>#804080</color><type>any</type><attributes><attribute><name>wet</name></attribute></attributes></label>
<label><name>车</name><color>#00008e</color></label>
<label><name>knee</name><color>#111111</color><type>points</type><parent>person</parent></label>
</labels></task><dumped>2026-01-01</dumped></meta>"""
ALL = f'<polygon label="road" source="manual" occluded="0" points="0,0;{WIDTH},0;{WIDTH},{HEIGHT};0,{HEIGHT}" z_order="0"/>'


def image(shapes: str, name: str = "a_1.jpg", facts: str = "") -> str:
    return f'<image id="0" name="{name}" {facts} width="{WIDTH}" height="{HEIGHT}">{shapes}</image>'


def xml(*images: str) -> str:
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{META}{"".join(images)}</annotations>'


def test_find__masks_boxes_and_ellipses_over_a_polygon(tmp_path: Path) -> None:
    # Rows of 4 in a box of 4x3 at (2, 1): 1 off, 2 on, 9 off.
    mask = '<mask label="车" rle="1, 2, 9" left="2" top="1" width="4" height="3" z_order="0"/>'
    box = '<box label="车" xtl="10.0" ytl="2.0" xbr="14.0" ybr="5.0" z_order="0"/>'
    ellipse = '<ellipse label="车" cx="5" cy="8" rx="0.6" ry="0.6" z_order="0"/>'  # no centre is that near
    got = bring(tmp_path, {"annotations.xml": xml(image(ALL + mask + box + ellipse)), "images/a_1.jpg": jpeg()})
    assert got.layout == "cvat-xml"
    assert [(c.raw_id, c.name_en, c.color) for c in got.table.classes] == [
        (0, "road", (128, 64, 128)),
        (1, "车", (0, 0, 142)),
    ]
    label = got.labels["images/a_1.jpg"]
    assert label[1, 2:7].tolist() == [0, 1, 1, 0, 0]
    assert label[2:5, 10:14].tolist() == [[1] * 4] * 3
    assert got.names("images/a_1.jpg") == {"road": WIDTH * HEIGHT - 2 - 12, "车": 2 + 12}
    assert got.outcomes == {"annotations.xml": "used", "images/a_1.jpg": "added"}
    assert set(got.statements.values()) == {("used", got.reasons["images/a_1.jpg"])}


def test_find__z_order_decides_what_covers_what(tmp_path: Path) -> None:
    high = '<box label="车" xtl="0" ytl="0" xbr="4" ybr="4" z_order="2"/>'
    low = ALL.replace('z_order="0"', 'z_order="-1"')
    equal = '<box label="road" xtl="0" ytl="0" xbr="2" ybr="4" z_order="2"/>'
    got = bring(tmp_path, {"annotations.xml": xml(image(high + low + equal)), "a_1.jpg": jpeg()})
    assert got.labels["a_1.jpg"][0, :5].tolist() == [0, 0, 1, 1, 0]


def test_find__what_has_no_area_is_named(tmp_path: Path) -> None:
    kinds = ("polyline", "points", "cuboid", "tag", "skeleton")
    shapes = "".join(
        f'<{kind} label="road" points="0,0;5,5"><points label="knee" points="1,1"/></{kind}>' for kind in kinds
    )
    got = bring(tmp_path, {"annotations.xml": xml(image(ALL + shapes)), "a_1.jpg": jpeg()})
    assert got.names("a_1.jpg") == {"road": WIDTH * HEIGHT}
    said = {place: outcome for (_, place), (outcome, _) in got.statements.items()}
    assert said == {"image 0, polygon 1": "used"} | {
        f"image 0, {kind} {n}": "unsupported" for n, kind in enumerate(kinds, 2)
    }
    assert got.left_out == "statements about pictures: 5 not supported"


def test_find__one_broken_shape_costs_its_picture_alone(tmp_path: Path) -> None:
    bad = '<mask label="车" rle="1, 2" left="2" top="1" width="4" height="3"/>'
    images = (image(ALL + bad), image(ALL, "b_1.jpg"), image("", "c_1.jpg"), image(ALL, "gone.jpg"))
    document = xml(*(text.replace('id="0"', f'id="{n}"') for n, text in enumerate(images)))
    got = bring(tmp_path, {"x/annotations.xml": document, **{f"x/images/{n}_1.jpg": jpeg() for n in "abc"}})
    assert set(got.labels) == {"x/images/b_1.jpg"}
    assert got.reasons["x/images/a_1.jpg"] == "image 0, mask 2: The run lengths do not make 4x3"
    assert got.outcomes["x/images/c_1.jpg"] == "missing_partner"
    assert {
        place: outcome for (_, place), (outcome, _) in got.statements.items() if place.startswith("image 0, mask")
    } == {"image 0, mask 2": "broken"}
    assert Counter(outcome for outcome, _ in got.statements.values()) == {
        "partner_left_out": 1, "broken": 1, "used": 1, "not_used": 1, "picture_absent": 1,
    }  # fmt: skip
    assert got.left_out.startswith("files: 1 without a partner, 1 broken; statements about pictures: ")


def test_find__subsets_are_folders_and_splits(tmp_path: Path) -> None:
    half = '<box label="车" xtl="0" ytl="0" xbr="10" ybr="12"/>'
    document = xml(image(ALL, "cam0/a.jpg", 'subset="train"'), image(half, "cam0/a.jpg", 'subset="Validation"'))
    files: dict[str, bytes | str] = {
        "annotations.xml": document,
        "images/train/cam0/a.jpg": jpeg(1),
        "images/Validation/cam0/a.jpg": jpeg(2),
    }
    got = bring(tmp_path, files)
    assert got.names("images/train/cam0/a.jpg") == {"road": 240}
    assert got.names("images/Validation/cam0/a.jpg") == {"车": 120, "-": 120}
    assert got.splits == {"images/train/cam0/a.jpg": "train", "images/Validation/cam0/a.jpg": "val"}


def test_find__a_document_type_is_refused(tmp_path: Path) -> None:
    bomb = '<!DOCTYPE annotations [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]>'
    document = xml(image(ALL)).replace("<annotations>", f"{bomb}<annotations>")
    got = bring(tmp_path, {"annotations.xml": document, "a_1.jpg": jpeg()}, layout="cvat-xml")
    assert got.labels == {}
    assert got.outcomes["annotations.xml"] == "unsupported"
    assert "DOCTYPE" in got.reasons["annotations.xml"]


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        (xml('<track id="0" label="road"><box frame="0"/></track>'), "An export of the kind 'CVAT for video'"),
        (xml(image(ALL))[:-20], "Not valid XML"),
    ],
    ids=["video", "cut"],
)
def test_find__what_cannot_be_read_is_named(tmp_path: Path, document: str, reason: str) -> None:
    files: dict[str, bytes | str] = {"annotations.xml": document, "a_1.jpg": jpeg()}
    named = bring(tmp_path, files, layout="cvat-xml")
    assert named.reasons["annotations.xml"].startswith(reason)
    by_itself = bring(tmp_path)
    assert by_itself.outcomes["annotations.xml"] in {"unsupported", "broken"}


def test_find__other_xml_files_are_none_of_its_business(tmp_path: Path) -> None:
    box = "<annotation><object><name>car</name></object></annotation>"
    got = bring(tmp_path, {"a_1.xml": box, "more.xml": box, "cut.xml": "<a>", "empty.xml": "", "a_1.jpg": jpeg()})
    assert got.layout == "pairs"
    assert {got.outcomes[f"{name}.xml"] for name in ("a_1", "more", "cut", "empty")} == {"not_used"}
