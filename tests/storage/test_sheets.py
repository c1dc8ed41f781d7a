import csv
import io

import pytest

from roadloop.storage.sheets import Sheet, plain


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("=1+1", "'=1+1"), ("+cmd|' /C calc'!A0", "'+cmd|' /C calc'!A0"), ("-2+3", "'-2+3"), ("@SUM(A1)", "'@SUM(A1)"),
        ("\tx", "'\tx"), ("\n=1", "'\n=1"), ("'=1", "''=1"), ("'x", "'x"), ("苏州=1", "苏州=1"), ("-0.5", "-0.5"), ("", ""),
        (-0.5, "-0.5"), (7, "7"), (None, ""),
    ],
)  # fmt: skip
def test_sheet__no_cell_is_a_formula_and_all_are_read_back(value: object, written: str) -> None:
    out = io.StringIO(newline="")
    Sheet(out).add_all([["a", value]])
    (row,) = csv.reader(io.StringIO(out.getvalue(), newline=""))
    assert row == ["a", written]
    assert plain(written) == ("" if value is None else str(value))


def test_sheet__a_carriage_return_ends_no_row() -> None:
    out = io.StringIO(newline="")
    Sheet(out).add(["\r=1", "a\r\nb\rc"])
    assert list(csv.reader(io.StringIO(out.getvalue(), newline=""))) == [["'\n=1", "a\nb\nc"]]
