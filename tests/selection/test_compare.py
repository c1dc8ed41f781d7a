"""Whether mining paid, by hand."""

import pytest

from roadloop.errors import ConflictError, LabelMapError
from roadloop.selection.compare import VALIDATION, ArmResult, compare, judge
from roadloop.selection.model import Aim

AIMS = [Aim(1, "pole", "灯杆", 0.9, 0.1)]
CLASSES = {0: ("road", "道路"), 1: ("pole", "灯杆")}


def runs(*pairs: tuple[float, float], place: str = "test (full)") -> list[ArmResult]:
    ious = [(miou, {0: 0.9, 1: pole}) for miou, pole in pairs]
    return [ArmResult(f"t{i}", "kd.params", place, miou, found, CLASSES) for i, (miou, found) in enumerate(ious)]


@pytest.mark.parametrize(
    ("mined", "control", "verdict"),
    [
        ([0.5, 0.6], [0.3, 0.4], "paid"),
        ([0.5, 0.6], [0.3, 0.55], "unclear"),
        ([0.3, 0.4], [0.5, 0.2], "not_paid"),
        ([0.3, 0.2], [0.5, 0.4], "not_paid"),
        ([0.9], [0.1, 0.2], "unclear"),
    ],
)
def test_judge__means_and_ranges(mined: list[float], control: list[float], verdict: str) -> None:
    assert judge(mined, control) == verdict


def test_compare__three_seeds_by_aimed_classes_and_miou() -> None:
    found = compare(runs((0.6, 0.4), (0.61, 0.5), (0.62, 0.6)), runs((0.6, 0.1), (0.6, 0.2), (0.6, 0.3)), AIMS)
    assert found["verdict"] == "paid"
    assert found["caution"] is None
    assert [m["measure"] for m in found["measures"]] == ["aimed", "miou", "iou:1"]
    assert found["measures"][0]["mined"] == {"mean": 0.5, "lowest": 0.4, "highest": 0.6, "runs": 3}
    assert found["measures"][0]["difference"] == 0.3
    assert found["measures"][1]["verdict"] == "unclear"
    assert found["sentence"][0].startswith("自动挑图有效：目标类别平均 IoU 0.5000（0.4000–0.6000，3 次）")
    assert "+30.00 points" in found["sentence"][1]


def test_compare__says_plainly_when_it_did_not_pay() -> None:
    found = compare(runs((0.5, 0.1), (0.5, 0.2)), runs((0.5, 0.3), (0.5, 0.4)), AIMS)
    assert found["verdict"] == "not_paid"
    assert "没有带来好处" in found["sentence"][0]
    assert "Mining did not pay" in found["sentence"][1]
    one = compare(runs((0.9, 0.9)), runs((0.1, 0.1)), AIMS)
    assert "At least two runs" in one["sentence"][1]


def test_compare__refuses_unequal_ground() -> None:
    with pytest.raises(ConflictError, match="same pictures"):
        compare(runs((0.5, 0.1)), runs((0.5, 0.1), place="other (full)"), AIMS)
    unscored = [ArmResult("t9", "kd.params", VALIDATION, None, {}, CLASSES)]
    with pytest.raises(ConflictError, match="t9"):
        compare(runs((0.5, 0.1)), unscored, AIMS)


def test_compare__refuses_models_of_other_classes() -> None:
    (other,) = (r._replace(classes={0: ("road", "道路"), 1: ("sky", "天空")}) for r in runs((0.5, 0.1)))
    with pytest.raises(LabelMapError, match="1 is pole in t0, sky in t0"):
        compare(runs((0.5, 0.1)), [other], AIMS)
    with pytest.raises(LabelMapError, match="1 is sky in t0, pole in classes"):
        compare([other], [other], AIMS)


def test_compare__validation_scores_come_with_a_caution() -> None:
    found = compare(runs((0.5, 0.1), place=VALIDATION), runs((0.5, 0.1), place=VALIDATION), [])
    assert "/starteva" in found["caution"][1]
    assert [m["measure"] for m in found["measures"]] == ["miou"]
