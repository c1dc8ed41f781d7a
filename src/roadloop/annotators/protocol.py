"""What an annotator is to us: a place that takes packages and gives labels back."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple, Protocol

from roadloop.errors import Text
from roadloop.packages.manifest import PackageManifest

Status = Literal["finished", "unfinished", "already", "bad"]
Watch = Callable[[int, int], None]  # (pictures done, pictures in all); raises when the job is to stop


class Pulled(NamedTuple):
    """One picture of an annotation task that was asked for.

    Attributes:
        task: Id of the annotation task; the package number for folders.
        number: Package.
        label: File name of the label.
        status: `finished` (data holds it), `already` (what stands there is the newest), `unfinished`, or `bad`.
        data: PNG bytes of the colour label.
        stamp: What says later whether it has changed.
        reason: Why it is bad, or what was strange about it.
        overlap: Pixels that regions of different classes claimed.
    """

    task: int
    number: int
    label: str
    status: Status
    data: bytes = b""
    stamp: str = ""
    reason: Text | None = None
    overlap: int = 0


class Done(NamedTuple):
    """How far an annotator is with a package.

    Attributes:
        labels: Pictures that are finished on the annotator's side, fetched or not.
        newest: When the last of them was finished, Unix seconds; None when nobody says.
        first: The first annotation task, for /linedown.
        last: The last one.
    """

    labels: int
    newest: float | None
    first: int
    last: int


class Annotator(Protocol):
    """Folders that people carry, or a server."""

    @property
    def kind(self) -> str:
        """`folder` or `label-studio`."""

    def push(self, folder: Path, manifest: PackageManifest, watch: Watch) -> dict[str, Any]:
        """Hand a package over. Calling it again hands over only what is missing.

        Returns:
            Facts for the job's result.
        """

    def tasks(self, start: int, end: int) -> list[int]:
        """The annotation tasks that there are with ids from `start` to `end`, both included."""

    def pull(self, task: int, standing: Path) -> Iterator[Pulled]:
        """Fetch what is finished of a task.

        Args:
            task: Its id.
            standing: `released/<version>`, to see what is there already.
        """

    def done(self, manifest: PackageManifest) -> Done | None:
        """How far a package is there; None where it was not handed over or nothing of it is known."""

    def remember(self, standing: Path, pulled: Sequence[Pulled]) -> None:
        """Note what stands in `released/<version>` now."""

    def close(self) -> None:
        """Close connections, where there are any."""
