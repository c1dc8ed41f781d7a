import torch

from roadloop.training.boundary import boundaries

LABELS = """
000000000
000000000
000011111
000011111
000011111
"""


def test_boundaries__four_pixels_wide_and_not_at_ignored_ones() -> None:
    ids = torch.tensor([[[int(c) for c in line] for line in LABELS.split()]])
    taught = torch.ones_like(ids, dtype=torch.bool)
    assert boundaries(ids, taught)[0, 4].int().tolist() == [0, 0, 1, 1, 1, 1, 0, 0, 0]
    assert boundaries(ids, taught)[0, :, 8].int().tolist() == [1, 1, 1, 1, 0]
    taught[0, :, 3:5] = False  # the vertical change is not seen any more, the horizontal one up to its end
    assert boundaries(ids, taught)[0, 4].int().tolist() == [0] * 9
    assert boundaries(ids, taught)[0, 2].int().tolist() == [0, 0, 0, 0, 0, 1, 1, 1, 1]


def test_boundaries__of_one_class_there_are_none() -> None:
    ids = torch.full((2, 3, 4), 7)
    assert not boundaries(ids, torch.ones_like(ids, dtype=torch.bool)).any()
    assert not boundaries(ids[:, :1, :1], torch.ones((2, 1, 1), dtype=torch.bool)).any()
