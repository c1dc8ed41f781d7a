"""CamVid end to end: label values, pixel counts and the official split come out exactly, and the leak is found."""

import io
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner

from roadloop.cli.main import app
from roadloop.datasets.info import Leak
from roadloop.datasets.reader import DatasetReader
from roadloop.imaging.decode import decode_label
from roadloop.jobs.queue import Job
from roadloop.storage.platform import Platform

SHARED = Path(__file__).parents[3] / "shared" / "data" / "camvid"


@pytest.mark.camvid
@pytest.mark.skipif(not SHARED.exists(), reason="CamVid is not beside the project (../shared/data/camvid)")
def test_camvid__exact_with_the_official_split(
    platform: Platform, submit: Callable[..., str], run_job: Callable[[Platform, str], Job]
) -> None:
    home = str(platform.workspace.home)
    CliRunner().invoke(app, ["import", str(SHARED), "--name", "camvid", "--home", home], catch_exceptions=False)
    job = run_job(platform, submit(data_name="camvid", sour_data="camvid", l_value=False, shares={}))
    assert job.state == "succeeded", job.reason
    reader = DatasetReader(platform.workspace.datasets / "camvid")
    assert dict(reader.info.counts) == {"train": 367, "val": 101, "test": 0}
    assert reader.info.leaks == (Leak("0016E5", {"train": 204, "val": 101}),)
    assert any("0016E5" in w.zh and "0016E5" in w.en for w in job.warnings)
    assert dict(reader.info.sizes) == {"480x360": 468}
    for split in ("train", "val"):
        counts = np.zeros(256, dtype=np.int64)
        samples = reader.split(split)
        assert sorted(samples.names()) == sorted(f"{split}/{p.stem}" for p in (SHARED / split).iterdir())
        for index in range(len(samples)):
            sample = samples.encoded(index)
            stem = sample.name.partition("/")[2]
            data = (SHARED / f"{split}annot" / f"{stem}.png").read_bytes()
            expected = np.asarray(Image.open(io.BytesIO(data)))
            assert np.array_equal(decode_label(sample.label), expected)
            counts += np.bincount(expected.ravel(), minlength=256)
        assert reader.info.pixels(split) == {i: int(n) for i, n in enumerate(counts) if n}
    assert reader.info.pixels("train")[3] == 20_076_880
