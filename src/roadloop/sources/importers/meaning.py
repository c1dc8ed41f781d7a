"""Which class table an import has, and what its labels mean in it: what is declared wins over what it looks like.

Masks mean what the table beside them says; without one, what `roadelement` says; without either, what the layout usually
means. A document's own classes are matched to `roadelement`, or to a table beside it. Contradictions are refused.
"""

from typing import Final, NamedTuple

from roadloop.errors import ConflictError, LabelMapError, Text, many
from roadloop.labels.table import ClassTable, different_meanings, shipped
from roadloop.sources.importers.found import Found
from roadloop.sources.importers.legend import Legend
from roadloop.sources.importers.translate import Translation, conflicts, legend_of, match, numbered
from roadloop.sources.recipe import Values

_MOST: Final = 8


class Meaning(NamedTuple):
    """What an import's labels mean.

    Attributes:
        table: The class table of the source set.
        translation: From labels to its raw ids.
        warnings: What the user should know.
    """

    table: ClassTable
    translation: Translation
    warnings: tuple[Text, ...]


def settle(found: Found, legend: Legend | None, named: ClassTable | None, values: Values, layout: str) -> Meaning:
    """Decide what the labels of an import mean.

    Args:
        found: What the layout's reader found.
        legend: The class table beside the data.
        named: The table that `roadelement` names, or that of the source set that grows.
        values: What pixel values mean where `named` and the layout's usual classes differ.
        layout: Name of the layout, for texts.

    Raises:
        ConflictError: The data's own table, or the layout's usual one, says otherwise than `named`.
        LabelMapError: Not one of the data's classes is in the table, or nothing says what the masks mean.
    """
    if legend is not None and named is not None:
        check_tables(legend, named)
    if found.legend:
        return _documents(found, legend, named)
    if legend is not None:
        return _beside(found, legend, named)
    if named is None and found.undeclared is not None:
        raise LabelMapError(found.undeclared)
    usual = found.usual or named or shipped()
    if named is None or not _differ(usual, named):
        own = _own(named or usual, found)
        return own if named or found.usual else own._replace(warnings=(_assumed(usual),))
    if values == "":
        raise _undecided(usual, named, layout)
    return _own(named, found) if values == "table" else _matched(usual, named, found)


def check_tables(legend: Legend, named: ClassTable) -> None:
    """Refuse a `roadelement` that contradicts the table beside the data.

    Raises:
        ConflictError: With both tables and the classes that differ.
    """
    wrong = conflicts(legend.table, named, has_ids=legend.declared.has_ids)
    if wrong:
        some_zh, some_en = ("；".join(t.zh for t in wrong[:_MOST]), "; ".join(t.en for t in wrong[:_MOST]))
        raise ConflictError(
            Text(
                f"数据自带的类别表 {legend.file} 与 roadelement {named.name} 不一致（数据 ≠ {named.name}）：{some_zh}。"
                "请不填 roadelement 以采用数据自带的，或改正、移走该文件",
                f"The table {legend.file} beside the data and roadelement {named.name} differ (data is not {named.name}):"
                f" {some_en}. Leave roadelement out to take the data's own, or mend or remove that file",
            ),
            parameter="roadelement",
            file=legend.file,
            differences=[t.en for t in wrong],
        )


def _documents(found: Found, legend: Legend | None, named: ClassTable | None) -> Meaning:
    table = named or (legend.table if legend else None)
    if table is None:
        own = found.table or shipped()
        return Meaning(own, Translation(own, found.legend, found.raw_ids, found.unlabelled), ())
    translation = Translation(table, found.legend, match(table, found.legend), found.unlabelled)
    return Meaning(table, translation, _unmatched(table, translation))


def _beside(found: Found, legend: Legend, named: ClassTable | None) -> Meaning:
    own, has_ids, has_colors = legend.declared
    classes = legend_of(own, colors=has_colors)
    if named is None:
        targets = list(own.raw_ids)
    else:
        targets = match(named, classes)
        if not has_ids:  # the ids are those of the table that has some
            classes = tuple(c._replace(value=t if t >= 0 else None) for c, t in zip(classes, targets, strict=True))
            more = [c for c in legend_of(named, colors=False) if c.value not in targets]
            classes, targets, has_ids = (*classes, *more), [*targets, *(c.value or 0 for c in more)], True
    table = named or own
    translation = Translation(
        table, classes, targets, found.unlabelled, declares_values=has_ids, declares_colors=has_colors
    )
    counted = () if has_ids or named is not None else (_counted(legend.file, own),)
    return Meaning(table, translation, (*counted, *_unmatched(table, translation)))


