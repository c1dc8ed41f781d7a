"""What `roadloop train preview` draws is what the loop sees."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from roadloop.cli.main import app
from roadloop.errors import InvalidValueError, NotFoundError
from roadloop.imaging.drawing import CAPTION, GAP
from roadloop.labels.label_map import TrainClass
from roadloop.training import data, preview, service
from roadloop.training.sample_sheet import WIDTH, Sample, draw, hatched

CLASSES = (TrainClass(0, "road", "道路", (128, 64, 128)), TrainClass(1, "sky", "天空", (70, 130, 180)))


def test_draw__each_sample_beside_its_classes() -> None:
    image = np.zeros((2, 4, 3), np.uint8)
    image[:, :2] = (200, 100, 0)
    ids = np.array([[0, 0, 1, 1], [0, 0, 255, 255]], np.uint8)
    sheet = draw([Sample("苏州/图", image, ids)] * 4, CLASSES)
    height = WIDTH // 2
    assert sheet.shape[1] == 3 * (2 * WIDTH + 2 * GAP)
    left, top = GAP, CAPTION + height + GAP + CAPTION  # the fourth sample begins the second row
    assert sheet[top, left].tolist() == [200, 100, 0]
    assert sheet[top + height - 1, left + WIDTH - 1].tolist() == [0, 0, 0]
    over = left + WIDTH
    assert sheet[top, over].tolist() == [164, 82, 64]  # half of (200, 100, 0) and half of (128, 64, 128)
    assert sheet[top, over + WIDTH - 1].tolist() == [35, 65, 90]
    dark = sheet[top + height // 2 :, over + WIDTH // 2 : over + WIDTH][: height // 2]
    assert {tuple(p) for p in dark.reshape(-1, 3).tolist()} == {(0, 0, 0), (110, 110, 110)}
    assert (sheet[top, left + 2 * (WIDTH + GAP) :] == 255).all()  # no fifth sample
    legend = sheet[2 * (CAPTION + height + GAP) :]
    assert legend[GAP + 10, GAP + 10].tolist() == [128, 64, 128]


def test_draw__chinese_names_are_written() -> None:
    """A font without the characters would draw question marks, the same for both names."""
    image, ids = np.zeros((4, 4, 3), np.uint8), np.zeros((4, 4), np.uint8)
    one, other = (draw([Sample(name, image, ids)], CLASSES)[:CAPTION] for name in ("车道", "天空"))
    assert (one != 255).any()
    assert (one != other).any()


def test_hatched__only_ignored_pixels_change() -> None:
    image = np.full((12, 12, 3), 90, np.uint8)
    ids = np.zeros((12, 12), np.uint8)
    ids[:, 6:] = 255
    shown = hatched(image, ids)
    assert (shown[:, :6] == 90).all()
    assert shown[0, 6].tolist() == [140] * 3
    assert shown[0, 7].tolist() == [30] * 3
    assert (image == 90).all()


def test_preview__of_a_created_task_is_what_its_loop_sees(site: Any, run_job: Any, monkeypatch: Any) -> None:
    task_id = site.create()
    changes = {"crop": [24, 32], "rotate": 20, "rare_class_share": 0.5}
    site.call("/data_config", task_id=task_id, data_con=changes)
    site.call("/train_config", task_id=task_id, train_con={"seed": 7, "batch_size": 3})
    task = service.read_task(site.platform, task_id)
    facts = service.facts_of(site.platform, task)
    before = preview.preview(site.platform, "suzhou", 12)
    found = preview.first_samples(site.platform, facts, (task.train_con, task.data_con), 5)
    seen: list[Any] = []
    whole = data.read_ahead

    def watched(*arguments: Any, **options: Any) -> Iterator[data.Batch]:
        for batch in whole(*arguments, **options):
            seen.append(batch)
            yield batch

    monkeypatch.setattr(data, "read_ahead", watched)
    site.call("/starttask", task_id=task_id, num_epoch=1)
    run_job(site.platform, task_id)
    assert [s.name for s in found] == [*seen[0].names, *seen[1].names][:5]
    images = np.concatenate([seen[0].images.numpy(), seen[1].images.numpy()])
    targets = np.concatenate([seen[0].targets.numpy(), seen[1].targets.numpy()])
    assert all((s.image == image).all() for s, image in zip(found, images, strict=False))
    assert all((s.ids == target).all() for s, target in zip(found, targets, strict=False))
    assert (preview.preview(site.platform, task_id, 12) == before).all()  # of the finished task


def test_preview__command_writes_the_picture(site: Any, tmp_path: Path) -> None:
    site.create()
    home = str(site.platform.settings.home)
    for name in ("a.jpg", "b.png"):
        arguments = ["train", "preview", "suzhou", "--home", home, "--out", str(tmp_path / name), "--count", "2"]
        result = CliRunner().invoke(app, arguments)
        assert result.exit_code == 0, result.output
        shown = cv2.imread(str(tmp_path / name))
        assert shown is not None
        assert shown.shape[1] == 2 * (2 * WIDTH + 2 * GAP)


def test_preview__says_what_is_wrong(site: Any) -> None:
    home = ["--home", str(site.platform.settings.home)]
    for arguments, error in ((["nobody"], NotFoundError), (["x", "--out", "x.gif"], InvalidValueError)):
        with pytest.raises(error):
            CliRunner().invoke(app, ["train", "preview", *arguments, *home], catch_exceptions=False)
