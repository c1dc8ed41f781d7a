"""What an examination sees in each picture by itself: read once, checked, counted, fingerprinted, and judged by a model."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.cluster.hand import Post
from roadloop.cluster.line import Work
from roadloop.errors import ObjectStoreError, RoadloopError
from roadloop.imaging.decode import check_image, decode_image
from roadloop.labels.table import ClassTable
from roadloop.networks.trust import Trust
from roadloop.sources.ahead import read_ahead
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.health.noise import Judge, Piece, find_pieces
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.sources.health.similar import Fingerprint, fingerprint
from roadloop.sources.layout import Problem, Sample
from roadloop.storage import reading


class Seen(NamedTuple):
    """A good picture.

    Attributes:
        sample: Which.
        print: What makes it the same as another one, or nearly.
        counts: int64 [256], pixels by raw id; None of another set's picture.
        pieces: Where a model doubts its label.
    """

    sample: Sample
    print: Fingerprint
    counts: NDArray[np.int64] | None = None
    pieces: tuple[Piece, ...] = ()


class Examiner:
    """Looks at pictures, a few at once.

    Args:
        recipe: Of which set, and how.
        table: The set's class table.
        max_pixels: Larger pictures are left out.
        judge: A model for the search for label noise.
        stored: Some lie in an object store.
    """

    def __init__(
        self, recipe: HealthRecipe, table: ClassTable, max_pixels: int, judge: Judge | None, *, stored: bool
    ) -> None:
        self._recipe: Final = recipe
        self._table: Final = table
        self._max_pixels: Final = max_pixels
        self._judge: Final = judge
        self._stored: Final = stored

    def __call__(self, samples: Iterable[Sample]) -> Iterator[Seen | Problem | None]:
        """Each sample in order; None for a bad one of another set, whose trouble that is."""
        for found in read_ahead(self._look, samples, stored=self._stored):
            if isinstance(found, tuple) and isinstance(found[0], Checked):
                checked, seen = found
                yield seen._replace(pieces=self._doubts(checked))
            else:
                yield found

    def _look(self, sample: Sample) -> tuple[Checked, Seen] | Seen | Problem | None:
        if sample.source != self._recipe.name:
            return self._stranger(sample)
        checked = check_sample(sample, self._table, self._max_pixels)
        if isinstance(checked, Problem):
            return checked
        print_ = fingerprint(checked.image, (checked.width, checked.height))
        return checked, Seen(sample, print_, checked.counts)

    def _stranger(self, sample: Sample) -> Seen | None:
        try:
            data = reading.read_bytes(sample.image)
            return Seen(sample, fingerprint(data, check_image(data, self._max_pixels).size))
        except ObjectStoreError:
            raise
        except (OSError, RoadloopError):
            return None

    def _doubts(self, checked: Checked) -> tuple[Piece, ...]:
        if self._judge is None:
            return ()
        opinion = self._judge(decode_image(checked.image, self._max_pixels))
        return tuple(find_pieces(checked.ids, opinion, self._recipe.confidence, self._recipe.min_pixels))


class Elsewhere(NamedTuple):
    """What another process needs to know to see the same.

    Attributes:
        recipe: The examination's.
        table: The set's class table.
        params: The model file; None for none.
        trust: What may run.
        stored: Some pictures lie in an object store.
    """

    recipe: HealthRecipe
    table: ClassTable
    params: Path | None
    trust: Trust
    stored: bool


def open_examiner(post: Post, told: Elsewhere) -> Work[Sample, Seen | Problem | None]:
    """The same on another node."""
    judge = None
    if told.params is not None:
        import torch  # noqa: PLC0415 - only a judge needs it

        from roadloop.sources.health.judge import load_judge  # noqa: PLC0415

        torch.set_num_threads(post.settings.torch_threads or post.cores)
        judge, _names = load_judge(told.params, told.table, torch.device("cpu"), told.trust)
    pixels = post.settings.max_picture_mpix * 1_000_000
    return Examiner(told.recipe, told.table, pixels, judge, stored=told.stored)
