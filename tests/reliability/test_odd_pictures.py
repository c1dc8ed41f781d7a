"""R17: broken and odd pictures through the jobs that read pictures which people put there.

The job ends, names every picture that it cannot use with the reason, and makes of the others what Pillow makes of them.
"""

import csv
import hashlib
import random
from collections.abc import Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Final

import numpy as np
import pytest

from full_disk import Disk
from imported import read_result
from job_cases import CASES
from mining_data import SOURCE, write_network
from odd_pictures import KINDS, MOST_MPIX, Odd, make_odd
from roadloop.imaging.decode import decode_image, decode_label
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.imaging.header import read_header
from roadloop.jobs import queue
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.packages import manifest as manifests
from roadloop.packages import service as packages
from roadloop.packages.cut import BORDER, QUALITY, PackageType, framed, lower_half
from roadloop.packages.recipe import Divide
from roadloop.selection import service as selection
from roadloop.selection.recipe import Mine
from roadloop.settings import Settings
from roadloop.sources.service import open_set, scan
from roadloop.storage import reading
from roadloop.storage.platform import Platform, open_platform
from workers import Workers

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(600), pytest.mark.xdist_group("jobs")]

#: MiB that a job may have; the libraries take half of them, a picture of the largest size 6.
MEMORY: Final = 800
#: A network that takes pictures of any size, as all templates do.
ANY_SIZE: Final = SOURCE.replace("stride=4)", "stride=4, padding=3)")
LANE: Final = (255, 0, 0)  # in the shipped table; the network's red


@pytest.fixture(scope="module")
def odd(request: pytest.FixtureRequest) -> list[Odd]:
    """The pictures: 500, or one of each kind."""
    rng = random.Random(f"R17 {request.config.getoption('--seed')}")
    return make_odd(500 if request.config.getoption("--full") else KINDS, rng)


class Site:
    """A workspace, and jobs in it.

    Args:
        platform: The workspace.
        workers: Run the jobs.
    """

    def __init__(self, platform: Platform, workers: Workers) -> None:
        self.platform: Final = platform
        self.home: Final = platform.workspace.home
        self._workers: Final = workers

    def finish(self, task_id: str) -> queue.Job:
        """Run a queued job; it must succeed in little memory."""
        assert self._workers.run(self.platform, task_id) == 0
        with self.platform.database.reading() as db:
            job = queue.get(db, task_id)
        assert job.state is JobState.SUCCEEDED, (job.reason, job.error)
        print(f"R17 {job.kind}: at most {self._workers.peak_mib} MiB")
        assert self._workers.peak_mib < MEMORY
        return job

    def table(self, place: str) -> list[dict[str, str]]:
        """The rows of a table in the workspace."""
        with (self.home / place).open(encoding="utf-8-sig", newline="") as stream:
            return list(csv.DictReader(stream))


@pytest.fixture
def site(disk: Disk, workers: Workers, request: pytest.FixtureRequest) -> Iterator[Site]:
    home = Path(disk.home) / f"odd-{request.node.name}"
    settings = Settings(
        home=home, port=0, poll_seconds=3600, min_free_mib=0, torch_threads=1, max_picture_mpix=MOST_MPIX,
        predictor="torch",
    )  # fmt: skip
    platform = open_platform(settings, upgrade=True)
    yield Site(platform, workers)
    assert inspect(platform, hashes=True).problems == []
    platform.database.close()


def put_all(folder: Path, odd: list[Odd]) -> None:
    folder.mkdir(parents=True)
    for one in odd:
        (folder / one.name).write_bytes(one.data)


def put_labels(folder: Path, odd: list[Odd], color: tuple[int, int, int]) -> None:
    """Labels of one colour beside pictures, also beside those that nobody can read."""
    for one in odd:
        height, width = (9, 9) if one.pixels is None else one.pixels.shape[:2]
        label = encode_color(np.full((height, width, 3), color, np.uint8))
        (folder / f"label-{PurePosixPath(one.name).stem}.png").write_bytes(label)


def put_set(site: Site, odd: list[Odd]) -> None:
    folder = site.platform.workspace.sources / "镇" / "1"
    put_all(folder, odd)
    put_labels(folder, odd, LANE)


def put_network(site: Site) -> None:
    network = {"name": "n", "digest": hashlib.sha256(ANY_SIZE.encode()).hexdigest(), "settings": {}, "source": ANY_SIZE}
    models = site.platform.workspace.tasks / "suzhou" / "output" / "models"
    write_network(models, network=network, training={"best_so_far": True})


def check(odd: list[Odd], used: set[str], refused: Mapping[str, str]) -> None:
    """Each picture was used, or refused with a reason, as it should be."""
    assert all(refused.values())
    for one in odd:
        assert (one.name in used) is (one.name not in refused), one.name
        if one.sure:
            assert (one.name in used) is (one.pixels is not None), (one.name, refused.get(one.name))


