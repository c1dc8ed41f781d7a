"""What `fsck` asks of the trash: whether what can come back is there, as it was written."""

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

import sqlalchemy as sa

from roadloop.errors import Text
from roadloop.jobs.findings import Cure, Problem, Repair, aside
from roadloop.jobs.store import seals
from roadloop.storage import publish
from roadloop.storage.platform import Platform
from roadloop.storage.trash import trash


def problems(platform: Platform, *, hashes: bool) -> Iterator[Problem]:
    """Deleted things whose files are gone or damaged, and folders of the trash that no row knows."""
    with platform.database.reading() as db:
        rows = db.execute(sa.select(trash).order_by(trash.c.id)).all()
    marks = {PurePosixPath(kept).parts[1] for row in rows for _path, kept in row.moves}
    for row in rows:
        if row.state == "deleted":
            yield from _deleted(platform, row, hashes=hashes)
    for folder in sorted(platform.workspace.trash.glob("*")):
        if folder.name not in marks:
            text = Text(f"回收站里的 {folder} 没有记录。", f"No row knows {folder} in the trash.")
            yield Problem(text, aside(folder, text))


def _deleted(platform: Platform, row: sa.Row[Any], *, hashes: bool) -> Iterator[Problem]:
    cure = _give_up(row)
    for path, kept in row.moves:
        for text in _damage(platform, row, path, kept, hashes=hashes):
            yield Problem(Text(f"回收站中的 {row.name}：{text.zh}", f"{row.name} in the trash: {text.en}"), cure)


def _damage(platform: Platform, row: sa.Row[Any], path: str, kept: str, *, hashes: bool) -> Iterator[Text]:
    """What is wrong with one folder or file that had the stored path `path`."""
    place = platform.workspace.home / kept
    if not place.exists() and not place.is_symlink():
        yield publish.missing(place)
        return
    if (place / publish.MANIFEST).is_file() and not path.startswith(platform.workspace.sources.name):
        yield from publish.verify(place, hashes=hashes)
    sums = [values for name, values in row.rows if name == seals.name]
    for one in sums:
        if PurePosixPath(one["path"]).is_relative_to(path):
            file = place / PurePosixPath(one["path"]).relative_to(path)
            text = publish.compare(file, {"sha256": one["sha256"]}, hashes=hashes)
            if text is not None:
                yield text


def _give_up(row: sa.Row[Any]) -> Cure:
    """The cure: it cannot come back whole, so what is left of it goes to quarantine and its row is forgotten."""
    offer = Text(
        f"{row.name} 不能完整还原：把其余文件移到 quarantine/，并忘记这一项",
        f"{row.name} cannot come back whole: move what is left to quarantine/ and forget it",
    )

    def apply(repair: Repair) -> None:
        workspace = repair.platform.workspace
        for mark in {PurePosixPath(kept).parts[1] for _path, kept in row.moves}:
            repair.put_aside(workspace.trash / mark, offer)
        with repair.platform.database.transaction() as db:
            db.execute(trash.delete().where(trash.c.id == row.id))
        repair.log(offer)

    return Cure(f"trash-{row.id}", offer, apply)
