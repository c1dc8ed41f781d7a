from roadloop.errors import Text
from roadloop.packages.report import Report

REJECTED = {
    "package": 3,
    "picture": "=a.jpg",
    "label": "a.png",
    "unknown_pixels": 7,
    "reason": {"zh": "坏", "en": "bad"},
}


def test_report__of_a_run_without_any_trouble() -> None:
    report = Report("v1", "union", "set", published=4, unknown_pixels=2)
    counts = {
        "published_pictures": 4, "rejected_pictures": 0, "missing_pictures": 0, "superseded_pictures": 0, "unknown_pixels": 2,
    }  # fmt: skip
    lists = ("agreement", "gold", "rejected", "missing", "superseded", "gold_without_truth", "skipped_packages")
    head = {"format": "roadloop-labels/1", "version": "v1", "types": "union", "name": "set"}
    assert report.to_json() == {**head, **counts, **{name: [] for name in lists}}
    assert report.summary() == {**counts, "agreement": [], "gold": []}
    assert list(report.warnings()) == []
    assert report.rejected_csv() == "package,picture,label,unknown_pixels,zh,en\n"


def test_report__what_is_counted_listed_and_said() -> None:
    scores = {"first": 1, "miou": 0.5, "classes": [{"raw_id": 1}]}
    report = Report(
        "v1", "union", "set", rejected=[REJECTED, REJECTED | {"label": "b.png"}], superseded=[REJECTED], agreement=[scores], gold=[scores | {"first": 2}],
        missing=[{"package": 1, "picture": f"{n}.jpg"} for n in range(4)], gold_skipped=[{}], skipped=[(n, Text("旧", "old")) for n in range(21)],
    )  # fmt: skip
    found, short = report.to_json(), report.summary()
    assert [found[f"{name}_pictures"] for name in ("rejected", "missing", "superseded")] == [2, 4, 1]
    assert (found["agreement"], found["gold_without_truth"], found["rejected"][0]) == ([scores], [{}], REJECTED)
    assert found["skipped_packages"][20] == {"package": 20, "reason": {"zh": "旧", "en": "old"}}
    assert (short["agreement"], short["gold"]) == ([{"first": 1, "miou": 0.5}], [{"first": 2, "miou": 0.5}])
    said = [text.en for text in report.warnings()]
    assert (
        said[0]
        == "2 labels were rejected and kept; Rejected on the page, or /task_divide with rejected=1, sends them out again. Such as 3/a.png: bad"
    )
    assert said[1] == "4 pictures have no label returned: 1/0.jpg, 1/1.jpg, 1/2.jpg ..."
    assert said[2:22] == [f"Package {n} is passed over: old." for n in range(20)]
    assert said[22:] == ["The true labels of 1 gold picture cannot be found now; they are not scored."]
    assert report.rejected_csv().splitlines()[1:] == [f"3,'=a.jpg,{name}.png,7,坏,bad" for name in "ab"]
    chinese = [text.zh for text in report.warnings()]
    assert chinese[0].endswith("例如 3/a.png：坏")
    assert chinese[1:3] == ["4 张图片的标注没有返回：1/0.jpg, 1/1.jpg, 1/2.jpg …", "跳过任务包 0：旧。"]
    assert chinese[22] == "1 张检验图片已找不到标准标注，未评分。"


def test_nothing_published__why() -> None:
    reports = (
        Report("v", "union", "s", rejected=[REJECTED], earlier=2),
        Report("v", "union", "s", earlier=2),
        Report("v", "union", "s"),
    )
    assert [report.nothing_published().text.en for report in reports] == [
        "No source set was made: all 1 label was rejected, such as a.png: bad.",
        (
            "No source set was made: all 2 labels were published before; without “Only what was not published before” (new)"
            " all of them are published again."
        ),
        "No source set was made: no label came back that could be published.",
    ]
    assert [report.nothing_published().text.zh for report in reports] == [
        "未生成源数据：1 张标注全部被退回，例如 a.png：坏。",
        "未生成源数据：返回的 2 张标注此前都已发布；不选“只要以前没有发布过的”（不带 new）可重新发布全部。",
        "未生成源数据：没有返回可发布的标注。",
    ]
    assert reports[0].nothing_published().details["rejected_pictures"] == 1
