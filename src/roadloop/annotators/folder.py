"""The folder annotator: people take packages from a folder and put results into another.

Packages are picked up in `packages/`, or, where an outbox is set, in a copy of them there. Results are put into the
inbox as `<n>/ext-label-*.png` or `<version>/<n>/ext-label-*.png`.
"""

import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import Any, Final

from roadloop.annotators.protocol import Done, Pulled, Watch
from roadloop.errors import BrokenFileError, ConflictError, PathOutsideError, Text
from roadloop.imaging.header import check_complete, read_header
from roadloop.packages import places
from roadloop.packages import service as packages
from roadloop.packages.manifest import PackageManifest
from roadloop.storage import publish, reading
from roadloop.storage.platform import Platform


class FolderAnnotator:
    """Packages and labels as folders.

    Args:
        platform: The installation.
    """

    kind: Final = "folder"

    def __init__(self, platform: Platform) -> None:
        self._platform: Final = platform
        settings = platform.settings
        self.inbox: Final = platform.workspace.resolve(settings.annotation_inbox, "annotation_inbox")
        outbox = settings.annotation_outbox
        self.outbox: Final = platform.workspace.resolve(outbox, "annotation_outbox", write=True) if outbox else None

    def push(self, folder: Path, manifest: PackageManifest, watch: Watch) -> dict[str, Any]:
        """Copy a package to the outbox, whole or not at all; without an outbox it lies ready where it is.

        Raises:
            ConflictError: Another package lies there under that number.
            BrokenFileError: A file of the package is gone.
        """
        total = len(manifest.pictures)
        if self.outbox is None:
            return {"place": f"packages/{manifest.version}/{manifest.number}", "pictures": total, "already": total}
        target = self.outbox / manifest.version / str(manifest.number)
        if target.exists():
            if not publish.verify(target) and publish.read_manifest(target) == publish.read_manifest(folder):
                return {"place": self._place(target), "pictures": total, "already": total}
            raise ConflictError(
                Text(
                    f"{target} 已存在且内容不同，未覆盖；请先移走它。",
                    f"{target} is there already and differs; it was not replaced. Move it away first.",
                )
            )
        with publish.publishing_folder(target, "push") as scratch:
            files = [*publish.read_manifest(folder)["files"], publish.MANIFEST]
            for n, file in enumerate(files):
                watch(n * total // len(files), total)
                _copy(folder, file, scratch)
        return {"place": self._place(target), "pictures": total, "already": 0}

    def tasks(self, start: int, end: int) -> list[int]:
        """Numbers of the packages that lie in the inbox."""
        return [number for number in sorted(self._folders()) if start <= number <= end]

    def pull(self, task: int, standing: Path) -> Iterator[Pulled]:
        """The labels of one package that lie in the inbox."""
        folder = self._folders()[task]
        try:
            found = packages.find(self._platform, task)
        except BrokenFileError as error:
            yield Pulled(task, task, "", "bad", reason=error.text)
            return
        if found is None:
            why = Text(f"没有编号为 {task} 的任务包", f"there is no package {task}")
            yield Pulled(task, task, "", "bad", reason=why)
            return
        for picture in found.pictures:
            yield self._one(task, folder / picture.label, standing / str(task) / picture.label)

    def done(self, manifest: PackageManifest) -> Done | None:
        """The labels of a package that lie in the inbox."""
        folder = self._lying.get(manifest.number)
        if folder is None:
            return None
        wanted = {picture.label for picture in manifest.pictures}
        times = []
        with suppress(OSError), os.scandir(folder) as found:
            times = [entry.stat().st_mtime for entry in found if entry.name in wanted and entry.is_file()]
        return Done(len(times), max(times, default=None), manifest.number, manifest.number)

    def remember(self, standing: Path, pulled: Sequence[Pulled]) -> None:
        """Nothing to note: the files say it."""

    def close(self) -> None:
        """Nothing is open."""

    @cached_property
    def _lying(self) -> dict[int, Path]:
        """What lay in the inbox when somebody first asked how far packages are."""
        return self._folders()

    def _place(self, target: Path) -> str:
        return self._platform.workspace.store_path(target)

    def _one(self, task: int, file: Path, target: Path) -> Pulled:
        if not reading.is_there(file):
            return Pulled(task, task, file.name, "unfinished")
        try:
            data = reading.read_bytes(self._platform.workspace.follow(file))
            check_complete(data, read_header(data))
        except (OSError, BrokenFileError, PathOutsideError) as error:
            return Pulled(task, task, file.name, "bad", reason=reading.complaint(error))
        same = target.is_file() and reading.read_bytes(target) == data
        return Pulled(task, task, file.name, "already" if same else "finished", data)

    def _folders(self) -> dict[int, Path]:
        """Package number -> folder in the inbox; `<n>` wins over `<version>/<n>`."""
        found: dict[int, Path] = {}
        if self.inbox.is_dir():
            for folder in sorted(self.inbox.iterdir()):
                if folder.is_dir() and not folder.name.isdigit() and not folder.name.startswith("."):
                    found |= places.numbered(folder)
            found |= places.numbered(self.inbox)
        return found


def _copy(folder: Path, file: str, scratch: Path) -> None:
    copy = scratch / file
    copy.parent.mkdir(parents=True, exist_ok=True)
    try:
        shutil.copyfile(folder / file, copy)
    except FileNotFoundError as error:
        place = f"packages/{folder.parent.name}/{folder.name}"
        raise BrokenFileError(
            Text(
                f"任务包 {place} 的文件 {file} 不见了，没有交出；请恢复该文件后重试。",
                f"{file} of {place} is gone, so the package was not handed over; put the file back and retry.",
            ),
            package=place,
        ) from error
