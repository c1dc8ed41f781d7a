"""From listed track points to pictures: where each stands, and its neighbours on the same track.

An id is looked for where the request says. Else it may say its track itself (`<track>/<point>`, or `<track>_...` as
pictures are called), and at last all tracks that stand in folders are looked through. What is not found, or is found on
several tracks, is named and never guessed. Memory is that of the listed points, not of the tracks.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, Final

from roadloop.errors import NotFoundError, RoadloopError, Text, many
from roadloop.jobs.context import TaskContext
from roadloop.selection.candidates import Draw
from roadloop.selection.left_out import LeftOut, tried
from roadloop.selection.recipe import SampleRecipe
from roadloop.selection.sampling import Ratio
from roadloop.storage.ahead import overlapped
from roadloop.tracks.service import Listing, TrackStore, track_names

SHOWN: Final = 20  #: ids that a warning names; the report has all
_SHOWN_TRACKS: Final = 5
_NOT_FOUND: Final = Text(
    "没有找到这个轨迹点；请写成 <轨迹>/<轨迹点>，或在 tracks 中给出它的轨迹",
    "This track point was not found; write <track>/<point>, or name its track in tracks",
)

Place = tuple[str, int]  #: a track, and a point's place on it, from 0


class Neighbourhoods:
    """Listed points and their neighbours, with the face of `candidates.Tracks`.

    Args:
        store: Opens tracks.
        recipe: Which points, how far, and on which tracks.
        left_out: Learns what cannot be used.
        context: Of the job, which may be asked to stop before every track.
    """

    def __init__(self, store: TrackStore, recipe: SampleRecipe, left_out: LeftOut, context: TaskContext) -> None:
        self._store: Final = store
        self._recipe: Final = recipe
        self._left_out: Final = left_out
        self._context: Final = context
        self._centres: dict[str, dict[int, str]] = {}  # track -> place -> id as it was listed
        self.missing: Final[list[str]] = []
        self.opened = 0
        self.points = 0

    def draws(self, _ratio: Ratio) -> Iterator[Draw]:
        """What each track gives: every picture once, however many neighbourhoods it is in."""
        for track, place, one in self._located():
            self._centres.setdefault(track, {})[place] = one
        for listing in self._opened(sorted(self._centres), named=True):
            places = covered(self._centres[listing.points[0].track], self._recipe.reach, len(listing.points))
            self.opened += 1
            self.points += len(places)
            yield Draw([listing.points[i] for i in places], places, [], len(listing.points))

    def why(self, track: str, frame: int) -> Text:
        """Which listed point a picture is near to."""
        places = sorted(self._centres[track])
        right = bisect_left(places, frame)
        nearest = min(places[max(0, right - 1) : right + 1], key=lambda place: abs(place - frame))
        one, far = self._centres[track][nearest], abs(frame - nearest)
        if not far:
            return Text(f"列出的轨迹点 {one}", f"the listed track point {one}")
        zh, en = ("之后", "after") if frame > nearest else ("之前", "before")
        return Text(f"列出的轨迹点 {one} {zh}第 {far} 点", f"{many(far, 'point')} {en} the listed {one}")

    def about(self) -> dict[str, Any]:
        """What the report says about the list; the user is told which points are missing."""
        listed = len(self._recipe.points)
        if self.missing:
            some, more = self.missing[:SHOWN], len(self.missing) > SHOWN
            zh, en = ("等", " and others") if more else ("", "")
            self._context.warn(
                Text(
                    f"列出的 {listed} 个轨迹点中有 {len(self.missing)} 个没有找到：{'、'.join(some)}{zh}。原因见 left_out.csv。",
                    f"{len(self.missing)} of {many(listed, 'listed track point')} could not be found: {', '.join(some)}{en};"
                    " left_out.csv says why.",
                )
            )
        return {"points": listed, "points_missing": len(self.missing), "tracks_opened": self.opened}

    def _located(self) -> Iterator[tuple[str, int, str]]:
        """Track, place and id of every point that is found on one track; the others are noted."""
        found: dict[str, list[Place]] = {one: [] for one in self._recipe.points}
        if self._recipe.tracks:
            self._look(found, self._recipe.tracks, named=True)
        else:
            said = {one: set(_tracks_in(one)) for one in found}
            self._look(found, sorted(set().union(*said.values())), said)
            if any(not places and "/" not in one for one, places in found.items()):
                self._look(found, track_names(self._context.platform))
        for one, places in found.items():
            if len(places) == 1:
                yield *places[0], one
            else:
                self.missing.append(one)
                self._left_out.point(one, _several([track for track, _ in places]) if places else _NOT_FOUND)

    def _look(
        self,
        found: dict[str, list[Place]],
        tracks: Collection[str],
        said: Mapping[str, Collection[str]] | None = None,
        *,
        named: bool = False,
    ) -> None:
        """Look on some tracks for the points that are not found yet; for each on those alone that it has `said`."""
        wanted = {one: places for one, places in found.items() if not places}
        by_name: dict[str, list[str]] = {}
        for one in wanted:
            by_name.setdefault(one.rpartition("/")[2], []).append(one)
        for listing in self._opened(tracks, named=named):
            for place, point in enumerate(listing.points):
                for one in (one for name in {point.point, point.stem} for one in by_name.get(name, ())):
                    elsewhere = said is not None and point.track not in said[one]
                    if one.rpartition("/")[0] in ("", point.track) and not elsewhere:
                        wanted[one].append((point.track, place))

    def _opened(self, tracks: Iterable[str], *, named: bool = False) -> Iterator[Listing]:
        """Tracks that can be used; of one that is not `named` it says nothing that it is not there."""
        parallel = self._context.platform.settings.track_service_parallel
        for track, found in overlapped(tried(self._store.points), tracks, parallel):
            self._context.check_stop()
            if isinstance(found, RoadloopError):
                if named or not isinstance(found, NotFoundError):
                    self._left_out.track(track, found.text)
            elif found.points:
                yield found


def covered(centres: Iterable[int], reach: int, size: int) -> list[int]:
    """The places of some points and of so many neighbours on either side, each once, ascending.

    Args:
        centres: Places on a track, from 0.
        reach: Neighbours on either side.
        size: Points of the track.
    """
    return sorted({i for centre in centres for i in range(max(0, centre - reach), min(size, centre + reach + 1))})


def _tracks_in(one: str) -> Iterator[str]:
    """The tracks that an id may name itself: the part before `/`, or before each `_`."""
    track, slash, _ = one.partition("/")
    if slash:
        yield track
        return
    for i, letter in enumerate(one):
        if letter == "_" and i:
            yield one[:i]


def _several(tracks: list[str]) -> Text:
    some = tracks[:_SHOWN_TRACKS]
    return Text(
        f"多条轨迹都有这个轨迹点（{'、'.join(some)}），无法确定是哪一个；请写成 <轨迹>/<轨迹点>",
        f"Several tracks have this point ({', '.join(some)}), so that it is open which is meant; write <track>/<point>",
    )
