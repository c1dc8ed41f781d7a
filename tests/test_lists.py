from typing import Annotated, Any

import pytest
from pydantic import TypeAdapter, ValidationError

from roadloop.lists import NUMBERS, read_names, split_numbers, write_names


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("a,b", ["a", "b"]),
        (" a ，b,, a\n", ["a", "b"]),
        ("camvid，suzhou", ["camvid", "suzhou"]),
        ("道路、人行道，车道线", ["道路、人行道", "车道线"]),
        ("", []),
        ('"suzhou,2024",b', ["suzhou,2024", "b"]),
        ('b , "苏州，2024" ', ["b", "苏州，2024"]),
        ('"say ""hi"", you"', ['say "hi", you']),
        ('"open', ['"open']),
        ('"a"b,c', ['"a"b', "c"]),
        ('""', []),
    ],
)
def test_read_names(text: str, names: list[str]) -> None:
    assert read_names(text) == names
    assert read_names(write_names(names)) == names


def test_split_numbers__three_commas_and_what_is_missing_between_two() -> None:
    assert split_numbers(" 0,1，2、 3") == ["0", "1", "2", "3"]
    assert split_numbers("0,,1") == ["0", "", "1"]


@pytest.mark.parametrize(
    ("value", "numbers"),
    [
        ("10000,20000，30000、40000", (10000, 20000, 30000, 40000)),
        ("[352, 480]", (352, 480)),
        ("352，", (352,)),
        ("", ()),
        ([1, 2], (1, 2)),
        (7, (7,)),
    ],
)
def test_numbers__of_a_field(value: Any, numbers: tuple[int, ...]) -> None:
    assert TypeAdapter(Annotated[tuple[int, ...], NUMBERS]).validate_python(value) == numbers


@pytest.mark.parametrize("value", ["1,x", "1;2", True, {"a": 1}])
def test_numbers__anything_else_is_refused(value: Any) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(Annotated[tuple[int, ...], NUMBERS]).validate_python(value)
