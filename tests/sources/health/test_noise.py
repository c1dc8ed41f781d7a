import numpy as np

from roadloop.sources.health.noise import Opinion, Piece, find_pieces

LUT = np.full(256, 255, np.uint8)
LUT[[10, 11, 20]] = [0, 0, 1]


def opinion(ids: np.ndarray, confidence: float = 1.0) -> Opinion:
    return Opinion(ids, np.full(ids.shape, confidence, np.float32), LUT)


def test_find_pieces__one_line_for_each_connected_area() -> None:
    raw = np.full((10, 10), 10, np.uint8)
    said = np.zeros((10, 10), np.uint8)
    said[1:3, 1:5] = 1  # eight pixels
    said[6:9, 6:9] = 1  # nine
    said[9, 0] = 1  # too small
    raw[7:9, 6:9] = 11
    assert find_pieces(raw, opinion(said), min_pixels=2) == [
        Piece(11, 1, 9, 1.0, 6, 6, 3, 3),
        Piece(10, 1, 8, 1.0, 1, 1, 4, 2),
    ]


def test_find_pieces__doubt_and_ignored_labels_do_not_count() -> None:
    raw = np.full((10, 10), 10, np.uint8)
    assert find_pieces(raw, opinion(np.ones((10, 10), np.uint8), 0.8), 0.9, 1) == []
    raw[:] = 99  # the model ignores it
    assert find_pieces(raw, opinion(np.ones((10, 10), np.uint8)), 0.9, 1) == []


def test_find_pieces__pieces_of_different_classes_stay_apart() -> None:
    raw = np.full((4, 4), 10, np.uint8)
    raw[:, 2:] = 20
    said = 1 - LUT[raw]
    assert [(p.labelled, p.predicted, p.pixels) for p in find_pieces(raw, opinion(said), 0.9, 1)] == [
        (10, 1, 8),
        (20, 0, 8),
    ]
