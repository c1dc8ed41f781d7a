"""From the score book to the columns that picks are made from; embeddings go from file to file, one by one."""

from collections.abc import Callable
from pathlib import Path
from typing import Final

import numpy as np

from roadloop.selection.embeddings import Embeddings
from roadloop.selection.picking import Pool
from roadloop.selection.rules import Traits, seconds_of
from roadloop.selection.scorebook import ScoreBook
from roadloop.storage import publish

VECTORS: Final = ".vectors"  #: the embeddings of the candidates, in their order; removed at the end


def read_pool(book: ScoreBook, path: Path, check: Callable[[], None]) -> Pool | None:
    """The candidates that were scored, by track and point; None when there is none.

    Args:
        book: Has them.
        path: Where the file of their embeddings is written.
        check: Called for each; raises when the job is to stop.

    Raises:
        DiskFullError: No space is left for it.
    """
    count = book.count_scored()
    found = book.scored()
    first = next(found, None)
    if first is None:
        return None
    names, numbers = len(first.scored.classes), first.scored.vector.size
    classes, seen = np.empty((count, names), np.float32), np.empty((count, names), np.float32)
    traits = Traits(
        np.zeros(count, np.int64),
        np.empty(count, np.int64),
        np.empty(count, np.float64),
        np.empty(count, np.float64),
        np.empty(count, np.float64),
        np.empty((count, 4), np.uint64),
    )
    with publish.disk_errors(path), path.open("wb") as file:
        track, code, one = first.point.track, 0, first
        for row in range(count):
            check()
            if row:
                one = next(found)
            point, scored = one.point, one.scored
            if point.track != track:
                track, code = point.track, code + 1
            traits.tracks[row] = code
            traits.frames[row] = one.frame
            traits.seconds[row] = seconds_of(point.time)
            traits.longitude[row] = np.nan if point.longitude is None else point.longitude
            traits.latitude[row] = np.nan if point.latitude is None else point.latitude
            traits.prints[row] = scored.print
            classes[row], seen[row] = scored.classes, scored.seen
            file.write(scored.vector.tobytes())
    return Pool(traits, classes, seen, Embeddings(path, numbers))
