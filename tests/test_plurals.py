"""Numbers of things in English: one mechanism, `many`, in Python and on the page."""

import re
from collections.abc import Iterator
from pathlib import Path

import roadloop
from roadloop.errors import many

SOURCE = Path(roadloop.__file__).parent
THINGS = (
    "pictures classes labels files epochs rows tracks tensors steps jobs uploads arrays lines candidates pairs notes folders tables"
    " packages outputs sources statements categories images matches warnings models tasks networks datasets drives frames members people tokens users"
    " changes groups sets runs"
).replace(" ", "|")
#: A number, or what stands for one, and then the word for several; `{a:` and `{a =` are no numbers of things.
COUNTED = re.compile(rf"[{{][^{{}}!:=?\"'`]+[}}] (?!with |x |in |of |has |says )(?:[a-z]+ )?(?:{THINGS})\b(?!=)")
#: Constants, shapes and what is never one; the log's own lines, for those who look for them.
NEVER_ONE = re.compile(
    r"[{][A-Z_]+[}]|log\(|log\.|of the [{]types|The [{]types|at once do not|toFixed|toPrecision|yield f|[{]told[}]"
)


def test_many__says_one_with_its_verb() -> None:
    assert [many(n, "picture") for n in (0, 1, 2, 1234)] == ["0 pictures", "1 picture", "2 pictures", "1,234 pictures"]
    assert [many(n, "class is", "classes are") for n in (1, 2)] == ["1 class is", "2 classes are"]


def counted(path: Path) -> Iterator[str]:
    """Lines that say how many there are without asking how many there are."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        for found in COUNTED.finditer(line):
            if not NEVER_ONE.search(line) and not line.strip().startswith(("*", "/**", "#", '"""')):
                yield f"{path.relative_to(SOURCE)}:{number}: {found[0]}"


def test_texts__every_number_of_things_is_said_by_many() -> None:
    python = [p for p in SOURCE.rglob("*.py") if "templates" not in p.parts]
    page = [p for p in (SOURCE / "web" / "static" / "js").rglob("*.js") if p.name != "i18n.js"]
    assert len(python) > 300
    assert len(page) > 80
    assert [line for path in [*python, *page] for line in counted(path)] == []
