"""Whether two class tables mean the same: a model's and that of the labels it is held against. Pure.

A class of the labels is the model's class of the same id where the two have a name in common, in either language, or
where one of them has no name and their colours are equal. Equal names under two ids are two classes. An id that both
tables have for different classes is a conflict, until a mapping says what becomes of it.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import LabelMapError, Text
from roadloop.labels.table import IGNORE, ClassTable, LabelClass, plain_name

How = Literal["same", "mapped", "ignored", "only_data", "only_model", "conflict"]

SHOWN: Final = 20  #: conflicts and lone classes that a text names


class Match(NamedTuple):
    """One line of a matching.

    Attributes:
        how: `same` by id and name; `mapped` or `ignored` by the mapping; `only_data`, `only_model`: no partner;
            `conflict`: one id, two meanings.
        data: The class of the labels; None for `only_model`.
        model: The model's class; None for `ignored` and `only_data`.
    """

    how: How
    data: LabelClass | None
    model: LabelClass | None


@dataclass(frozen=True)
class Matching:
    """What becomes of the ids of one table in another.

    Attributes:
        matches: The classes of the labels by id, then those that only the model has.
    """

    matches: tuple[Match, ...]

    def of(self, how: How) -> list[Match]:
        """The lines of one kind."""
        return [match for match in self.matches if match.how == how]

    def lut(self) -> NDArray[np.uint8]:
        """uint8 [256]: raw id of the labels -> raw id of the model, 255 where it has no such class."""
        table = np.full(256, IGNORE, dtype=np.uint8)
        for match in self.matches:
            if match.data is not None and match.model is not None and match.how in {"same", "mapped"}:
                table[match.data.raw_id] = match.model.raw_id
        return table

    def require(self, what: Text, cure: Text) -> None:
        """Refuse tables that mean different things, or have nothing in common.

        Args:
            what: The two tables, for the message.
            cure: What to do.

        Raises:
            LabelMapError: `details["conflicts"]` lists id, the model's meaning and the data's.
        """
        conflicts = self.of("conflict")
        if conflicts:
            shown = [_both(match) for match in conflicts[:SHOWN]]
            raise LabelMapError(
                Text(
                    f"{what.zh}对 {len(conflicts)} 个编号含义不同：{'；'.join(t.zh for t in shown)}。{cure.zh}",
                    f"{what.en} give {len(conflicts)} ids different meanings: {'; '.join(t.en for t in shown)}. {cure.en}",
                ),
                conflicts=[
                    {"id": match.data.raw_id, "model": _names(match.model), "data": _names(match.data)}
                    for match in conflicts
                    if match.data is not None and match.model is not None
                ],
            )
        if not (self.of("same") or self.of("mapped")):
            raise LabelMapError(
                Text(
                    f"{what.zh}没有一个相同的类别（编号与名称都相同）。{cure.zh}",
                    f"{what.en} have no class in common (same id and name). {cure.en}",
                ),
                conflicts=[],
            )

    def to_json(self) -> list[dict[str, Any]]:
        """Plain values, one object a line; colours and names of both sides, None where there is no class."""
        return [
            {"how": match.how, **_values("data", match.data), **_values("model", match.model)} for match in self.matches
        ]


def match_tables(model: ClassTable, data: ClassTable, mapping: Mapping[int, int] | None = None) -> Matching:
    """Match the classes of labels with those of a model.

    Args:
        model: The model's table.
        data: The table of the labels.
        mapping: Raw id of the labels -> raw id of the model, or 255 = ignore; wins over ids and names. See
            `parse_mapping`.
    """
    chosen = dict(mapping or {})
    theirs = {c.raw_id: c for c in model.classes}
    lines = [_match(c, theirs, chosen.get(c.raw_id)) for c in data.classes]
    found = {match.model.raw_id for match in lines if match.model is not None}
    lines += [Match("only_model", None, c) for c in model.classes if c.raw_id not in found]
    return Matching(tuple(lines))


def _match(own: LabelClass, theirs: Mapping[int, LabelClass], chosen: int | None) -> Match:
    if chosen is not None:
        return Match("ignored", own, None) if chosen == IGNORE else Match("mapped", own, theirs[chosen])
    other = theirs.get(own.raw_id)
    if other is None:
        return Match("only_data", own, None)
    return Match("same" if own.raw_id == IGNORE or same_class(own, other) else "conflict", own, other)


def same_class(a: LabelClass, b: LabelClass) -> bool:
    """Whether two classes of one id are the same: a name in common, or colours where one has no name."""
    a_names, b_names = _plain_names(a), _plain_names(b)
    if not (any(a_names) and any(b_names)):
        return a.color == b.color
    return any(x and x == y for x, y in zip(a_names, b_names, strict=True))


def parse_mapping(value: Mapping[str, Any], model: ClassTable, data: ClassTable) -> dict[int, int]:
    """The mapping that a request was sent: `{"<raw id of the labels>": "<raw id of the model, or 255>"}`.

    Raises:
        LabelMapError: An id that one of the tables does not have; names it.
    """
    found: dict[int, int] = {}
    for key, target in value.items():
        own, other = _number(key), _number(target)
        if own is None or own not in data.raw_ids or own in found:
            raise _odd(key, f"标注的类别表 {data.name}", f"the labels' class table {data.name}", data)
        if other is None or (other != IGNORE and other not in model.raw_ids):
            raise _odd(
                target, f"模型 {model.name} 的类别表（或 255）", f"the class table of {model.name} (or 255)", model
            )
        found[own] = other
    return found


def changes(before: ClassTable, now: ClassTable) -> Text | None:
    """How a class table differs from an earlier one in ids, names and colours; None where it does not."""
    old, new = {c.raw_id: c for c in before.classes}, {c.raw_id: c for c in now.classes}
    said = [(f"{i} {_zh(old[i])} → 无", f"{i} {_en(old[i])} → none") for i in sorted(old.keys() - new.keys())]
    said += [(f"{i} 新增 {_zh(new[i])}", f"{i} new: {_en(new[i])}") for i in sorted(new.keys() - old.keys())]
    for i in sorted(old.keys() & new.keys()):
        a, b = old[i], new[i]
        if (a.name_en, a.name_zh, a.color) != (b.name_en, b.name_zh, b.color):
            colors = "" if a.color == b.color else f" {list(a.color)} → {list(b.color)}"
            both = [f"{c.name_en} {c.name_zh}".strip() for c in (a, b)]  # one of the two may be what changed
            said.append((f"{i} {both[0]} → {both[1]}{colors}", f"{i} {both[0]} → {both[1]}{colors}"))
    if not said:
        return None
    return Text("；".join(zh for zh, _ in said[:SHOWN]), "; ".join(en for _, en in said[:SHOWN]))


def _plain_names(c: LabelClass) -> tuple[str, str]:
    return plain_name(c.name_en), plain_name(c.name_zh)


def _names(c: LabelClass) -> dict[str, Any]:
    return {"name_en": c.name_en, "name_zh": c.name_zh, "color": list(c.color)}


def _values(side: str, c: LabelClass | None) -> dict[str, Any]:
    values = (c.raw_id, c.name_en, c.name_zh, list(c.color)) if c else (None,) * 4
    return {f"{side}_{name}": value for name, value in zip(("id", "en", "zh", "color"), values, strict=True)}


def _both(match: Match) -> Text:
    assert match.data is not None
    assert match.model is not None
    return Text(
        f"{match.data.raw_id} 模型为 {_zh(match.model)}，数据为 {_zh(match.data)}",
        f"{match.data.raw_id} is {_en(match.model)} to the model, {_en(match.data)} in the data",
    )


def _zh(c: LabelClass) -> str:
    return c.name_zh or c.name_en or str(list(c.color))


def _en(c: LabelClass) -> str:
    return c.name_en or c.name_zh or str(list(c.color))


def _number(value: Any) -> int | None:
    text = str(value).strip() if isinstance(value, str | int) and not isinstance(value, bool) else ""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= 3 else None


def _odd(value: Any, zh: str, en: str, table: ClassTable) -> LabelMapError:
    known = ", ".join(map(str, table.raw_ids))
    return LabelMapError(
        Text(
            f"mapping 中的编号 {str(value)[:40]!r} 不在{zh}中，或出现了两次；编号有：{known}。",
            f"mapping: the id {str(value)[:40]!r} is not in {en}, or is given twice; the ids are: {known}.",
        ),
        parameter="mapping",
        id=str(value)[:40],
    )
