"""Pack a folder of X.jpg with X.png for training, as a script does: check with Pillow, count classes, write a tar.

By hand: python benchmarks/opponents/pillow_build.py FOLDER OUT.tar
"""

import hashlib
import io
import json
import sys
import tarfile
import time
from pathlib import Path

import numpy as np
from PIL import Image


def build(folder, out):
    """Write `out`; returns how many pictures are in it."""
    pixels, pictures, bad = np.zeros(256, np.int64), 0, []
    with tarfile.open(out, "w") as tar:
        for path in sorted(Path(folder).rglob("*.jpg")):
            try:
                data = path.read_bytes()
                image = Image.open(io.BytesIO(data))
                image.load()
                label = Image.open(path.with_suffix(".png"))
                ids = np.asarray(label)
                if ids.shape != (image.height, image.width):
                    raise ValueError("sizes differ")
            except (OSError, ValueError) as error:
                bad.append([str(path), str(error)])
                continue
            pixels += np.bincount(ids.ravel(), minlength=256)
            buffer = io.BytesIO()
            Image.fromarray(ids).save(buffer, "PNG")
            name = f"{path.parent.name}/{path.stem}"
            for ending, body in (("jpg", data), ("png", buffer.getvalue())):
                entry = tarfile.TarInfo(f"{name}.{ending}")
                entry.size = len(body)
                entry.pax_headers = {"sha256": hashlib.sha256(body).hexdigest()}
                tar.addfile(entry, io.BytesIO(body))
            pictures += 1
    Path(out).with_suffix(".json").write_text(json.dumps({"pixels": pixels.tolist(), "bad": bad}))
    return pictures


if __name__ == "__main__":
    began = time.perf_counter()
    done = build(sys.argv[1], sys.argv[2])
    print(f"{done / (time.perf_counter() - began):.1f} pictures/s")
