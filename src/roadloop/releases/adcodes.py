"""Six-digit administrative codes of the People's Republic of China: what they are called.

`adcodes.csv` holds the provinces, cities and counties of the National Bureau of Statistics' list of 2023 (as of 2023-06-30,
published 2023-09-11), and of Hong Kong, Macao and Taiwan the province-level code. Pure.
"""

import csv
import io
from functools import cache
from importlib.resources import files
from typing import Final

AS_OF: Final = "2023-06-30"
PROVINCE: Final = 2  #: digits that name one
CITY: Final = 4
#: Rows that stand for no city, only for what lies directly below the province.
_NOBODY: Final = frozenset({"市辖区", "县", "省直辖县级行政区划", "自治区直辖县级行政区划"})


@cache
def table() -> dict[str, str]:
    """Every code with its own name, ascending."""
    text = (files("roadloop.releases") / "adcodes.csv").read_text(encoding="utf-8")
    return {row["adcode"]: row["name"] for row in csv.DictReader(io.StringIO(text, newline=""))}


def full_name(adcode: str) -> str:
    """Province, city and county in one, such as 江苏省苏州市吴中区; "" for a code that the list does not have."""
    names = table()
    if adcode not in names:
        return ""
    above = (_filled(adcode, PROVINCE), _filled(adcode, CITY))
    parts = [
        names[code] for code in dict.fromkeys(above) if code != adcode and names.get(code, "市辖区") not in _NOBODY
    ]
    return "".join([*parts, names[adcode]])


def city_is_known(adcode: str) -> bool:
    """Whether the list has the city that a code lies in, or the province where it has no cities (71, 81, 82)."""
    names, province = table(), _filled(adcode, PROVINCE)
    divided = any(code.startswith(province[:PROVINCE]) and code != province for code in names)
    return province in names and (_filled(adcode, CITY) in names or not divided)


def find(text: str, limit: int) -> list[str]:
    """Codes that begin with a text of digits, or whose full name holds another one; exact names first."""
    text = text.strip()
    if text.isdecimal():
        return [code for code in table() if code.startswith(text)][:limit]
    found = [code for code in table() if text in full_name(code)]
    return sorted(found, key=lambda code: (table()[code] not in {text, f"{text}市", f"{text}省"}, code))[:limit]


def _filled(adcode: str, digits: int) -> str:
    return adcode[:digits].ljust(6, "0")
