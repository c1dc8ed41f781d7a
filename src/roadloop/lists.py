"""Lists that arrive as one text: names and numbers with commas between them, Chinese commas as well.

Between names stand `,` or `，`. Between numbers `、` is a comma, too; in a name it is a character like others.
"""

import re
from collections.abc import Iterable
from typing import Any, Final

from pydantic import BeforeValidator

#: What stands between two names, and so in no new one.
NAME_COMMAS: Final = ",，"
_NAME: Final = re.compile(r'\s*(?:"(?P<quoted>(?:[^"]|"")*)"|(?P<plain>[^,，]*))\s*(?:[,，]|$)')
_NUMBER_COMMA: Final = re.compile("[,，、]")


def read_names(text: str) -> list[str]:
    """The names of a list, each once, in order.

    White space around a name does not count. A name in double quotes may hold commas, and a doubled quote is one, as in
    csv: things that are older than `check_new_name`, classes and survey tasks may need it.
    """
    found = (m["quoted"].replace('""', '"') if m["plain"] is None else m["plain"].strip() for m in _NAME.finditer(text))
    return list(dict.fromkeys(name for name in found if name))


def read_lines(text: str) -> list[str]:
    """The names of a list in which each may also stand on a line of its own."""
    return read_names(text.replace("\n", ","))


def write_names(names: Iterable[str]) -> str:
    """The list that `read_names` reads back."""
    return ",".join(
        '"' + name.replace('"', '""') + '"' if name[:1] == '"' or any(c in name for c in NAME_COMMAS) else name
        for name in names
    )


def split_numbers(text: str) -> list[str]:
    """The parts of a list of numbers, without white space around them; none is left out, so some may be empty."""
    return [part.strip() for part in _NUMBER_COMMA.split(text)]


def read_numbers(value: Any) -> Any:
    """Let a field's numbers arrive as a list, as text with or without brackets, or as one number."""
    if isinstance(value, str):
        return [part for part in split_numbers(value.strip("[] ")) if part]
    return [value] if isinstance(value, int | float) and not isinstance(value, bool) else value


#: Marks a field of several numbers: `Annotated[tuple[int, ...], NUMBERS]`.
NUMBERS: Final = BeforeValidator(read_numbers)
