"""What is known about a track point, and what a track store can be asked."""

from collections.abc import Sequence
from typing import Final, NamedTuple, Protocol

from roadloop.errors import Text
from roadloop.settings import Datum

UNKNOWN: Final[Datum] = "unknown"


class TrackPoint(NamedTuple):
    """One picture of a drive.

    Attributes:
        track: Track id.
        point: Track point id; text order is time order within a track.
        time: `YYYY-MM-DD HH:MM:SS`, or Unix seconds as text; empty = unknown.
        longitude: Degrees east; None = unknown.
        latitude: Degrees north; None = unknown.
        city: Free text.
        adcode: Chinese administrative code, six digits; empty = unknown.
        file: How its store finds it again.
        datum: Of the position, as its store declares it; `unknown` also where there is no position.
    """

    track: str
    point: str
    time: str = ""
    longitude: float | None = None
    latitude: float | None = None
    city: str = ""
    adcode: str = ""
    file: str = ""
    datum: Datum = UNKNOWN

    @property
    def stem(self) -> str:
        """A file name for the picture, unique over all tracks: `<track>_<point>`.

        Where the point id begins with the track id already, it is the point id alone.
        """
        return self.point if self.point.startswith(f"{self.track}_") else f"{self.track}_{self.point}"

    def at(self, longitude: float | None, latitude: float | None, datum: Datum) -> "TrackPoint":
        """The point with a position; without one of the two numbers its datum says nothing."""
        placed = longitude is not None and latitude is not None
        return self._replace(longitude=longitude, latitude=latitude, datum=datum if placed else UNKNOWN)


class Problem(NamedTuple):
    """Something of a track that cannot be used, and why."""

    name: str
    reason: Text


class Listing(NamedTuple):
    """The points of one track in text order of their ids, and what was left out."""

    points: Sequence[TrackPoint]
    problems: Sequence[Problem] = ()


class TrackStore(Protocol):
    """Where tracks come from. All functions may be called from several threads at once."""

    def points(self, track: str) -> Listing:
        """The points of a track.

        Raises:
            NotFoundError: There is no such track.
            BusyError: The store did not answer, however often it was asked.
            JobError: The store has not answered for many requests in a row.
        """
        ...

    def picture(self, point: TrackPoint) -> bytes:
        """The bytes of a point's picture: a whole JPEG or PNG.

        Raises:
            NotFoundError: It is gone.
            BrokenFileError: It is truncated, or no picture at all.
            BusyError: The store did not answer, however often it was asked.
            JobError: The store has not answered for many requests in a row.
        """
        ...

    def tracks_of_task(self, task: str) -> list[str]:
        """The tracks of a survey task.

        Raises:
            NotFoundError: There is no such task.
            BusyError: The store did not answer, however often it was asked.
            JobError: The store has not answered for many requests in a row.
        """
        ...

    def close(self) -> None:
        """Give connections back."""
        ...
