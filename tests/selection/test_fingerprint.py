"""Near-duplicates have nearly the same bits; different pictures do not."""

import random

import cv2
import numpy as np
import pytest

from odd_pictures import BROKEN
from roadloop.demo.world.world import World
from roadloop.errors import BrokenFileError
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.selection.fingerprint import NEAR, distances, fingerprint, fingerprint_of, near_any


def test_fingerprint__survives_compression_scaling_and_light() -> None:
    world = World(0, "suzhou", (480, 360))
    image = world.frame(1, 7).image
    print_of = fingerprint(image)
    bright = np.clip(image.astype(int) + 15, 0, 255).astype(np.uint8)
    small = cv2.resize(image, (320, 240), interpolation=cv2.INTER_AREA).astype(np.uint8)
    others = np.stack(
        [
            fingerprint_of(encode_jpeg(image, 40), 10**6),
            fingerprint_of(encode_color(image), 10**6),
            fingerprint(small),
            fingerprint(bright),
        ]
    )
    assert distances(print_of, others).max() < NEAR
    frames = np.stack([fingerprint(world.frame(1, i).image) for i in (6, 8, 20)])
    assert distances(print_of, frames).min() > 2 * NEAR


def test_near_any__against_many() -> None:
    rng = np.random.default_rng(0)
    known = rng.integers(0, 2**63, (200_000, 4), np.uint64)
    some = rng.integers(0, 2**63, (3, 4), np.uint64)
    some[1] = known[150_000] ^ np.array([1, 2, 4, 8], np.uint64)
    assert near_any(some, known).tolist() == [False, True, False]
    assert near_any(some, known[:0]).tolist() == [False] * 3


def test_fingerprint_of__broken() -> None:
    with pytest.raises(BrokenFileError):
        fingerprint_of(b"no picture", 10**6)


def test_fingerprint_of__what_cannot_be_decoded_is_an_error_and_no_memory() -> None:
    for kind in ("jpg bomb", "jpg cut", "jpg without scan", "png bomb", "jpg noise"):
        with pytest.raises(BrokenFileError):
            fingerprint_of(BROKEN[kind](random.Random(0)), 10**6)