def test_r17__preview_and_import(site: Site, odd: list[Odd]) -> None:
    folder = site.platform.workspace.imports / "in" / "1"
    put_all(folder, odd)
    put_labels(folder, odd, LANE)
    foreseen = site.finish(CASES["import_preview"].submit(site.platform))
    job = site.finish(CASES["offimport"].submit(site.platform))
    assert foreseen.result is not None
    assert job.result is not None
    assert foreseen.result["counts"] == job.result["counts"]
    done = read_result(site.platform, job, "苏州")
    said = {name.removeprefix("1/"): fate for name, fate in done.outcomes.items()}
    used = {name for name, fate in said.items() if fate == "added"}
    check(odd, used, {one.name: done.reasons[f"1/{one.name}"] for one in odd if one.name not in used})
    pixels = {PurePosixPath(one.name).stem: one.pixels for one in odd if one.name in used and one.pixels is not None}
    samples = scan(open_set(site.platform.workspace, "苏州")).samples
    assert {sample.stem for sample in samples} == pixels.keys()
    for sample in samples:
        assert np.array_equal(decode_image(reading.read_bytes(sample.image)), pixels[sample.stem]), sample.stem


def test_r17__evaluation(site: Site, odd: list[Odd]) -> None:
    folder = site.platform.workspace.tracks / "d"
    put_all(folder, odd)
    put_network(site)
    # Those of the oddest sizes have labels, so that they stand on the sheets of the worst.
    put_labels(folder, [one for one in odd if one.pixels is not None and max(one.pixels.shape) > 60_000], LANE)
    job = site.finish(CASES["evaluate"].submit(site.platform))
    places = {PurePosixPath(one.name).stem: one for one in odd}
    bad = {row["name"].removeprefix("d/"): row["reason_en"] for row in site.table("out/bad_pictures.csv")}
    refused = {one.name: bad[key] for one in odd for key in (one.name, PurePosixPath(one.name).stem) if key in bad}
    assert len(refused) == len(bad)
    assert list((site.home / "out" / "suzhou" / "kd_ep-0001" / "worst").iterdir())
    ids = {path.stem: path for path in (site.home / "out" / "suzhou" / "kd_ep-0001" / "id" / "d").iterdir()}
    check(odd, {places[stem].name for stem in ids}, refused)
    assert job.result is not None
    assert job.result["total_img"] == len(ids)
    for stem, path in ids.items():  # red, green and blue are 0, 1 and 2
        pixels = places[stem].pixels
        assert pixels is not None
        assert np.array_equal(decode_label(path.read_bytes()), pixels.argmax(axis=2)), stem


def test_r17__mining(site: Site, odd: list[Odd]) -> None:
    put_all(site.platform.workspace.tracks / "d", odd)
    put_network(site)
    put_set(site, [one for one in odd if one.pixels is None])  # candidates are compared with labelled pictures
    (site.home / "tracks.txt").write_text("d\n")
    wanted = Mine(
        output_dir="images/v1", sele_ratio="1000", track_file="tracks.txt", weights_dir="suzhou", classes="blue",
        control=1000, labelled="镇",
    )  # fmt: skip
    job = site.finish(site.platform.database.write(lambda: selection.start_mining(site.platform, wanted)))
    rows = {row["point"]: row["reason_en"] for row in site.table("images/v1/left_out.csv")}
    refused = {one.name: rows[key] for one in odd for key in (one.name, PurePosixPath(one.name).stem) if key in rows}
    assert len(refused) == len(rows)
    taken = {row["point"] for row in site.table("images/v1/selection.csv")}  # the control arm takes all
    used = {one.name for one in odd if PurePosixPath(one.name).stem in taken}
    check([one for one in odd if not one.name.endswith(".png")], used, refused)  # tracks have JPEG files only
    assert job.result is not None
    assert job.result["candidates"] == job.result["control"] == len(used)


def test_r17__health(site: Site, odd: list[Odd]) -> None:
    put_set(site, odd)
    job = site.finish(CASES["health"].submit(site.platform))
    rows = {row["file"]: row["reason_en"] for row in site.table(f"health/{job.id}/problems.csv")}
    assert all(rows.values())
    bad = {PurePosixPath(file).name for file in rows}
    for one in odd:
        names = {one.name, f"label-{PurePosixPath(one.name).stem}.png"}
        assert not one.sure or bool(names & bad) is (one.pixels is None), (one.name, rows)


@pytest.mark.parametrize("kind", ["full", "remote"])
def test_r17__packages(site: Site, odd: list[Odd], kind: PackageType) -> None:
    put_all(site.home / "images" / "v1", odd)
    request = Divide(version="v1", step=100, types=kind)
    job = site.finish(site.platform.database.write(lambda: packages.divide(site.platform, request)))
    said = (site.home / job.log).read_text().splitlines()
    left = [line.partition("left out: ")[2].removeprefix("images/v1/") for line in said if "left out: " in line]
    refused = {name: why for name, _, why in (line.partition(": ") for line in left)}
    folders = [path for path in (site.home / "packages" / "v1").iterdir() if path.is_dir()]
    packed = {
        p.name.removeprefix("ext-"): folder / p.name for folder in folders for p in manifests.read(folder).pictures
    }
    check(odd, set(packed), refused)
    for one in odd:
        if one.name in packed:
            assert one.pixels is not None
            data = packed[one.name].read_bytes()
            if kind == "full":
                assert data == one.data
            elif read_header(one.data).format == "jpeg":
                assert data == encode_jpeg(framed(lower_half(one.pixels), BORDER, 255), QUALITY), one.name
            else:
                assert np.array_equal(decode_image(data), framed(lower_half(one.pixels), BORDER, 255)), one.name
