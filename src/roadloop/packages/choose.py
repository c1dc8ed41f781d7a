"""What a division is going to give out: pictures in track order, and known ones among them as a test."""

import random
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePath, PurePosixPath
from typing import Any

from roadloop.errors import JobError, Text, many
from roadloop.imaging.header import read_header
from roadloop.packages import places
from roadloop.packages.listing import Candidate, list_pictures
from roadloop.packages.manifest import PICTURE_PREFIX
from roadloop.packages.plan import Role
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.layout import Problem, point_of
from roadloop.sources.service import open_set, scan
from roadloop.storage import reading
from roadloop.storage.objects import ObjectPath
from roadloop.storage.paths import Workspace


def of_version(workspace: Workspace, version: str, leave_out: set[str]) -> tuple[list[Candidate], list[Problem]]:
    """The pictures of `images/<version>` in track order, those left out that are in packages already.

    Raises:
        NotFoundError: The version's folder is gone.
    """
    folder = places.existing(workspace, places.IMAGES, version)
    found, problems = list_pictures(folder, workspace.holds, f"{places.IMAGES}/{version}")
    return [c for c in found if c.origin not in leave_out], problems


def again(rows: Sequence[Any]) -> list[Candidate]:
    """The pictures of rejected rows."""
    return [
        Candidate(row.origin, row.name.removeprefix(PICTURE_PREFIX), row.track, row.point, dict(row.facts))
        for row in rows
    ]


def draw_gold(workspace: Workspace, name: str, wanted: int, seed: int, max_pixels: int) -> list[Candidate]:
    """Draw labelled pictures from a source set; only those whose picture and label are good.

    Raises:
        NotFoundError: The set is gone.
        JobError: It has too few good pictures.
    """
    if not wanted:
        return []
    source = open_set(workspace, name, "gold_set")
    samples = scan(source).samples
    random.Random(f"{seed}:gold").shuffle(samples)
    drawn: list[Candidate] = []
    for sample in samples:
        checked = check_sample(sample, source.table, max_pixels)
        if isinstance(checked, Checked) and not checked.unknown_pixels:
            image = sample.image
            origin = str(image) if isinstance(image, ObjectPath) else workspace.store_path(image.resolve())
            drawn.append(Candidate(origin, image.name, "", "", {}, sample.key))
        if len(drawn) == wanted:
            return drawn
    raise JobError(
        Text(
            f"源数据 {name} 只有 {len(drawn)} 张可用作检验的图片，需要 {wanted} 张；请减小 gold。",
            f"The source set {name} has only {many(len(drawn), 'picture')} that can be tests, {wanted} are asked for;"
            " lower gold.",
        )
    )


def disguise(plan: list[list[tuple[Candidate, Role]]], seed: int) -> Iterator[list[tuple[Candidate, Role]]]:
    """Give known pictures names like those of their neighbours, so that nobody sees which they are.

    Yields:
        For each package (picture, role) in the order of their names.
    """
    taken = {PurePath(p.name).stem for package in plan for p, role in package if role != "gold"}
    drawn = random.Random(f"{seed}:names")
    for package in plan:
        ordinary = [p for p, role in package if role != "gold"]
        entries = [
            (_renamed(p, drawn.choice(ordinary), taken, drawn) if role == "gold" else p, role) for p, role in package
        ]
        yield sorted(entries, key=lambda e: (e[0].track, e[0].point, e[0].name))


def _renamed(gold: Candidate, neighbour: Candidate, taken: set[str], drawn: random.Random) -> Candidate:
    pattern = PurePath(neighbour.name).stem
    last = re.search(r"\d+(?=\D*$)", pattern)
    stem = pattern
    for n in range(1000):
        if last and n < 500:
            width = len(last[0])
            stem = f"{pattern[: last.start()]}{drawn.randrange(10**width):0{width}d}{pattern[last.end() :]}"
        else:
            stem = f"{pattern}_{n}"
        if stem not in taken:
            break
    taken.add(stem)
    ending = PurePosixPath(gold.name).suffix
    return gold._replace(
        name=f"{stem}{ending}", track=neighbour.track, point=point_of(stem), facts=dict(neighbour.facts)
    )


def read_whole(workspace: Workspace, origin: str) -> bytes:
    """The bytes of a candidate's file.

    Raises:
        OSError: It cannot be read.
        BrokenFileError: It is neither JPEG nor PNG.
        PathOutsideError: Its links lead out of the workspace and its roots by now.
        ObjectStoreError: It lies in a store that refuses all that is asked, or does not answer.
    """
    data = reading.read_bytes(workspace.follow_place(workspace.find_place(origin)))
    read_header(data)
    return data
