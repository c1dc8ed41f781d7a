"""Pictures that go into packages: test pictures of a source set that lies in an object store."""

from pathlib import Path

import numpy as np
import pytest

from roadloop.errors import PathOutsideError
from roadloop.imaging.encode import encode_jpeg, encode_label
from roadloop.labels.table import format_csv, shipped
from roadloop.packages.choose import draw_gold, read_whole
from roadloop.sources.layout import CLASSES
from roadloop.sources.manifest import MANIFEST, Row, format_manifest
from roadloop.storage.paths import Workspace
from s3_server import Bucket


def test_draw_gold__pictures_in_a_store_are_named_by_their_place(tmp_path: Path, bucket: Bucket) -> None:
    workspace = Workspace(tmp_path, (f"s3://{bucket.name}/team",))
    folder = workspace.sources / "known"
    folder.mkdir(parents=True)
    place = f"s3://{bucket.name}/team/k_1"
    picture = encode_jpeg(np.zeros((9, 12, 3), np.uint8))
    bucket.put("team/k_1.jpg", picture)
    bucket.put("team/k_1.png", encode_label(np.zeros((9, 12), np.uint8)))
    (folder / CLASSES).write_text(format_csv(shipped()))
    row = Row("p", "k_1", image=f"{place}.jpg", label=f"{place}.png", label_kind="id")
    (folder / MANIFEST).write_bytes(format_manifest([row]))
    (drawn,) = draw_gold(workspace, "known", 1, 0, 10**6)
    assert (drawn.origin, drawn.name) == (f"{place}.jpg", "k_1.jpg")
    assert read_whole(workspace, drawn.origin) == picture
    with pytest.raises(PathOutsideError):
        read_whole(workspace, f"s3://{bucket.name}/secret.jpg")
