"""What `fsck` asks of source sets: whether pictures that a set only refers to are those that were imported."""

import hashlib
from collections.abc import Iterator

from roadloop.errors import BrokenFileError, ObjectStoreError, Text
from roadloop.jobs.findings import Problem
from roadloop.sources.manifest import Row, read_manifest
from roadloop.sources.service import list_sets
from roadloop.storage import publish, reading
from roadloop.storage.objects import ObjectPath
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform


def referred_files(platform: Platform, *, hashes: bool) -> Iterator[Problem]:
    """The pictures and labels elsewhere that are gone or have changed since the import; in object stores with `hashes` only.

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
        try:
            for row in rows:
                if row.image:
                    yield from _referred(workspace, row, hashes=hashes)
        except ObjectStoreError as error:  # said once for a set, not for each of its pictures
            yield Problem(error.text)


def _referred(workspace: Workspace, row: Row, *, hashes: bool) -> Iterator[Problem]:
    for text, expected in ((row.image, row.image_sha256), (row.label, row.label_sha256)):
        place = workspace.find_place(text)
        if not text or not workspace.holds(place):
            continue
        if isinstance(place, ObjectPath):
            wrong = _compare_object(place, expected) if hashes else None
        else:
            wrong = publish.compare(place, {"sha256": expected}, hashes=hashes and bool(expected))
        if wrong is not None:
            yield Problem(wrong)


def _compare_object(place: ObjectPath, sha256: str) -> Text | None:
    try:
        data = reading.read_bytes(place)
    except OSError as error:
        what = reading.why(error)
        return Text(f"{place} 无法读取：{what.zh}。", f"{place} cannot be read: {what.en}.")
    if not sha256 or hashlib.sha256(data).hexdigest() == sha256:
        return None
    return Text(f"{place} 与导入时不同。", f"{place} is not what was imported.")
