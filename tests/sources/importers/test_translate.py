"""Which class is which: by id and name, names never merge."""

from roadloop.labels.table import ClassTable, LabelClass
from roadloop.sources.importers.found import LegendClass
from roadloop.sources.importers.translate import conflicts, match


def table(*rows: tuple[int, str]) -> ClassTable:
    return ClassTable("t", tuple(LabelClass(i, name, f"{name}-zh", (i, 0, 0), i) for i, name in rows))


def test_match__id_and_name_before_name_alone() -> None:
    known = table((2, "line"), (3, "line"), (5, "road"))
    legend = [LegendClass("line", 3), LegendClass("line", 2), LegendClass("road", 1)]
    assert match(known, legend) == [3, 2, 5]


def test_match__a_name_that_is_there_twice_is_told_apart_by_colour_or_is_nobodys() -> None:
    known = table((2, "line"), (3, "line"))
    assert match(known, [LegendClass("line"), LegendClass("line", color=(3, 0, 0))]) == [-1, 3]


def test_match__case_only_where_nobody_has_the_exact_name() -> None:
    known = table((1, "car"))
    assert match(known, [LegendClass("Car")]) == [1]
    assert match(known, [LegendClass("Car"), LegendClass("car")]) == [-1, 1]


def test_match__our_own_labels_by_their_id() -> None:
    assert match(table((4, "road"), (9, "auto")), [LegendClass("9 car"), LegendClass("7 x")]) == [9, -1]


def test_match__another_form_of_unicode_is_the_same_name() -> None:
    known = table((4, "caf\u00e9"), (5, "bus"))
    assert match(known, [LegendClass("cafe\u0301"), LegendClass("bus ")]) == [4, 5]


def test_match__background_that_nobody_has_is_ignored() -> None:
    assert match(table((4, "road")), [LegendClass("background", 0), LegendClass("road", 1)]) == [255, 4]


def test_match__chinese_names() -> None:
    assert match(table((4, "road")), [LegendClass("road-zh")]) == [4]


def test_conflicts__with_ids_both_must_agree() -> None:
    own = table((0, "road"), (1, "car"), (255, "void"))
    assert conflicts(own, table((0, "road"), (1, "car"), (2, "sky")), has_ids=True) == []
    (wrong,) = conflicts(own, table((0, "road"), (1, "lane")), has_ids=True)
    assert (wrong.en, wrong.zh) == ("1 car is not 1 lane", "1 car-zh ≠ 1 lane-zh")
    assert [w.en for w in conflicts(own, table((0, "road")), has_ids=True)] == ["1 car is not -"]


def test_conflicts__without_ids_every_name_must_be_there() -> None:
    own = table((0, "background"), (1, "road"), (2, "car"))
    assert conflicts(own, table((7, "Road"), (9, "car")), has_ids=False) == []
    assert [w.en for w in conflicts(own, table((7, "road")), has_ids=False)] == ["car is not -"]
