"""Once round a real Label Studio: push 12 pictures, annotate through its API, pull, process, compare every pixel."""

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from label_studio_double import TOKEN
from live import LiveServer
from package_data import mask, write_images
from roadloop.annotators import markup
from roadloop.imaging.encode import encode_color
from roadloop.labels import brush
from roadloop.labels.colors import ColorCoder
from roadloop.labels.label_studio import regions as regions_of
from roadloop.labels.table import shipped
from roadloop.packages import manifest
from roadloop.packages.cut import framed, lower_half
from roadloop.settings import Settings
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.service import open_set, scan
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.services, pytest.mark.timeout(900)]
UInt8 = NDArray[np.uint8]
WIDTH, HEIGHT = 120, 81


@contextmanager
def opened(settings: Settings) -> Iterator[Platform]:
    """The workspace of a running server."""
    platform = open_platform(settings)
    yield platform
    platform.database.close()


def truth(stem: str) -> UInt8:
    """Areas of random classes, of all sizes down to one pixel."""
    number = int(stem.rpartition("_")[2])
    ids = np.repeat(np.repeat(mask(number, 12, 9), 9, axis=0), 10, axis=1)
    fine = mask(number + 1000, WIDTH, HEIGHT)
    return np.where(np.random.default_rng(number).random(ids.shape) < 0.1, fine, ids).astype(np.uint8)


