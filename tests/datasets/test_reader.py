import hashlib
import multiprocessing
import pickle
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import pyarrow as pa
import pytest

from roadloop.datasets.info import Shard, from_json, read_info
from roadloop.datasets.reader import DatasetReader, EncodedSample, Split
from roadloop.datasets.shards import Row, ShardReader, checksum, schema, writing_shard
from roadloop.errors import BrokenFileError, NotFoundError
from roadloop.storage.platform import Platform

MakeSet = Callable[..., Path]


def _row(number: int) -> Row:
    name = f"1/a_{number}"
    image, label = bytes([number]) * 9, b"label"
    sums = ("ab", "cd", checksum(name, image, label))
    return Row(name, "s", "1", f"a_{number}", "a", str(number), "", 3, 2, image, "jpeg", label, *sums)


@pytest.fixture
def split(tmp_path: Path) -> Split:
    shards = []
    for number, rows in enumerate((17, 16, 1)):
        with writing_shard(tmp_path / f"{number}.arrow") as shard:
            for i in range(rows):
                shard.add(_row(100 * number + i if number < 2 else 250))
        shards.append(Shard(f"{number}.arrow", rows))
    return Split(tmp_path, tuple(shards))


def test_split__random_access_over_shards_and_batches(split: Split) -> None:
    assert len(split) == 34
    assert split.names()[15:19] == ["1/a_15", "1/a_16", "1/a_100", "1/a_101"]
    for index in (33, 0, 16, 17, 32, 5):
        sample = split.encoded(index)
        assert sample.name == split.names()[index]
        assert (bytes(sample.image), bytes(sample.label)) == (bytes([int(sample.name[4:])]) * 9, b"label")
    assert [len(set(split.column(name))) for name in ("point", "track", "width", "height")] == [34, 1, 1, 1]
    for index in (-1, 34):
        with pytest.raises(IndexError):
            split.encoded(index)


def test_encoded__views_of_the_mapped_file(split: Split) -> None:
    encoded = split.encoded(16)
    assert (encoded.image.readonly, encoded.image.format) == (True, "B")
    before = pa.total_allocated_bytes()
    views = [split.encoded(index) for index in range(34)]
    assert (pa.total_allocated_bytes(), len(views)) == (before, 34)


def _name(split: Split, index: int) -> str:
    return split.encoded(index).name


def test_split__travels_to_other_processes(split: Split) -> None:
    assert split.encoded(0).name == "1/a_0"
    assert pickle.loads(pickle.dumps(split)).encoded(33).name == "1/a_250"
    for method in ("fork", "spawn"):
        with ProcessPoolExecutor(1, multiprocessing.get_context(method)) as pool:
            assert pool.submit(_name, split, 16).result() == "1/a_16"


def test_writing_shard__readable_without_roadloop(split: Split, tmp_path: Path) -> None:
    table = pa.ipc.open_file(tmp_path / "0.arrow").read_all()
    assert table.schema == schema()
    assert table.column("stem").to_pylist()[:2] == ["a_0", "a_1"]
    assert list(ShardReader(tmp_path / "1.arrow").column("track")) == ["a"] * 16
    assert len(split) == 34


def test_split__empty(tmp_path: Path) -> None:
    assert len(Split(tmp_path, ())) == 0
    assert Split(tmp_path, ()).names() == []


def test_dataset_reader__info_round_trip(
    platform: Platform,
    make_set: MakeSet,
    submit: Callable[..., str],
    run_job: Callable[[Platform, str], object],
) -> None:
    make_set(platform, tracks={"a": 4, "b": 3})
    run_job(platform, submit(split_by="picture"))
    folder = platform.workspace.datasets / "20180801"
    reader = DatasetReader(folder)
    assert from_json(reader.info.to_json()) == reader.info
    assert sum(len(reader.split(s)) for s in ("train", "val", "test")) == 7
    with pytest.raises(NotFoundError):
        reader.split("all")
    (folder / "dataset.json").write_text("{}")
    with pytest.raises(BrokenFileError):
        read_info(folder)


@pytest.mark.parametrize("damage", ["gone", "cut"])
def test_reader__a_shard_that_is_gone_or_cut_is_named(
    platform: Platform,
    make_set: MakeSet,
    submit: Callable[..., str],
    run_job: Callable[[Platform, str], object],
    damage: str,
) -> None:
    make_set(platform, tracks={"a": 4, "b": 3})
    run_job(platform, submit())
    shard = platform.workspace.datasets / "20180801" / "train-00000.arrow"
    if damage == "gone":
        shard.unlink()
    else:
        shard.write_bytes(shard.read_bytes()[:-50])
    split = DatasetReader(shard.parent).split("train")
    with pytest.raises(BrokenFileError, match=r"datasets/20180801/train-00000\.arrow is gone or damaged"):
        split.encoded(0)


def test_shard__a_flipped_bit_anywhere_is_found_or_changes_nothing_that_is_taught(split: Split, tmp_path: Path) -> None:
    """Each byte of a small shard in turn: name, picture and label are as they were, or the damage is named."""
    path = tmp_path / "2.arrow"
    whole, expected = path.read_bytes(), split.encoded(33)
    expected = EncodedSample(expected.name, *(memoryview(bytes(part)) for part in expected[1:]))  # not in the file
    found = [place for place in range(len(whole)) if _refused(path, whole, place, expected)]
    assert len(found) > len(expected.image)


def _refused(path: Path, whole: bytes, place: int, expected: EncodedSample) -> bool:
    """Whether a shard of one row is refused by name once a bit is flipped; else the row must be as it was."""
    damaged = bytearray(whole)
    damaged[place] ^= 1 << place % 8
    path.write_bytes(damaged)
    try:
        read = Split(path.parent, (Shard(path.name, 1),)).encoded(0)
    except BrokenFileError as error:
        said = error.text
    else:
        assert read == expected, place
        return False
    assert all(path.name in text for text in said)
    return True


def test_shard__an_older_one_without_checksums_is_verified_by_its_sha256(split: Split, tmp_path: Path) -> None:
    table = pa.ipc.open_file(tmp_path / "2.arrow").read_all().drop_columns(["crc32"])
    image, label = bytes([250]) * 9, b"label"
    for name, value in (("image_sha256", image), ("label_sha256", label)):
        place = table.schema.get_field_index(name)
        table = table.set_column(place, table.field(name), [[hashlib.sha256(value).hexdigest()]])
    with pa.OSFile(str(tmp_path / "old.arrow"), "wb") as sink, pa.ipc.new_file(sink, table.schema) as writer:
        writer.write_table(table)
    old = Split(tmp_path, (Shard("old.arrow", 1),))
    assert bytes(old.encoded(0).image) == image
    data = (tmp_path / "old.arrow").read_bytes()
    (tmp_path / "old.arrow").write_bytes(data.replace(image, image[:-1] + b"!"))
    with pytest.raises(BrokenFileError, match=r"Sample 1/a_250 in .*old\.arrow is damaged"):
        Split(tmp_path, (Shard("old.arrow", 1),)).encoded(0)


def test_reader__import_needs_no_pyarrow() -> None:
    script = "import sys, roadloop.datasets.api, roadloop.sources.api; print({'pyarrow', 'torch'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
