"""Pictures whose labels and predictions are known, for the network of `write_model`: the brightest channel."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from models.conftest import save_pair
from roadloop.imaging.encode import encode_color, encode_jpeg, encode_label
from roadloop.storage.platform import Platform

__all__ = ["save_pair"]  # a fixture of exported models

RED, GREEN, BLUE = (250, 10, 10), (10, 250, 10), (10, 10, 250)


def stripes(*colors: tuple[int, int, int], size: int = 8) -> NDArray[np.uint8]:
    """uint8 [size, size, 3]: horizontal stripes of equal height."""
    image = np.zeros((size, size, 3), np.uint8)
    for i, color in enumerate(colors):
        image[i * size // len(colors) : (i + 1) * size // len(colors)] = color
    return image


def raw(*ids: int, size: int = 8) -> bytes:
    """An id label with the same stripes."""
    label = np.zeros((size, size), np.uint8)
    for i, value in enumerate(ids):
        label[i * size // len(ids) : (i + 1) * size // len(ids)] = value
    return encode_label(label)


@pytest.fixture
def pictures(platform: Platform) -> Path:
    """Two drives: one picture right, one with a red half labelled green, one without a label, one broken."""
    folder = platform.workspace.home / "图片"
    for inner in ("a", "b"):
        (folder / inner).mkdir(parents=True)
    (folder / "a" / "t1_001.png").write_bytes(encode_color(stripes(RED, BLUE)))
    (folder / "a" / "label-t1_001.png").write_bytes(encode_color(stripes((255, 0, 0), (0, 0, 255))))
    (folder / "a" / "t1_002.jpg").write_bytes(encode_jpeg(stripes(RED, GREEN, size=16), 100))
    (folder / "a" / "t1_002.png").write_bytes(raw(20, 20, size=16))
    (folder / "b" / "t2_001.png").write_bytes(encode_color(stripes(GREEN)))
    (folder / "b" / "坏.jpg").write_bytes(encode_jpeg(stripes(RED))[:-40])
    return folder


@pytest.fixture
def model(platform: Platform, write_model: Callable[..., Path]) -> Path:
    """A model file of the training task 苏州."""
    return write_model(platform.workspace.tasks / "苏州" / "output" / "models", "kd_suzhou", 5)
