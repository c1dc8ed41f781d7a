"""Put imported pictures into a source set: a new one, which appears as a whole, or new packages of one that is there."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, InvalidNameError, Text
from roadloop.imaging.encode import encode_label
from roadloop.jobs.context import Move
from roadloop.labels.colors import ColorCoder, with_ignore
from roadloop.labels.table import IGNORE, format_csv
from roadloop.sources.importers.found import Fate, Line
from roadloop.sources.importers.read import Ready, files_of
from roadloop.sources.layout import CLASSES, LABEL_PREFIX, SPLIT_NAMES, SPLITS
from roadloop.sources.manifest import MANIFEST, Row, format_manifest, read_manifest
from roadloop.sources.recipe import ORIGIN, ImportRecipe, Origin, format_origin
from roadloop.sources.survey import Survey
from roadloop.sources.writer import files_of_picture
from roadloop.storage import publish, reading
from roadloop.storage.objects import ObjectPath
from roadloop.storage.paths import Workspace, check_name
from roadloop.tracks.service import UNKNOWN

Scratch = Callable[[Path], Path]

_TAKEN: Final = Text("与另一张图片同包同名", "Another picture of the package has the same name")


class Deposit:
    """Receives the good pictures of one import.

    Args:
        workspace: Where the source set is to be; its folder may be there already.
        recipe: The import; what it says is kept for every picture.
        done: What is known of the imported folder.
        scratch: Gives a scratch path beside a target; None: nothing is written, everything is decided.
    """

    def __init__(
        self, workspace: Workspace, recipe: ImportRecipe, done: Survey, scratch: Scratch | None = None
    ) -> None:
        target = workspace.sources / recipe.dest
        self._target: Final = target
        self._workspace: Final = workspace
        self._recipe: Final = recipe
        self._survey: Final = done
        self._table = done.meaning.table
        self._scratch: Final = scratch or (lambda place: place)
        self._dry: Final = scratch is None
        self._grows: Final = target.is_dir()
        self._old: Final = read_manifest(target) if self._grows else {}
        self._by_origin: Final = {row.origin: row for row in self._old.values() if row.origin}
        self._rows: Final[dict[str, Row]] = {}
        self._splits: Final[dict[str, list[str]]] = {}
        self._packages: Final[dict[str, str]] = {}
        self._folders: Final[dict[str, Path]] = {}
        self._sums = _known_sums(target) if self._grows else {}
        self._coder: ColorCoder | None = None
        self._new_table = not self._grows
        self._whole: Final = self._scratch(target)
        if not self._grows and not self._dry:
            self._whole.mkdir(parents=True)

    def known(self, image: str) -> tuple[str, str] | None:
        """The sha256 of picture and label when this file was imported before."""
        row = self._by_origin.get(image)
        return (row.image_sha256, row.label_sha256) if row else None

    def add(self, ready: Ready) -> list[Line]:
        """Add one picture; returns the lines of its files."""
        item = ready.item
        try:
            package, stem = self._package(item.package), check_name(item.stem, "stem")
            if stem.startswith(LABEL_PREFIX):
                raise InvalidNameError(Text("图片名不能以 label- 开头", "A picture's name must not begin with label-"))
        except InvalidNameError as error:
            return [Line(file, Fate.BAD_NAME, error.text) for file in files_of(item)]
        row = self._row(ready, package, stem)
        if row.key in self._rows:
            return [Line(file, Fate.TAKEN, _TAKEN) for file in files_of(item)]
        if not self._dry:
            row = self._refer(ready, row) if self._recipe.mode == "reference" else self._written(ready, row)
        self._rows[row.key] = row
        if item.split:
            self._splits.setdefault(item.split, []).append(row.key)
        return [Line(file, Fate.ADDED, ready.note) for file in files_of(item)]

    def finish(self) -> list[Move]:
        """Write what describes the set; returns the renames that make everything visible, none when nothing is new.

        Copied pictures come after their manifest, labels of pictures elsewhere before it, so that nobody who reads
        the set between two renames finds a wrong fact.
        """
        if not self._rows:
            return []
        moves = [(folder, self._target / name) for name, folder in sorted(self._folders.items())]
        described = self._describe()
        os.sync()  # one flush for thousands of small files
        if not self._grows:
            return [(self._whole, self._target)]
        return [*moves, *described] if self._recipe.mode == "reference" else [*described, *moves]

    def _row(self, ready: Ready, package: str, stem: str) -> Row:
        item, recipe = ready.item, self._recipe
        return Row(
            package=package,
            stem=stem,
            track=item.track,
            point=item.point,
            city=recipe.city or item.city,
            time=item.time,
            longitude=item.longitude,
            latitude=item.latitude,
            datum=recipe.datum if item.datum in ("", UNKNOWN) else item.datum,
            author=recipe.author,
            source=recipe.source,
            annotype=recipe.annotype,
            datakind=recipe.datakind,
            imgoprange=recipe.imgoprange,
            origin=item.image,
            image_sha256=ready.image_sha256,
            label_sha256=ready.label_sha256,
        )

    def _package(self, wanted: str) -> str:
        """The package's name in the set; in a set that grows it must be a new one."""
        if wanted not in self._packages:
            name, number = check_name(wanted, "package"), 2
            taken = {row.package for row in self._old.values()} | set(self._packages.values())
            while self._grows and (name in taken or (self._target / name).exists()):
                name, number = check_name(f"{wanted}-{number}", "package"), number + 1
            self._packages[wanted] = name
        return self._packages[wanted]

    def _folder(self, package: str) -> Path:
        if package not in self._folders:
            folder = self._scratch(self._target / package) if self._grows else self._whole / package
            folder.mkdir()
            self._folders[package] = folder
        return self._folders[package]

    def _refer(self, ready: Ready, row: Row) -> Row:
        """The row of a picture that stays where it is; a label that had to be translated is written into the set."""
        row = row._replace(image=self._locate(ready.item.image))
        if ready.stays is None:
            self._put(row.package, f"{row.stem}.png", encode_label(ready.ids))
            return row
        label = files_of(ready.item)[1]
        return row._replace(label=self._locate(label), label_kind=ready.stays)

    def _locate(self, file: str) -> str:
        """What the manifest calls a file of the imported folder."""
        place = self._survey.tree.root / file
        return str(place) if isinstance(place, ObjectPath) else self._workspace.store_path(place, raw=True)

    def _written(self, ready: Ready, row: Row) -> Row:
        files = files_of_picture(
            row.stem, ready.image, lambda: encode_label(ready.ids), lambda: self._colors(ready.ids)
        )
        for name, data in files.items():
            self._put(row.package, name, data)
        return row

    def _put(self, package: str, file: str, data: bytes) -> None:
        (self._folder(package) / file).write_bytes(data)
        self._note(f"{package}/{file}", data)

    def _note(self, file: str, data: bytes) -> None:
        """Remember a file's sum; a set whose `manifest.json` somebody else wrote has none."""
        if self._sums is not None:
            self._sums[file] = publish.entry(data)

    def _colors(self, ids: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """The label of a PNG picture, in colours. What nobody labelled needs a colour of its own."""
        if self._table.find(IGNORE) is None and bool((ids == IGNORE).any()):
            self._table, self._coder, self._new_table = with_ignore(self._table), None, True
        self._coder = self._coder or ColorCoder(self._table)
        return self._coder.to_rgb(ids)

    def _describe(self) -> list[Move]:
        moves: list[Move] = []

        def write(name: str, data: bytes) -> None:
            target = self._target / name
            path = self._scratch(target) if self._grows else self._whole / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(data)
            moves.append((path, target))
            self._note(name, data)

        if self._new_table:
            write(CLASSES, format_csv(self._table).encode())
        if not self._grows:
            src, mode, values = self._recipe.src, self._recipe.mode, self._recipe.values
            origin = Origin(src=src, mode=mode, layout=self._survey.layout, values=values)
            write(ORIGIN, format_origin(origin).encode())
        for split in SPLIT_NAMES if self._splits else ():
            older = self._older_list(split)
            keys = sorted({*older, *self._splits.get(split, [])})
            write(f"{SPLITS}/{split}.txt", "".join(f"{key}\n" for key in keys).encode())
        write(MANIFEST, format_manifest([*self._old.values(), *self._rows.values()]))
        if self._sums is not None:
            write(publish.MANIFEST, publish.manifest_bytes(self._sums))
        return moves

    def _older_list(self, split: str) -> list[str]:
        path = self._target / SPLITS / f"{split}.txt"
        text = reading.read_text(path, "utf-8-sig", "replace") if path.is_file() else ""
        return [line.strip() for line in text.splitlines() if line.strip()]


def _known_sums(target: Path) -> dict[str, Any] | None:
    """The sums of a set that grows; None where a file of people's own has the name of ours."""
    if not (target / publish.MANIFEST).exists():
        return {}
    try:
        return dict(publish.read_manifest(target)["files"])
    except BrokenFileError:
        return None
