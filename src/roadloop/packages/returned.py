"""One returned label, checked: read whole, of the right size, in colours of the class table.

What cannot be used is explained by colour and place, so that the annotator finds the spot.
"""

from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from roadloop.errors import BrokenFileError, Text
from roadloop.imaging.decode import decode_color_label
from roadloop.labels.colors import ColorCoder
from roadloop.labels.table import Color
from roadloop.packages.cut import inner, lower_half
from roadloop.packages.manifest import PackageManifest, PackedPicture

UInt8 = NDArray[np.uint8]
ResultType = Literal["remote", "lane", "union"]

MAX_UNKNOWN: Final = 0.01  # of the published pixels
_SAMPLES: Final = 5
_COLORS: Final = 10


class Spot(NamedTuple):
    """Where an unknown colour stands, in pixels of the label file as the annotator sees it.

    Attributes:
        color: Red, green, blue.
        pixels: How many.
        box: Left, top, right, bottom; right and bottom are included.
        samples: Up to five (x, y), spread over all its pixels.
    """

    color: Color
    pixels: int
    box: tuple[int, int, int, int]
    samples: tuple[tuple[int, int], ...]

    def text(self) -> str:
        """The spot in one phrase, the same in both languages."""
        x, y = self.samples[0]
        box = "{},{}-{},{}".format(*self.box)
        return f"RGB({self.color[0]},{self.color[1]},{self.color[2]}) x {self.pixels} [{box}] ({x},{y})"


class Rejected(NamedTuple):
    """A label that cannot be published, and why."""

    reason: Text
    unknown_pixels: int = 0
    spots: tuple[Spot, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Plain values for a report."""
        return {
            "reason": self.reason._asdict(),
            "unknown_pixels": self.unknown_pixels,
            "colors": [s._asdict() for s in self.spots],
        }


class Accepted(NamedTuple):
    """A label that can be published.

    Attributes:
        ids: uint8 [H, W], raw ids of the part that is published; 255 where the colour is unknown.
        unknown_pixels: At most 1 % of them.
    """

    ids: UInt8
    unknown_pixels: int


def check_label(
    data: bytes, picture: PackedPicture, manifest: PackageManifest, wanted: ResultType, max_pixels: int
) -> Accepted | Rejected:
    """Read one returned label.

    Args:
        data: The file's bytes.
        picture: Which picture it belongs to.
        manifest: Of its package: border and class table.
        wanted: `remote` takes what is inside the border, `union` all, `lane` the bottom half.
        max_pixels: Larger labels are refused undecoded.
    """
    try:
        rgb = decode_color_label(data, max_pixels)
    except BrokenFileError as error:
        return Rejected(error.text)
    height, width = rgb.shape[:2]
    if (width, height) != tuple(picture.size):
        wide, high = picture.size
        return Rejected(
            Text(
                f"标注尺寸 {width}x{height} 与任务包中的图片 {wide}x{high} 不同（边框 {manifest.border} 像素应保留）",
                f"The label's size {width}x{height} is not that of the picture in the package, {wide}x{high}"
                f" (its border of {manifest.border} pixels must stay)",
            )
        )
    top = height // 2 if wanted == "lane" else 0
    region = lower_half(rgb) if wanted == "lane" else inner(rgb, manifest.border)
    decoded = ColorCoder(manifest.table).to_ids(region)
    if decoded.unknown_pixels <= MAX_UNKNOWN * decoded.ids.size:
        return Accepted(decoded.ids, decoded.unknown_pixels)
    offset = (manifest.border, manifest.border + top)
    spots = tuple(_locate(region, u.color, offset) for u in decoded.unknown[:_COLORS])
    share = f"{100 * decoded.unknown_pixels / decoded.ids.size:.1f} %"
    listed = "; ".join(s.text() for s in spots[:3])
    return Rejected(
        Text(
            f"{share} 的像素颜色不在类别表中（颜色 x 像素数 [左,上-右,下] (示例 x,y)）：{listed}",
            f"{share} of the pixels have a colour that the class table does not have"
            f" (colour x pixels [left,top-right,bottom] (x,y of one)): {listed}",
        ),
        decoded.unknown_pixels,
        spots,
    )


def _locate(rgb: UInt8, color: Color, offset: tuple[int, int]) -> Spot:
    rows, columns = np.nonzero((rgb == np.array(color, np.uint8)).all(axis=2))
    x0, y0 = offset
    picks = np.unique(np.linspace(0, len(rows) - 1, min(_SAMPLES, len(rows))).astype(int))
    box = (int(columns.min()) + x0, int(rows.min()) + y0, int(columns.max()) + x0, int(rows.max()) + y0)
    samples = tuple((int(columns[i]) + x0, int(rows[i]) + y0) for i in picks)
    return Spot(color, len(rows), box, samples)


def accepts(kind: str) -> tuple[ResultType, ...]:
    """What can be made of a package type."""
    return ("remote",) if kind == "remote" else ("lane", "union")
