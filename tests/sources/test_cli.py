from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from roadloop.errors import NameTakenError
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.sources.cli import app
from roadloop.sources.service import open_set, read_splits, scan
from roadloop.storage.paths import Workspace


def test_camvid__imports_and_refuses_a_taken_name(tmp_path: Path) -> None:
    for split in ("train", "val"):
        (tmp_path / "in" / split).mkdir(parents=True)
        (tmp_path / "in" / f"{split}annot").mkdir()
        (tmp_path / "in" / split / f"t_{split}.jpg").write_bytes(encode_jpeg(np.zeros((4, 4, 3), np.uint8)))
        label = encode_label(np.zeros((4, 4), np.uint8))
        (tmp_path / "in" / f"{split}annot" / f"t_{split}.png").write_bytes(label)
    arguments = ["camvid", str(tmp_path / "in"), "--name", "街景", "--home", str(tmp_path / "home")]
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == 0, result.output
    assert "2 pictures" in result.output
    source = open_set(Workspace(tmp_path / "home"), "街景")
    assert [s.key for s in scan(source).samples] == ["train/t_train", "val/t_val"]
    assert read_splits(source) == {"train/t_train": "train", "val/t_val": "val"}
    with pytest.raises(NameTakenError):
        CliRunner().invoke(app, arguments, catch_exceptions=False)
