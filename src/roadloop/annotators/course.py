"""How far the packages of a version are: handed over, finished at the annotator, fetched, published, rejected."""

from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final

from roadloop.accounts import service as accounts
from roadloop.annotators import store
from roadloop.annotators.folder import FolderAnnotator
from roadloop.annotators.protocol import Annotator, Done
from roadloop.annotators.service import open_annotator
from roadloop.errors import BrokenFileError, JobError, Language, Text
from roadloop.jobs.history import format_time
from roadloop.packages import manifest as manifests
from roadloop.packages import places, standing
from roadloop.storage.platform import Platform

_NOBODY: Final = Counter[str]()


def of_version(platform: Platform, version: str, language: Language) -> dict[str, Any]:
    """One version with its packages, plain values.

    Raises:
        NotFoundError: It has neither pictures nor packages.
        PathOutsideError: A configured folder lies outside the workspace and its roots.
    """
    workspace = platform.workspace
    folder = places.folder_of(workspace, places.PACKAGES, version)
    images = places.folder_of(workspace, places.IMAGES, version).is_dir()
    if not folder.is_dir() and not images:
        places.existing(workspace, places.IMAGES, version)
    with platform.database.reading() as db:
        handed = store.handed(db, version)
        people = {number: one.person for number, one in handed.items()} | accounts.holders(db)
    with closing(open_annotator(platform)) as annotator:
        rows = _Rows(platform, version, annotator, handed, people, language)
        packages = [rows.describe(number, place) for number, place in places.numbered(folder).items()]
        about = {"annotator": annotator.kind, **_places(platform, annotator)}
    tally = standing.tallies(platform).get(version)
    return {
        "version": version,
        "images": images,
        "waiting": tally.waiting if tally else 0,
        **about,
        "unreachable": rows.unreachable.pick(language) if rows.unreachable else None,
        "packages": packages,
        "people": _people(packages),
    }


class _Rows:
    """The packages of a version, one after the other; a server that does not answer is asked once."""

    def __init__(
        self,
        platform: Platform,
        version: str,
        annotator: Annotator,
        handed: Mapping[int, store.Handed],
        people: Mapping[int, str],
        language: Language,
    ) -> None:
        self._annotator: Final = annotator
        self._handed: Final = handed
        self._people: Final = people
        self._language: Final = language
        self._outcomes: Final = standing.by_package(platform, version)
        self._released: Final = places.folder_of(platform.workspace, places.RELEASED, version)
        self.unreachable: Text | None = None

    def describe(self, number: int, folder: Path) -> dict[str, Any]:
        """One package, plain values."""
        outcomes = self._outcomes.get(number, _NOBODY)
        row = {
            "number": number,
            "published": outcomes["published"],
            "rejected": outcomes["rejected"],
            "pushed": self._handed[number].annotator if number in self._handed else None,
            "person": self._people.get(number, ""),
        }
        try:
            manifest = manifests.read(folder)
        except BrokenFileError as error:
            nothing = dict.fromkeys(("done", "newest", "first", "last"))
            return {**row, "type": "", "pictures": 0, "returned": 0, **nothing} | {
                "problem": error.text.pick(self._language)
            }
        back: set[str] = set()
        with suppress(OSError):
            back = {file.name for file in (self._released / str(number)).iterdir()}
        done = self._done(manifest)
        return {
            **row,
            "type": manifest.type,
            "pictures": len(manifest.pictures),
            "returned": sum(picture.label in back for picture in manifest.pictures),
            "done": done.labels if done else None,
            "newest": format_time(done.newest) if done else None,
            "first": done.first if done else None,
            "last": done.last if done else None,
            "problem": None,
        }

    def _done(self, manifest: manifests.PackageManifest) -> Done | None:
        if self.unreachable is not None:
            return None
        try:
            return self._annotator.done(manifest)
        except JobError as error:
            self.unreachable = error.text
            return None


def _people(packages: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """How far each of the people is who have packages, by name."""
    found: dict[str, Counter[str]] = {}
    for row in packages:
        if row["person"]:
            finished = max(row["done"] or 0, row["returned"])
            some = {name: row[name] for name in ("pictures", "returned", "published", "rejected")}
            found.setdefault(row["person"], Counter()).update({"packages": 1, "done": finished, **some})
    return [{"person": name, **counts} for name, counts in sorted(found.items())]


def _places(platform: Platform, annotator: Annotator) -> dict[str, str]:
    """Where people find packages and put labels, as they would be told."""
    if not isinstance(annotator, FolderAnnotator):
        return {"outbox": platform.settings.label_studio_url, "inbox": ""}
    outbox = platform.workspace.packages if annotator.outbox is None else annotator.outbox
    return {"outbox": str(outbox), "inbox": str(annotator.inbox)}
