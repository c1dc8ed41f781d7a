"""Find labelled pictures over all source sets, in their indexes; and have an index made."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.errors import InvalidValueError, Language, RoadloopError, Text
from roadloop.jobs import queue
from roadloop.jobs.store import ACTIVE, jobs
from roadloop.labels.table import ClassTable
from roadloop.lists import read_names
from roadloop.sources.contents import address_of
from roadloop.sources.finding.build import fingerprint_of
from roadloop.sources.finding.index import Entry, Index, Where, index_path
from roadloop.sources.finding.recipe import FindPictures, ReadLabels
from roadloop.sources.service import SourceSet, list_sets, open_set
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform

KIND: Final = "index"
_SOME: Final = 20  #: class names that a refusal shows


class _Known(NamedTuple):
    """A source set with its index, and whether the set has changed since."""

    source: SourceSet
    shelf: Index
    old: bool


def order(platform: Platform, request: ReadLabels) -> Write[str]:
    """Check an order to read a set's labels, so that its pictures can be found.

    Returns:
        Writes the job, unless one for the set waits or runs; answers the task id.

    Raises:
        NotFoundError: There is no such set.
        LabelMapError: Its class table cannot be used.
    """
    name = open_set(platform.workspace, request.name, "name").name
    payload = ReadLabels(name=name).payload()

    def write(db: sa.Connection) -> str:
        active = sa.select(jobs.c.id).where(ACTIVE, jobs.c.kind == KIND, jobs.c.title == name).limit(1)
        return db.scalar(active) or queue.submit(db, queue.Submission(KIND, payload, name))

    return write


def find(platform: Platform, request: FindPictures) -> dict[str, Any]:
    """A page of the labelled pictures that pass every filter, in order of set, package and name; no folder of pictures is listed.

    Returns:
        `data`: source, package, name, track, point, city, time, author, imgoprange, width, height, classes (raw_id, name_en,
        name_zh, color), image_url, label_url; `total`; `unread`: sets whose labels were not read yet; `old`: sets that have changed since.

    Raises:
        NotFoundError: One of the sets that are named is not there.
        InvalidValueError: No set has a class of that name or id.
        BrokenFileError: The index of a named set cannot be read.
    """
    unread: list[str] = []
    old: list[str] = []
    data: list[dict[str, Any]] = []
    wanted, met = read_names(request.classes), set[str]()
    skip, total, tables = (request.page - 1) * request.page_size, 0, list[ClassTable]()
    for known in _known(platform, read_names(request.sources), unread):
        if known.old:
            old.append(known.source.name)
        tables.append(known.source.table)
        meant = [_ids(known.source.table, name) for name in wanted]
        met |= {name for name, ids in zip(wanted, meant, strict=True) if ids}
        if not all(meant):
            continue
        where = Where(request.package, request.city, request.time, request.imgoprange, tuple(meant))
        count = known.shelf.count(where)
        total += count
        if skip < count and len(data) < request.page_size:
            found = known.shelf.some(where, skip, request.page_size - len(data))
            data += [_row(known.source, entry) for entry in found]
        skip = max(0, skip - count)
    if tables and (strange := [name for name in wanted if name not in met]):
        raise _no_class(strange[0], tables)
    return {"data": data, "total": total, "unread": unread, "old": old}


def choices(platform: Platform, language: Language) -> dict[str, Any]:
    """What can be asked for, counted when the labels were read.

    Returns:
        `sources`: name, state (read, old, unread), pictures, unreadable; `classes`: name, pictures, color; `cities`, `months`,
        `ranges`: name, pictures. The most frequent first.
    """
    unread: list[str] = []
    sources: list[dict[str, Any]] = []
    counts = {name: Counter[str]() for name in ("classes", "cities", "months", "ranges")}
    colors: dict[str, Any] = {}
    for known in _known(platform, [], unread):
        about = known.shelf.about
        state = "old" if known.old else "read"
        sources.append({"name": known.source.name, "state": state, "pictures": about["pictures"],
                        "unreadable": about["unreadable"]})  # fmt: skip
        for name in ("cities", "months", "ranges"):
            counts[name].update(about[name])
        for one in known.source.table.classes:
            name = Text(one.name_zh, one.name_en).pick(language) or str(one.raw_id)
            if number := about["classes"].get(str(one.raw_id)):
                counts["classes"][name] += number
                colors.setdefault(name, list(one.color))
    sources += [{"name": name, "state": "unread", "pictures": None, "unreadable": None} for name in unread]
    told: dict[str, list[dict[str, Any]]] = {
        name: [{"name": value, "pictures": number} for value, number in counter.most_common()]
        for name, counter in counts.items()
    }
    classes = [{**one, "color": colors[one["name"]]} for one in told["classes"]]
    return {**told, "classes": classes, "sources": sorted(sources, key=lambda one: str(one["name"]))}


def _known(platform: Platform, names: list[str], unread: list[str]) -> Iterator[_Known]:
    """The sets that have an index, one after the other; of sets that nobody named, those that cannot be used are passed over."""
    workspace = platform.workspace
    for name in names or list_sets(workspace):
        try:
            source = open_set(workspace, name, "sources")
            if not index_path(workspace, source.name).is_file():
                unread.append(source.name)
                continue
            index = Index(index_path(workspace, source.name))
        except RoadloopError:
            if names:
                raise
            unread.append(name)
            continue
        with index:
            yield _Known(source, index, index.about.get("state") != _state(source))


def _state(source: SourceSet) -> str:
    with suppress(OSError):  # a package goes just now
        return fingerprint_of(source)
    return ""


def _ids(table: ClassTable, name: str) -> frozenset[int]:
    """The raw ids of a table that a name means: in English, in Chinese, or the id itself."""
    wanted = name.casefold()
    return frozenset(
        one.raw_id
        for one in table.classes
        if wanted in (one.name_en.casefold(), one.name_zh.casefold()) or name == str(one.raw_id)
    )


def _row(source: SourceSet, entry: Entry) -> dict[str, Any]:
    facts: Mapping[str, Any] = entry._asdict()
    shown = ("package", "track", "point", "city", "time", "author", "imgoprange", "width", "height")
    there = set(entry.classes)
    address = address_of(source.name, entry.package, entry.stem)
    return {
        "source": source.name,
        "name": entry.stem,
        **{name: facts[name] for name in shown},
        "classes": [
            {"raw_id": one.raw_id, "name_en": one.name_en, "name_zh": one.name_zh, "color": list(one.color)}
            for one in source.table.classes
            if one.raw_id in there
        ],
        "image_url": f"{address}/image",
        "label_url": f"{address}/label",
    }


def _no_class(name: str, tables: list[ClassTable]) -> InvalidValueError:
    known = dict.fromkeys(one.name_en for table in tables for one in table.classes)
    some = ", ".join(list(known)[:_SOME])
    return InvalidValueError(
        Text(
            f"classes：没有名称或编号为 {name[:80]} 的类别；有：{some}",
            f"classes: no class is called {name[:80]} or has that id; there are: {some}",
        ),
        parameter="classes",
    )