def _counted(file: str, table: ClassTable) -> Text:
    first = ", ".join(f"{c.raw_id} {c.name_en}" for c in table.classes[:3])
    return Text(
        f"类别表 {file} 没有编号，按行的顺序从 0 编号：{first} ...",
        f"The class table {file} has no ids: they were counted from 0 in the order of its lines: {first} ...",
    )


def _assumed(table: ClassTable) -> Text:
    first_zh = "，".join(f"{c.raw_id} {c.name_zh}" for c in table.classes[:3])
    first_en = ", ".join(f"{c.raw_id} {c.name_en}" for c in table.classes[:3])
    return Text(
        f"没有类别表：按 {table.name} 读取（{first_zh} ...）；若不是这些类别，请选择类别表（roadelement），或在目录中放入 classes.csv，再查看或导入一次",
        f"There is no class table: read as {table.name} ({first_en} ...). If these are not the classes, choose the"
        " class table (roadelement) or put a classes.csv into the folder, and look or import again",
    )


def _own(table: ClassTable, found: Found) -> Meaning:
    return Meaning(table, Translation(table, legend_of(table), table.raw_ids, found.unlabelled), ())


def _matched(usual: ClassTable, named: ClassTable, found: Found) -> Meaning:
    classes = legend_of(usual)
    translation = Translation(named, classes, match(named, classes), found.unlabelled)
    return Meaning(named, translation, _unmatched(named, translation))


def _loosely(table: ClassTable, translation: Translation) -> tuple[Text, ...]:
    """The classes that have another number, or another spelling, than the one of the table that they became."""
    loose = []
    for entry, target in zip(translation.legend, translation.targets, strict=True):
        known = table.find(target) if target >= 0 else None
        if known is None:
            continue
        own = numbered(entry.name)
        names = {entry.name.strip(), own[1] if own and own[0] == target else ""}
        if entry.value not in (None, target) or not names & {known.name_en.strip(), known.name_zh.strip()}:
            number = "" if entry.value is None else f"{entry.value} "
            loose.append(f"{number}{entry.name} -> {known.raw_id} {known.name_en}")
    if not loose:
        return ()
    some = ", ".join(loose[:_MOST]) + (" ..." if len(loose) > _MOST else "")
    return (
        Text(
            f"{len(loose)} 个类别与类别表 {table.name} 中的编号或名称不同，按名称或名称前的编号对应：{some}",
            f"{many(len(loose), 'class has', 'classes have')} another number or name in the class table {table.name} and were matched by name, or by"
            f" the number before it: {some}",
        ),
    )


def _unmatched(table: ClassTable, translation: Translation) -> tuple[Text, ...]:
    names = translation.unmatched
    if not names:
        return _loosely(table, translation)
    some = ", ".join(names[:20])
    if len(names) == len(translation.legend):
        raise LabelMapError(
            Text(
                f"类别表 {table.name} 与数据自带的类别没有一个相同：{some}；请换一个 roadelement，或不填以采用数据自带的类别",
                f"The class table {table.name} has none of the data's own classes: {some}; choose another roadelement, or"
                " leave it out to take the data's own",
            ),
            table=table.name,
        )
    return (
        *_loosely(table, translation),
        Text(
            f"数据中的这些类别不在类别表 {table.name} 中，它们的像素按未知处理：{some}",
            f"These classes of the data are not in the class table {table.name}; their pixels are unknown: {some}",
        ),
    )


def _differ(usual: ClassTable, named: ClassTable) -> bool:
    return bool(different_meanings(usual, named)) or not set(usual.raw_ids) & set(named.raw_ids)


def _undecided(usual: ClassTable, named: ClassTable, layout: str) -> ConflictError:
    wrong = different_meanings(usual, named)[:_MOST]
    pairs = [(usual.find(i), named.find(i)) for i in wrong]
    zh = "；".join(f"{a.raw_id} 是 {a.name_zh} 还是 {b.name_zh}" for a, b in pairs if a and b)
    en = "; ".join(f"{a.raw_id} is {a.name_en} or {b.name_en}" for a, b in pairs if a and b)
    return ConflictError(
        Text(
            f"目录是 {layout} 布局，通常使用 {usual.name} 的类别，与 roadelement {named.name} 不同（{zh}），无法确定像素值的含义。"
            f"若像素值就是 {named.name} 的编号，请加 values=table；若是 {usual.name} 的类别（按名称对应），请加 values=layout",
            f"The folder has the layout {layout}, which usually has the classes of {usual.name}; roadelement {named.name}"
            f" gives them other meanings ({en}). Say values=table if the pixels are ids of {named.name}, or values=layout if"
            f" they are {usual.name}'s classes, to be matched by name",
        ),
        parameter="values",
    )
