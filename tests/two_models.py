"""An evaluation of two models for the page: five small pictures of two tracks, whose every pixel is known."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from live import LiveServer
from roadloop.imaging.encode import encode_color, encode_label

UInt8 = NDArray[np.uint8]

RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)
HEIGHT, WIDTH = 40, 60
#: Pictures in the order of the listing, and the raw ids of the label's top and bottom half; none for the last one.
LABELS = {"t_1": (10, 20), "t_2": (20, 20), "t_3": (10, 10), "u_1": (20, 10), "u_2": None}


def picture() -> UInt8:
    """uint8 [40, 60, 3]: red above green; around the middle, 8 x 8 pixels by turns blue and as they were."""
    image = np.zeros((HEIGHT, WIDTH, 3), np.uint8)
    image[:20], image[20:] = RED, GREEN
    rows, columns = np.mgrid[16:24, 26:34]
    odd = (rows + columns) % 2 == 1
    image[rows[odd], columns[odd]] = BLUE
    return image


def evaluate_two(site: LiveServer, write_model: Callable[..., Path]) -> str:
    """Evaluate with A, which says red, green and blue as they are, and B, which takes green for blue; the task id.

    IoU of green by A and B: t_1 0.987 and 0.013; t_2 0.493 and 0.013; t_3 0 and 0; u_1 0 and 0.013.
    """
    models = site.home / "tasks" / "苏州" / "output" / "models"
    write_model(models, "kd", 5)
    write_model(models, "swapped", 6, order=(0, 2, 1))
    folder = site.home / "imports" / "照片"
    folder.mkdir(parents=True)
    for stem, halves in LABELS.items():
        (folder / f"{stem}.jpg").write_bytes(encode_color(picture()))
        if halves is not None:
            label = np.full((HEIGHT, WIDTH), halves[1], np.uint8)
            label[:20] = halves[0]
            (folder / f"{stem}.png").write_bytes(encode_label(label))
    dicts = {"苏州": ["kd_ep-0005.params", "swapped_ep-0006.params"]}
    task_id = str(site.client().post("/starteva", json={"dicts": dicts, "sour_dir": "imports/照片"}).json()["data"])
    assert site.wait("/eva_rate", task_id)["state"] == "succeeded"
    return task_id
