"""From lists of tracks to pictures that may be taken: which tracks are opened, and what each of them gives.

Nothing is downloaded here but the lists of points. With more tracks than pictures wanted only drawn tracks are
opened.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from roadloop.errors import JobError, RoadloopError, Text, many
from roadloop.jobs.context import TaskContext
from roadloop.selection.left_out import LeftOut, tried
from roadloop.selection.lines import LineCounts, draw, ids_of
from roadloop.selection.recipe import SampleRecipe
from roadloop.selection.sampling import MOST, Ratio, Shares, apportion, preferred
from roadloop.storage.ahead import overlapped
from roadloop.tracks.service import Listing, TrackPoint, TrackStore

KEPT: Final = 500_000  #: points that are remembered while quotas are worked out; other tracks are opened twice
SPARES: Final = 8  #: stand-ins of a track, at least


_EMPTY: Final = Text(
    "轨迹中没有图片；请放入 .jpg 图片，或从列表中去掉它",
    "The track has no pictures; put .jpg files into it, or take it off the list",
)


class Draw(NamedTuple):
    """What one track gives.

    Attributes:
        points: To be taken.
        frames: Their places on the track, from 0.
        spares: Stand-ins for those that turn out broken.
        size: Points of the whole track.
    """

    points: list[TrackPoint]
    frames: list[int]
    spares: list[TrackPoint]
    size: int


class Tracks:
    """A list of tracks and the store that has them.

    Args:
        path: Text file, one track id a line.
        store: Opens tracks.
        recipe: How they are sampled.
        left_out: Learns what cannot be used.
        context: Of the job, which may be asked to stop before every track.
    """

    def __init__(
        self, path: Path, store: TrackStore, recipe: SampleRecipe, left_out: LeftOut, context: TaskContext
    ) -> None:
        self._path: Final = path
        self._store: Final = store
        self._recipe: Final = recipe
        self._left_out: Final = left_out
        self._context: Final = context
        self.counts = LineCounts()
        self.opened = 0
        self.points = 0

    def draws(self, ratio: Ratio) -> Iterator[Draw]:
        """What the tracks give. For a number there may be more draws than that: the last ones are stand-ins.

        Raises:
            JobError: The list has no usable line, or a share comes to more than a million pictures.
        """
        if ratio.share:
            yield from self._shares(ratio)
            return
        most = ratio.number + ratio.number // 4 + 2 * SPARES
        ids, in_order = draw(self._path, self.counts, most, self._recipe.seed)
        self._require_lines()
        if len(ids) > ratio.number:
            for listing in self._open(ids):
                yield self._draw(listing, 1)
            return
        yield from self._apportioned(in_order, ratio.number)

    def _apportioned(self, ids: list[str], number: int) -> Iterator[Draw]:
        sizes: list[int] = []
        tracks: list[str] = []
        kept: dict[str, Listing] = {}
        room = KEPT
        for listing in self._open(ids):
            track = listing.points[0].track
            tracks.append(track)
            sizes.append(len(listing.points))
            if len(listing.points) <= room:
                kept[track] = listing
                room -= len(listing.points)
        for track, quota in zip(tracks, apportion(sizes, number), strict=True):
            found = kept.pop(track, None) or self._store.points(track)
            yield self._draw(found, min(quota, len(found.points)))

    def _shares(self, ratio: Ratio) -> Iterator[Draw]:
        shares = Shares(ratio.share)
        total = 0
        for listing in self._open(ids_of(self._path, self.counts)):
            quota = shares.quota(len(listing.points))
            total += quota
            if total > MOST:
                raise JobError(
                    Text(
                        f"这个比例超过 {MOST} 张图片；请减小 ratio，或给出张数。",
                        f"This share comes to more than {MOST} pictures; make ratio smaller or give a number.",
                    )
                )
            yield self._draw(listing, quota)
        self._require_lines()

    def _open(self, ids: Iterable[str]) -> Iterator[Listing]:
        """The tracks that can be used, several opened at once; the others are noted."""
        parallel = self._context.platform.settings.track_service_parallel
        for track, found in overlapped(tried(self._store.points), ids, parallel):
            self._context.check_stop()
            if isinstance(found, RoadloopError):
                self._left_out.track(track, found.text)
                continue
            for problem in found.problems:
                self._left_out.file(track, problem.name, problem.reason)
            if not found.points:
                self._left_out.track(track, _EMPTY)
                continue
            self.opened += 1
            self.points += len(found.points)
            yield found

    def _draw(self, listing: Listing, quota: int) -> Draw:
        points, recipe = listing.points, self._recipe
        order = preferred(points[0].track, len(points), quota, seed=recipe.seed, shuffle=recipe.isshuffle)
        spares = order[quota : quota + max(quota, SPARES)]
        return Draw([points[i] for i in order[:quota]], order[:quota], [points[i] for i in spares], len(points))

    def _require_lines(self) -> None:
        if self.counts.lines:
            return
        example = f"：{self.counts.examples[0][1].zh}" if self.counts.examples else ""
        example_en = f": {self.counts.examples[0][1].en}" if self.counts.examples else ""
        raise JobError(
            Text(
                f"轨迹列表中没有一个轨迹号（空行 {self.counts.blank}，无效行 {self.counts.bad}{example}）；应为每行一个轨迹号。",
                f"The list holds no track id ({many(self.counts.blank, 'blank line')}, {self.counts.bad} bad ones{example_en});"
                " it should have one track id a line.",
            )
        )
