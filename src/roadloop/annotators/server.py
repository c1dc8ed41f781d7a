"""The Label Studio annotator: a package is a project, a picture a task, a label a finished annotation.

Both sides can be told apart: the project's description and each task's data carry a key made of the package's
manifest, and the rows here keep the task ids. So a push that was cut off goes on where it stopped, also when the rows
were lost, and a pull fetches only what is new or has changed.
"""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePath
from typing import Any, Final

from roadloop.annotators import markup, store
from roadloop.annotators.client import LabelStudio
from roadloop.annotators.protocol import Done, Pulled, Watch
from roadloop.errors import BrokenFileError, Text
from roadloop.imaging.decode import decode_color_label
from roadloop.imaging.encode import encode_color
from roadloop.labels import label_studio
from roadloop.labels.colors import ColorCoder
from roadloop.labels.label_studio import Shape
from roadloop.labels.polygons import loss, outlines, rasterise
from roadloop.labels.table import IGNORE
from roadloop.packages import service as packages
from roadloop.packages.cut import framed, inner
from roadloop.packages.manifest import PRE_LABELS, PackageManifest, PackedPicture
from roadloop.storage import reading
from roadloop.storage.platform import Platform
from roadloop.storage.publish import MANIFEST

_TITLE: Final = 50  # characters that Label Studio allows