def test_brush__is_what_label_studios_own_converter_writes(label_studio_python: Path, tmp_path: Path) -> None:
    cases = []
    for seed, (height, width) in enumerate([(1, 1), (3, 5), (64, 64), (120, 161), (33, 7), (200, 400)]):
        noise = np.random.default_rng(seed).random((height, width))
        drawn = noise < (0.5, 0.5, 0.01, 0.99, 0.5, -1.0)[seed]
        cases.append([height, width, drawn.astype(int).ravel().tolist(), brush.encode(drawn)])
    (tmp_path / "cases.json").write_text(json.dumps(cases))
    program = (
        "import json, sys, numpy as np\n"
        "from label_studio_sdk.converter.brush import decode_rle, mask2rle\n"
        "for height, width, drawn, rle in json.load(open(sys.argv[1])):\n"
        "    mask = np.array(drawn, np.uint8).reshape(height, width) * 255\n"
        "    assert mask2rle(mask) == rle, (height, width)\n"
        "    assert (decode_rle(rle).reshape(height, width, 4)[:, :, 3] == mask).all()\n"
    )
    command = [str(label_studio_python), "-c", program, str(tmp_path / "cases.json")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.fixture
def studio_server(settings: Settings, label_studio: str) -> Iterator[LiveServer]:
    """A real roadloop whose annotator is the real Label Studio."""
    live = LiveServer(settings.model_copy(update={"label_studio_url": label_studio, "label_studio_token": TOKEN}))
    live.start()
    yield live
    live.close()


def api(label_studio: str) -> httpx.Client:
    return httpx.Client(base_url=label_studio, headers={"authorization": f"Token {TOKEN}"}, timeout=60)


def annotate(label_studio: str, first: int, last: int, drawn: Callable[[str], UInt8]) -> list[str]:
    """Play the annotators: post the exact brush masks of what they see."""
    stems = []
    with api(label_studio) as client:
        for task in range(first, last + 1):
            stem = client.get(f"/api/tasks/{task}/").json()["data"]["name"].removeprefix("ext-").rpartition(".")[0]
            regions = regions_of(drawn(stem), shipped(), "brush")
            client.post(f"/api/tasks/{task}/annotations/", json={"result": regions}).raise_for_status()
            stems.append(stem)
    return stems


@pytest.mark.parametrize("kind", ["full", "remote"])
def test_label_studio__once_round_changes_no_pixel(studio_server: LiveServer, label_studio: str, kind: str) -> None:
    server = studio_server
    with opened(server.settings) as platform:
        write_images(
            platform, "20180801", [f"苏州_{n:06d}.{'png' if n % 5 == 4 else 'jpg'}" for n in range(12)], WIDTH, HEIGHT
        )
    client = server.client()

    def call(path: str, status: str, **values: Any) -> Any:
        reply = client.post(path, json=values).json()
        assert reply["errno"] == 1, reply
        row = server.wait(status, reply["data"], client=client)
        assert row["state"] == "succeeded", row
        return row

    made = call("/task_divide", "/divide_history", version="20180801", step=5, types=kind)
    pushed = [call(f"/v1/packages/20180801/{n}/push", "/v1/pushes") for n in range(made["first"], made["last"] + 1)]
    assert [(p["pictures"], p["already"]) for p in pushed] == [(5, 0), (5, 0), (2, 0)]
    again = call("/v1/packages/20180801/1/push", "/v1/pushes")
    assert (again["pictures"], again["already"], again["place"]) == (5, 5, pushed[0]["place"])
    first, last = pushed[0]["taskid_start"], pushed[-1]["taskid_end"]

    def drawn(stem: str) -> UInt8:
        return framed(lower_half(truth(stem)), 50, 255) if kind == "remote" else truth(stem)

    with api(label_studio) as studio:  # the picture that annotators see is the file that was cut
        data = studio.get(f"/api/tasks/{first}/").json()["data"]
        package = server.home / "packages/20180801/1"
        assert studio.get(data["image"]).content == (package / data["name"]).read_bytes()
    annotate(label_studio, first, last - 1, drawn)
    down = call("/linedown", "/line_status", taskid_start=first, taskid_end=last, dest="back")
    assert [down[k] for k in ("tasks", "finished", "unfinished", "bad")] == [12, 11, 1, 0]
    annotate(label_studio, last, last, drawn)
    down = call("/linedown", "/line_status", taskid_start=first, taskid_end=last, dest="back")
    assert [down[k] for k in ("tasks", "finished", "already", "unfinished")] == [12, 1, 11, 0]
    wanted = "remote" if kind == "remote" else "union"
    row = call("/process_label", "/label_history", version="back", types=wanted)
    assert (row["published_pictures"], row["rejected_pictures"]) == (12, 0)
    source = open_set(Workspace(server.home), row["name"])
    found = scan(source)
    assert (len(found.samples), found.problems) == (12, [])
    changed = 0
    for sample in found.samples:
        checked = check_sample(sample, source.table)
        assert isinstance(checked, Checked)
        expected = lower_half(truth(sample.stem)) if kind == "remote" else truth(sample.stem)
        changed += int((checked.ids != expected).sum())
    assert changed == 0


def test_label_studio__takes_first_labels_as_predictions(studio_server: LiveServer, label_studio: str) -> None:
    server = studio_server
    with opened(server.settings) as platform:
        write_images(platform, "v1", ["a_1.jpg", "a_2.jpg"], WIDTH, HEIGHT)
    client = server.client()
    server.wait("/divide_history", client.post("/task_divide", json={"version": "v1", "step": 5}).json()["data"])
    package = server.home / "packages/v1/1"
    (package / "pre-labels").mkdir()
    for stem in ("a_1", "a_2"):
        data = encode_color(ColorCoder(shipped()).to_rgb(truth(stem)))
        (package / f"pre-labels/ext-label-{stem}.png").write_bytes(data)
    size = manifest.read(package).pictures[0].size
    for shape, exact in (("brush", True), ("polygon", False)):
        row = server.wait("/v1/pushes", client.post("/v1/packages/v1/1/push", json={"shape": shape}).json()["data"])
        assert row["state"] == "succeeded", row
        with api(label_studio) as studio:
            (prediction,) = studio.get(f"/api/tasks/{row['taskid_start']}/").json()["predictions"]
            drawing = markup.read(prediction["result"], size, shipped())
            assert drawing.problems == ()
            different = int((drawing.ids != truth("a_1")).sum())
            assert (different == 0) is exact
            for task in range(row["taskid_start"], row["taskid_end"] + 1):
                studio.delete(f"/api/tasks/{task}/").raise_for_status()
        if not exact:
            assert sum(r["lost"] for r in row["polygon_loss"]) >= different > 0
