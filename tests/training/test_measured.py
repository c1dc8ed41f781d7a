"""What auto has measured is read back, and only in the place of auto."""

from pathlib import Path
from typing import Any

import pytest

from roadloop.errors import BrokenFileError
from roadloop.training.measured import CONFIGURATION, MEASURED, keep, settled
from roadloop.training.recipe import TrainConfig

CHOSEN = {"memory_format": "contiguous", "compile": "on", "precision": "bf16"}


def test_settled__takes_the_place_of_auto_alone(tmp_path: Path, bench: Any) -> None:
    config = TrainConfig(memory_format="auto", precision="fp16")
    assert settled(config, tmp_path) == config
    (tmp_path / CONFIGURATION).mkdir()
    keep(config, tmp_path, CHOSEN, bench.notes())
    assert settled(config, tmp_path) == TrainConfig(memory_format="contiguous", precision="fp16")
    assert settled(TrainConfig(), tmp_path) == TrainConfig()
    assert TrainConfig.model_validate_json((tmp_path / CONFIGURATION / "train.json").read_text()) == settled(
        config, tmp_path
    )


@pytest.mark.parametrize("text", ["{", "{}", '{"memory_format": "sideways"}', "[]"])
def test_settled__a_record_that_cannot_be_read_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / CONFIGURATION / MEASURED
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(BrokenFileError, match=r"measured\.json cannot be read\. Put it back"):
        settled(TrainConfig(memory_format="auto"), tmp_path)
    assert settled(TrainConfig(), tmp_path) == TrainConfig()


def test_train_configs__shows_what_was_measured_once_a_task_has_started(site: Any, bench: Any) -> None:
    task = site.create()
    site.call("/train_config", task_id=task, train_con={"memory_format": "auto"})
    site.call("/starttask", task_id=task, num_epoch=1, batch_size=4)
    shown = [site.get(path, task_id=task)["data"] for path in ("/train_configs", "/train_config")]
    assert [one["memory_format"] for one in shown] == ["auto", "auto"]
    keep(TrainConfig(memory_format="auto"), site.folder(), CHOSEN, bench.notes())
    shown = [site.get(path, task_id=task)["data"] for path in ("/train_configs", "/train_config")]
    assert [(one["memory_format"], one["compile"]) for one in shown] == [("contiguous", "off")] * 2
