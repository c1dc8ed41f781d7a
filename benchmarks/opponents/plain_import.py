"""Bring a folder of X.jpg with X.png into another, as a script does: pair by name, decode, compare sizes, copy.

By hand: python benchmarks/opponents/plain_import.py FOLDER OUT
"""

import io
import shutil
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image


def bring(folder, out, classes, *, copy=True):
    """Write `out`; returns how many pictures are in it. `classes` are the ids that labels may have, besides 255."""
    known = np.zeros(256, bool)
    known[[*classes, 255]] = True
    pictures, rows, bad = 0, [], []
    for path in sorted(Path(folder).rglob("*.jpg")):
        label = path.with_suffix(".png")
        try:
            image = Image.open(io.BytesIO(path.read_bytes()))
            image.load()
            ids = np.asarray(Image.open(io.BytesIO(label.read_bytes())))
            if ids.shape != (image.height, image.width):
                raise ValueError("sizes differ")
            if not known[ids].all():
                raise ValueError("an unknown class")
        except (OSError, ValueError) as error:
            bad.append([str(path), str(error)])
            continue
        if copy:
            target = Path(out) / path.parent.name
            target.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, target / path.name)
            shutil.copyfile(label, target / label.name)
        rows.append(f"{path},{label}\n")
        pictures += 1
    Path(out).mkdir(parents=True, exist_ok=True)
    (Path(out) / "list.csv").write_text("".join(rows))
    return pictures


if __name__ == "__main__":
    began = time.perf_counter()
    done = bring(sys.argv[1], sys.argv[2], range(256))
    print(f"{done / (time.perf_counter() - began):.1f} pictures/s")
