"""Whether the model that looks for label noise means by its classes what the source set means. No torch here."""

from typing import Any, Final

from roadloop.errors import Text
from roadloop.labels.matching import Matching, match_tables
from roadloop.labels.table import ClassTable, from_rows
from roadloop.models.files import ModelFile, file_name

_CURE: Final = Text(
    "请换一个用同样类别训练的模型，或不填 model。", "Choose a model that was trained with the same classes, or none."
)


def match_model(record: ModelFile, table: ClassTable) -> Matching:
    """How a source set's classes and a model's belong together.

    Raises:
        LabelMapError: One id means different things to the two, or there is no class in common.
    """
    rows: Any = record.class_table
    name = file_name(record.prefix, record.epoch)
    matching = match_tables(from_rows(name, rows), table)
    what = Text(
        f"源数据 {table.name} 与 {name} 的类别表", f"The class tables of the source set {table.name} and {name}"
    )
    matching.require(what, _CURE)
    return matching
