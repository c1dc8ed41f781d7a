"""What other features can do with tracks: open the store that the settings describe."""

from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, TypeVar

from roadloop.errors import BrokenFileError, InvalidValueError, NotFoundError, Text
from roadloop.storage.folders import Folders
from roadloop.storage.paths import spoken
from roadloop.storage.platform import Place
from roadloop.tracks.datum import DATUMS, check_distances, parse_datum
from roadloop.tracks.folder import FolderStore
from roadloop.tracks.objects import BucketStore
from roadloop.tracks.records import UNKNOWN, Listing, Problem, TrackPoint, TrackStore
from roadloop.tracks.remote import HttpStore, ServiceOptions

__all__ = [
    "DATUMS",
    "UNKNOWN",
    "Listing",
    "Problem",
    "TrackPoint",
    "TrackStore",
    "check_distances",
    "count_pictures",
    "open_folders",
    "open_store",
    "parse_datum",
    "track_folders",
    "track_names",
]

T = TypeVar("T")


def track_folders(platform: Place) -> list[Path]:
    """Where tracks may stand: `tracks/` below the workspace and below every configured root."""
    return [root.path / Folders.tracks.name for root in platform.workspace.roots]


def track_names(platform: Place) -> list[str]:
    """Names of the tracks that stand in folders, each once, in text order; none is opened."""
    found: set[str] = set()
    for folder in track_folders(platform):
        if folder.is_dir():
            found |= {spoken(p.name) for p in folder.iterdir() if not p.name.startswith(".") and p.is_dir()}
    return sorted(found)


def count_pictures(platform: Place, track: str) -> int:
    """Picture files of a track that stands in a folder, by their names; 0 where it cannot be listed."""
    try:
        return len(open_folders(platform).points(track).points)
    except (NotFoundError, BrokenFileError):
        return 0


def open_folders(platform: Place) -> FolderStore:
    """The tracks that stand in folders; nothing outside this machine is asked."""
    settings = platform.settings
    roots = [root.path for root in platform.workspace.roots]
    return FolderStore(track_folders(platform), roots, settings.max_picture_mpix * 1_000_000, settings.track_datum)


def open_store(platform: Place) -> TrackStore:
    """The track store of an installation: its folders first, then object stores among its roots, then the HTTP service.

    Raises:
        InvalidValueError: `track_service_url` is no http or https address.
    """
    settings = platform.settings
    found: list[TrackStore] = [open_folders(platform)]
    if platform.workspace.stores:
        places = [store / Folders.tracks.name for store in platform.workspace.stores]
        found.append(BucketStore(places, settings.max_picture_mpix * 1_000_000, settings.track_datum))
    if not settings.track_service_url:
        return ChainStore(found)
    if not settings.track_service_url.lower().startswith(("http://", "https://")):
        raise InvalidValueError(
            Text(
                f"设置 track_service_url 的值 {settings.track_service_url!r} 不是 http(s) 地址。",
                f"The setting track_service_url, {settings.track_service_url!r}, is no http(s) address.",
            ),
            parameter="track_service_url",
        )
    options = ServiceOptions(
        url=settings.track_service_url,
        timeout=settings.track_service_timeout,
        retries=settings.track_service_retries,
        image_query={
            "type": settings.track_service_type,
            "seq": settings.track_service_seq,
            "imageType": settings.track_service_image_type,
        },
        parallel=settings.track_service_parallel,
        max_pixels=settings.max_picture_mpix * 1_000_000,
        datum=settings.track_service_datum,
    )
    return ChainStore([*found, HttpStore(options)])


class ChainStore:
    """Several stores; the first one that has a track answers for it.

    Args:
        stores: In the order in which they are asked.
    """

    def __init__(self, stores: Sequence[TrackStore]) -> None:
        self._stores: Final = tuple(stores)

    def points(self, track: str) -> Listing:
        """The points of a track; see `TrackStore`."""
        return self._first(lambda store: store.points(track))

    def picture(self, point: TrackPoint) -> bytes:
        """The bytes of a point's picture; see `TrackStore`."""
        return self._first(lambda store: store.picture(point))

    def tracks_of_task(self, task: str) -> list[str]:
        """The tracks of a survey task; see `TrackStore`."""
        return self._first(lambda store: store.tracks_of_task(task))

    def close(self) -> None:
        """Close all of them."""
        for store in self._stores:
            store.close()

    def _first(self, ask: Callable[[TrackStore], T]) -> T:
        """The first answer; that of the last store where the others do not have it."""
        for store in self._stores[:-1]:
            with suppress(NotFoundError):
                return ask(store)
        return ask(self._stores[-1])
