"""What jobs carry: rows that older installations wrote are read by today's records, and written in the same words.

`payloads.json` was recorded from the code that had no records yet, from requests over HTTP; class tables are shortened.
"""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from roadloop.annotators.recipe import Download, Push
from roadloop.datasets.recipe import DatasetJob
from roadloop.demo.recipe import DrawPictures
from roadloop.engines.recipe import ConversionRecipe
from roadloop.errors import OtherVersionError
from roadloop.evaluation.recipe import EvaluationRecipe
from roadloop.jobs.measuring import Measure
from roadloop.jobs.registry import TASKS
from roadloop.jobs.rehearsal import Rehearsal
from roadloop.networks.recipe import AddNet, CreateNet
from roadloop.packages.recipe import DivideRecipe, ProcessRecipe
from roadloop.parameters import Parameters, stored
from roadloop.releases.recipe import ReleaseRecipe
from roadloop.selection.recipe import MineRecipe, SampleRecipe
from roadloop.sources.finding.recipe import ReadLabels
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.sources.recipe import ImportJob, Rework
from roadloop.training.recipe import TrainingJob
from roadloop.uploads.recipe import Unpack

RECORDS: Final[dict[str, type[Parameters]]] = {
    "add_net": AddNet,
    "convert": ConversionRecipe,
    "create_data": DatasetJob,
    "create_net": CreateNet,
    "demo_pictures": DrawPictures,
    "evaluate": EvaluationRecipe,
    "health": HealthRecipe,
    "import_preview": ImportJob,
    "index": ReadLabels,
    "linedown": Download,
    "measure": Measure,
    "offimport": ImportJob,
    "process_label": ProcessRecipe,
    "push_package": Push,
    "rehearsal": Rehearsal,
    "release": ReleaseRecipe,
    "rework": Rework,
    "sample": SampleRecipe,
    "select": MineRecipe,
    "task_divide": DivideRecipe,
    "train": TrainingJob,
    "unpack": Unpack,
}
ROWS: Final[list[dict[str, Any]]] = json.loads((Path(__file__).parent / "payloads.json").read_text())
#: What the first rows of a kind did not have yet.
LATER: Final = {
    "evaluate": ("tile", "flip", "scales", "labels"),
    "release": ("parity", "evaluation", "pictures"),
}


def test_rows__of_every_kind_are_recorded() -> None:
    assert {row["kind"] for row in ROWS} == set(RECORDS) == set(TASKS)


@pytest.mark.parametrize("row", ROWS, ids=[f"{row['kind']}-{n}" for n, row in enumerate(ROWS)])
def test_stored__reads_older_rows_and_writes_the_same_words(row: dict[str, Any]) -> None:
    record = RECORDS[row["kind"]]
    read = stored(record, row["payload"])
    written = read.payload()
    assert {name: written[name] for name in row["payload"]} == row["payload"]
    later = written.keys() - row["payload"].keys()
    assert not any(record.model_fields[name].is_required() for name in later)
    assert stored(record, json.loads(json.dumps(written))) == read
    with pytest.raises(OtherVersionError, match="newer"):
        stored(record, row["payload"] | {"newer": 1})


@pytest.mark.parametrize("kind", sorted(LATER))
def test_stored__reads_the_first_rows_of_a_kind(kind: str) -> None:
    row = next(row["payload"] for row in ROWS if row["kind"] == kind)
    first = {name: value for name, value in row.items() if name not in LATER[kind]}
    assert stored(RECORDS[kind], first).payload().keys() >= row.keys()
