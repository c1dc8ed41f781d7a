"""Tracks in object stores: `s3://bucket/prefix/tracks/<track>/<point>.jpg`, with the same tables beside them as in folders."""

import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Final

from roadloop.errors import BrokenFileError, NotFoundError, Text
from roadloop.imaging.decode import check_image
from roadloop.settings import Datum
from roadloop.storage import objects, reading
from roadloop.storage.objects import ObjectPath
from roadloop.tracks.folder import (
    FACTS,
    MAX_PICTURE,
    TASKS,
    facts_in,
    list_points,
    no_task,
    no_track,
    pictures_of,
    tracks_in,
)
from roadloop.tracks.records import UNKNOWN, Listing, Problem, TrackPoint


class BucketStore:
    """Tracks below some places; where two of them have the same track, the first one counts.

    Args:
        places: Places that hold a place for each track.
        max_pixels: Largest picture that counts as one.
        datum: Of positions whose `track.csv` names none.
    """

    def __init__(self, places: Sequence[ObjectPath], max_pixels: int, datum: Datum = UNKNOWN) -> None:
        self._places: Final = tuple(places)
        self._max_pixels: Final = max_pixels
        self._datum: Final = datum

    def points(self, track: str) -> Listing:
        """The points of a track, in text order.

        Raises:
            NotFoundError: There is no such track.
            ObjectStoreError: A store refuses all that is asked, or does not answer.
        """
        for place in self._tracks(track):
            names = [entry.name for entry in objects.list_folder(place) if objects.is_plain(entry.name)]
            if names:
                facts = facts_in(_table(place / FACTS)) if FACTS in names else {}
                problems: list[Problem] = []
                found = pictures_of((name for name in names if not name.startswith(".")), problems)
                listing = list_points(track, found, facts, self._datum, problems)
                points = [point._replace(file=str(place / point.file)) for point in listing.points]
                return Listing(points, listing.problems)
        raise no_track(track)

    def picture(self, point: TrackPoint) -> bytes:
        """The bytes of a point's picture.

        Raises:
            NotFoundError: It is gone, or cannot be read.
            BrokenFileError: Truncated, no picture, or too large.
            ObjectStoreError: The store refuses all that is asked, or does not answer.
        """
        place = next((place for place in self._places if point.file.startswith(f"{place}/")), None)
        if place is None:
            raise no_track(point.track)
        file = place / point.file.removeprefix(f"{place}/")
        try:
            data = reading.read_bytes(file)
        except OSError as error:
            what = reading.why(error)
            raise NotFoundError(
                Text(f"读不到图片 {point.stem}：{what.zh}。", f"Cannot read the picture {point.stem}: {what.en}.")
            ) from error
        if len(data) > MAX_PICTURE:
            raise BrokenFileError(Text(f"图片 {point.stem} 过大。", f"The file of picture {point.stem} is too large."))
        check_image(data, self._max_pixels)
        return data

    def tracks_of_task(self, task: str) -> list[str]:
        """The tracks of a survey task, as the `tasks.csv` objects say.

        Raises:
            NotFoundError: No object names the task.
            ObjectStoreError: A store refuses all that is asked, or does not answer.
        """
        found: dict[str, None] = {}
        for place in self._places:
            found |= dict.fromkeys(tracks_in(_table(place / TASKS), task))
        if not found:
            raise no_task(task)
        return list(found)

    def close(self) -> None:
        """The connections belong to the process."""

    def _tracks(self, track: str) -> Iterator[ObjectPath]:
        """Where a track may lie, in the forms of Unicode that programs write."""
        if not objects.is_plain(track) or "/" in track:
            raise no_track(track)
        names = dict.fromkeys((track, unicodedata.normalize("NFC", track), unicodedata.normalize("NFD", track)))
        yield from (place / name for place in self._places for name in names)


def _table(place: ObjectPath) -> bytes:
    """A table; nothing where it is missing, or cannot be read."""
    with suppress(OSError):
        return reading.read_bytes(place)
    return b""
