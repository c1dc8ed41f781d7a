"""Class statistics: counted picture by picture in the workers, added up at the end. Plain JSON between processes."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from roadloop.datasets.info import ClassCount


@dataclass
class Tally:
    """What was counted in one part of a split.

    Attributes:
        pixels: Raw id -> pixels.
        pictures: Raw id -> pictures that show it.
        shown: Set of raw ids -> pixels of all pictures that show exactly these; a set is 256 bits, as 32 bytes.
        tracks: Track -> its pictures here.
        seen: Track -> raw ids that its pictures show.
        sizes: `<width>x<height>` -> pictures.
        unknown_pixels: Pixels outside the class table.
        all_ignored: Pictures that show ignored classes only.
    """

    pixels: Counter[int] = field(default_factory=Counter)
    pictures: Counter[int] = field(default_factory=Counter)
    shown: Counter[bytes] = field(default_factory=Counter)
    tracks: Counter[str] = field(default_factory=Counter)
    seen: dict[str, set[int]] = field(default_factory=dict)
    sizes: Counter[str] = field(default_factory=Counter)
    unknown_pixels: int = 0
    all_ignored: int = 0

    def add(self, track: str, size: str, counts: NDArray[np.int64]) -> None:
        """Count one picture; `counts` is int64 [256], pixels by raw id."""
        present = np.flatnonzero(counts).tolist()
        self.pixels.update({i: int(counts[i]) for i in present})
        self.pictures.update(present)
        self.shown[np.packbits(counts > 0, bitorder="little").tobytes()] += int(counts.sum())
        self.tracks[track] += 1
        self.seen.setdefault(track, set()).update(present)
        self.sizes[size] += 1

    def merge(self, other: "Tally") -> None:
        """Add what another part counted."""
        self.pixels.update(other.pixels)
        self.pictures.update(other.pictures)
        self.shown.update(other.shown)
        self.tracks.update(other.tracks)
        self.sizes.update(other.sizes)
        for track, ids in other.seen.items():
            self.seen.setdefault(track, set()).update(ids)
        self.unknown_pixels += other.unknown_pixels
        self.all_ignored += other.all_ignored

    def classes(self) -> dict[int, ClassCount]:
        """Raw id -> pixels, pictures, tracks; ascending, classes that occur only."""
        tracks: Counter[int] = Counter()
        for ids in self.seen.values():
            tracks.update(ids)
        return {i: ClassCount(self.pixels[i], self.pictures[i], tracks[i]) for i in sorted(self.pixels)}

    def to_json(self) -> dict[str, Any]:
        """Plain values; `from_json` reads them back."""
        return {
            "pixels": _plain(self.pixels),
            "pictures": _plain(self.pictures),
            "shown": {ids.hex(): pixels for ids, pixels in sorted(self.shown.items())},
            "tracks": {t: [n, sorted(self.seen[t])] for t, n in sorted(self.tracks.items())},
            "sizes": _plain(self.sizes),
            "unknown_pixels": self.unknown_pixels,
            "all_ignored": self.all_ignored,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> "Tally":
        """The tally that `to_json` wrote."""
        return cls(
            pixels=Counter({int(k): v for k, v in value["pixels"].items()}),
            pictures=Counter({int(k): v for k, v in value["pictures"].items()}),
            shown=Counter({bytes.fromhex(k): v for k, v in value["shown"].items()}),
            tracks=Counter({t: n for t, (n, _) in value["tracks"].items()}),
            seen={t: set(ids) for t, (_, ids) in value["tracks"].items()},
            sizes=Counter(value["sizes"]),
            unknown_pixels=value["unknown_pixels"],
            all_ignored=value["all_ignored"],
        )


def total(tallies: Iterable[Tally]) -> Tally:
    """The sum of several tallies."""
    result = Tally()
    for tally in tallies:
        result.merge(tally)
    return result


def _plain(counter: Mapping[Any, int]) -> dict[str, int]:
    return {str(k): v for k, v in sorted(counter.items())}
