"""A class table as a field of what a job carries."""

from typing import Annotated, Any

from pydantic import BeforeValidator, InstanceOf, PlainSerializer

from roadloop.labels.table import ClassTable, from_rows


def _read(value: Any) -> Any:
    if isinstance(value, ClassTable):
        return value
    try:
        return from_rows(value["name"], value["rows"])
    except (KeyError, TypeError) as error:
        message = "not a class table"
        raise ValueError(message) from error


def _plain(table: ClassTable) -> dict[str, Any]:
    return {"name": table.name, "rows": table.to_rows()}


CarriedTable = Annotated[InstanceOf[ClassTable], BeforeValidator(_read), PlainSerializer(_plain)]