class LabelStudioAnnotator:
    """Packages on a Label Studio server.

    Args:
        platform: The installation; its settings say where the server is.
        shape: What pre-annotations are pushed as.
        unpainted: Raw id that pulled labels get where nothing is painted; None: those pixels count as unknown.
    """

    kind: Final = "label-studio"

    def __init__(self, platform: Platform, shape: Shape = "brush", unpainted: int | None = None) -> None:
        self._platform: Final = platform
        self._shape: Final = shape
        self._unpainted: Final = unpainted
        settings = platform.settings
        self._server: Final = LabelStudio(settings.label_studio_url, settings.label_studio_token)
        self._limit: Final = settings.max_picture_mpix * 1_000_000
        self._manifests: Final[dict[int, PackageManifest | None]] = {}

    def push(self, folder: Path, manifest: PackageManifest, watch: Watch) -> dict[str, Any]:
        """Make the project and every task that is not there yet.

        Raises:
            JobError: The server cannot be reached or refuses.
        """
        key = f"roadloop {hashlib.sha256(reading.read_bytes(folder / MANIFEST)).hexdigest()[:32]}"
        project = self._project(key, manifest)
        there = {str(data.get("roadloop")): task for task, data in self._server.tasks(project)}
        uploads = self._server.uploads(project)
        lost: dict[int, dict[str, Any]] = {}
        already, total = 0, len(manifest.pictures)
        package = {
            "server": self._server.url,
            "project": project,
            "version": manifest.version,
            "number": manifest.number,
        }
        for n, picture in enumerate(manifest.pictures):
            watch(n, total)
            mark = f"{key}/{picture.name}"
            task = there.get(mark)
            if task is None:
                file = f"{n:05d}-{picture.source_sha256[:12]}{PurePath(picture.name).suffix.lower()}"
                url = uploads.get(file) or self._server.upload(project, file, reading.read_bytes(folder / picture.name))
                data = {"image": url, "name": picture.name, "package": f"{manifest.version}/{manifest.number}"}
                drawn = self._first_label(folder, manifest, picture, lost)
                task = self._server.add_task(project, {**data, "roadloop": mark}, drawn)
            else:
                already += 1
            store.remember_task(self._platform.database, {**package, "remote_id": task, "name": picture.name})
        ids = store.remote_ids(self._platform.database, self._server.url, project)
        return {
            "place": f"{self._server.url}/projects/{project}",
            "project": project,
            "pictures": total,
            "already": already,
            "taskid_start": min(ids),
            "taskid_end": max(ids),
            "polygon_loss": [lost[raw_id] for raw_id in sorted(lost)],
        }

    def tasks(self, start: int, end: int) -> list[int]:
        """Ids of the tasks that this installation pushed."""
        return store.task_range(self._platform.database, self._server.url, start, end)

    def pull(self, task: int, standing: Path) -> Iterator[Pulled]:
        """The newest finished annotation of one task.

        Raises:
            JobError: The server cannot be reached or refuses.
        """
        row = store.find_task(self._platform.database, self._server.url, task)
        manifest = self._manifest(row.number)
        picture = next((p for p in manifest.pictures if p.name == row.name), None) if manifest else None
        if manifest is None or picture is None:
            why = Text(f"任务包 {row.number} 已不在或已改变", f"package {row.number} is gone or has changed")
            yield Pulled(task, row.number, "", "bad", reason=why)
            return
        found = self._server.task(task)
        if found is None:
            why = Text("Label Studio 中已删除这个任务", "the task was deleted in Label Studio")
            yield Pulled(task, row.number, picture.label, "bad", reason=why)
            return
        annotation = _newest(found)
        if annotation is None:
            yield Pulled(task, row.number, picture.label, "unfinished")
            return
        stamp = f"{annotation['id']} {annotation.get('updated_at')} {self._unpainted}"
        file = standing / str(row.number) / picture.label
        if file.is_file() and row.pulled.get(standing.name) == stamp:
            yield Pulled(task, row.number, picture.label, "already", stamp=stamp)
            return
        yield self._draw(task, row.number, annotation, picture, manifest)._replace(stamp=stamp)

    def done(self, manifest: PackageManifest) -> Done | None:
        """How many tasks of a package's project have an annotation, as the server counts them.

        Raises:
            JobError: The server cannot be reached or refuses.
        """
        database, url = self._platform.database, self._server.url
        project = store.project_of(database, url, manifest.version, manifest.number)
        finished = None if project is None else self._server.finished(project)
        if project is None or finished is None:
            return None
        ids = store.remote_ids(database, url, project)
        return Done(finished, None, min(ids), max(ids))

    def remember(self, standing: Path, pulled: Sequence[Pulled]) -> None:
        """Keep which annotation each label in `released/<version>` is."""
        stamps = {p.task: p.stamp for p in pulled if p.stamp}
        store.set_pulled(self._platform.database, self._server.url, standing.name, stamps)

    def close(self) -> None:
        """Close the connections to the server."""
        self._server.close()

    def _draw(
        self, task: int, number: int, annotation: Mapping[str, Any], picture: PackedPicture, manifest: PackageManifest
    ) -> Pulled:
        table = manifest.table
        drawing = markup.read(annotation.get("result") or (), picture.size, table)
        if drawing.problems:
            return Pulled(task, number, picture.label, "bad", reason=drawing.problems[0])
        data = encode_color(markup.colored(drawing, table, self._unpainted))
        return Pulled(task, number, picture.label, "finished", data, overlap=drawing.overlap)

    def _project(self, key: str, manifest: PackageManifest) -> int:
        known = store.project_of(self._platform.database, self._server.url, manifest.version, manifest.number)
        if known is not None and self._server.has_project(known):
            return known
        found = self._server.find_project(key)
        if found is not None:
            return found
        number = f" #{manifest.number}"
        title = f"{manifest.version[: _TITLE - len(number)]}{number}"
        return self._server.create_project(title, key, label_studio.config(manifest.table))

    def _first_label(
        self, folder: Path, manifest: PackageManifest, picture: PackedPicture, lost: dict[int, dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """The pre-annotation of a picture as regions; adds to `lost` what polygons change."""
        file = folder / PRE_LABELS / picture.label
        if not file.is_file():
            return []
        try:
            rgb = decode_color_label(reading.read_bytes(file), self._limit)
        except BrokenFileError:  # a rejected label that nothing can read: the annotator begins anew
            return []
        width, height = picture.size
        if rgb.shape != (height, width, 3):
            return []
        table, border = manifest.table, manifest.border
        ids = framed(ColorCoder(table).to_ids(inner(rgb, border)).ids, border, IGNORE)
        if self._shape == "polygon":
            back = rasterise(outlines(ids), width, height)
            for row in loss(ids, back, table):
                total = lost.setdefault(row["raw_id"], {**row, "pixels": 0, "lost": 0, "gained": 0})
                for name in ("pixels", "lost", "gained"):
                    total[name] += row[name]
        return label_studio.regions(ids, table, self._shape)

    def _manifest(self, number: int) -> PackageManifest | None:
        if number not in self._manifests:
            try:
                self._manifests[number] = packages.find(self._platform, number)
            except BrokenFileError:
                self._manifests[number] = None
        return self._manifests[number]


def _newest(task: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The annotation that was submitted last and not cancelled."""
    found = [a for a in task.get("annotations", ()) if not a.get("was_cancelled")]
    return max(found, key=lambda a: (str(a.get("updated_at")), int(a["id"])), default=None)
