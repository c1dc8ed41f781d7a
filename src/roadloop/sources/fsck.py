"""What `fsck` asks of source sets: whether pictures that a set only refers to are those that were imported."""

from collections.abc import Iterator

from roadloop.errors import BrokenFileError, Text
from roadloop.jobs.findings import Problem
from roadloop.sources.manifest import Row, read_manifest
from roadloop.sources.service import list_sets
from roadloop.storage import publish
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform


def referred_files(platform: Platform, *, hashes: bool) -> Iterator[Problem]:
    """The pictures and labels elsewhere that are gone or have changed since the import.

    Places outside the workspace and its roots are left to the claims.
    """
    workspace = platform.workspace
    for name in list_sets(workspace):
        folder = workspace.find_path(f"{workspace.sources.name}/{name}")
        try:
            rows = read_manifest(folder).values()
        except (BrokenFileError, OSError) as error:
            if isinstance(error, BrokenFileError):
                yield Problem(Text(f"{folder}：{error.text.zh}", f"{folder}: {error.text.en}"))
            continue
        for row in rows:
            if row.image:
                yield from _referred(workspace, row, hashes=hashes)


def _referred(workspace: Workspace, row: Row, *, hashes: bool) -> Iterator[Problem]:
    for text, expected in ((row.image, row.image_sha256), (row.label, row.label_sha256)):
        path = workspace.find_path(text)
        if not text or not workspace.holds(path):
            continue
        wrong = publish.compare(path, {"sha256": expected}, hashes=hashes and bool(expected))
        if wrong is not None:
            yield Problem(wrong)
