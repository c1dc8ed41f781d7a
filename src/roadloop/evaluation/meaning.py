"""What the labels of an evaluation mean to its models: checked before anything runs. No torch here."""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

from pydantic import Field

from roadloop.datasets.info import read_info
from roadloop.errors import InvalidValueError, RoadloopError, Text
from roadloop.evaluation.pictures import DATASET, PictureSource, parse_dataset
from roadloop.labels.carried import CarriedTable
from roadloop.labels.matching import changes, match_tables, parse_mapping
from roadloop.labels.table import ClassTable, from_rows
from roadloop.models.files import ModelFile, file_name
from roadloop.parameters import Parameters
from roadloop.sources.service import open_set
from roadloop.storage.paths import Workspace


class Labels(Parameters):
    """What the ids of labels mean."""

    table: CarriedTable | None = Field(None, description="Their class table; null where nothing says: the model's.")
    mapping: dict[int, int] = Field({}, description="Raw id of the labels -> raw id of the models, 255 = ignored.")


UNKNOWN: Final = Labels()  #: nothing says what they mean

_CURE: Final = Text(
    '若确定如何对应，请给出 mapping，例如 {"3": "7", "9": "255"}（数据的编号 → 模型的编号，255 为忽略）；否则换用含义相同的数据。',
    'If you know how they belong together, give mapping, such as {"3": "7", "9": "255"} (id in the data -> id of the'
    " model, 255 = ignore); else use data of the same classes.",
)


_OTHER: Final = Text("请换用含义相同的数据。", "Use data of the same classes.")


def model_table(record: ModelFile) -> ClassTable:
    """The class table of a model file."""
    rows: Any = record.class_table
    return from_rows(file_name(record.prefix, record.epoch), rows)


def labels_of(source: PictureSource, records: Sequence[ModelFile], mapping: Mapping[str, Any] | None = None) -> Labels:
    """What the labels of a source mean, held against every model; a table beside no labels at all says nothing.

    Args:
        source: Pictures and labels.
        records: The models' descriptions.
        mapping: As a request sends it: raw id of the labels -> raw id of the models, or 255; None where it cannot send
            one.

    Raises:
        LabelMapError: An id means different things to labels and model, there is no class in common, or the mapping
            names an id that is not there.
        InvalidValueError: The folders below have different class tables.
    """
    try:
        return [_check(record, source.table, mapping) for record in records][-1]
    except InvalidValueError:
        if mapping or source.labelled():
            raise
        return UNKNOWN


def _check(record: ModelFile, table: ClassTable | None, mapping: Mapping[str, Any] | None) -> Labels:
    own = model_table(record)
    theirs = table or own
    chosen = parse_mapping(mapping or {}, own, theirs)
    what = Text(
        f"标注的类别表 {theirs.name} 与 {own.name} ", f"The class table {theirs.name} of the labels and {own.name}"
    )
    match_tables(own, theirs, chosen).require(what, _OTHER if mapping is None else _CURE)
    return Labels(table=table, mapping=chosen)


def difference(record: ModelFile, file: str, labels: Labels) -> Text | None:
    """What somebody should know of tables that differ although they have no conflict."""
    differing = None if labels.table is None else changes(model_table(record), labels.table)
    if differing is None:
        return None
    return Text(
        f"标注的类别表与 {file} 训练时的不同（模型 → 标注）：{differing.zh}。编号与名称都相同的类别才参与评估，"
        "对应关系见 matching.csv。",
        f"The class table of the labels is not the one that {file} was trained with (model -> labels): {differing.en}."
        " Only classes with the same id and name count; see matching.csv.",
    )


def since_built(workspace: Workspace, sour_dir: str) -> list[Text]:
    """How the class tables of a dataset's source sets have changed since it was built."""
    if not sour_dir.startswith(DATASET):
        return []
    name, _ = parse_dataset(sour_dir)
    info = read_info(workspace.dataset(name))
    found = []
    for source in info.sources:
        with suppress(RoadloopError):  # a set that is gone says nothing
            now = open_set(workspace, source).table
            differing = changes(*(_of_part(info.table, now) if len(info.sources) > 1 else (info.table, now)))
            if differing is not None:
                found.append(
                    Text(
                        f"生成 data {name} 之后，源数据 {source} 的类别表变了：{differing.zh}。这里用的是生成时的含义；"
                        "要用新的，请重新生成。",
                        f"The class table of the source set {source} has changed since the dataset {name} was built:"
                        f" {differing.en}. The old meanings are used here; build it anew to use the new ones.",
                    )
                )
    return found


def _of_part(joined: ClassTable, part: ClassTable) -> tuple[ClassTable, ClassTable]:
    """One set's share of a dataset's joined table, and the set's table; colours of a class are those of the first set."""
    colors = {c.raw_id: c.color for c in joined.classes}
    then = tuple(c for c in joined.classes if c.raw_id in part.raw_ids)
    now = tuple(replace(c, color=colors.get(c.raw_id, c.color)) for c in part.classes)
    return (ClassTable(joined.name, then) if then else joined), ClassTable(part.name, now)
