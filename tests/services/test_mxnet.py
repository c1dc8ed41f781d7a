"""Both directions with the real MXNet 1.9.1: what it writes is read equal here, what we write is its own bytes."""

import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from roadloop.errors import BrokenFileError
from roadloop.models.params import read_params, write_params

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
PYTHON = Path(__file__).parents[2] / ".services" / "mxnet" / "bin" / "python"

WRITER = """
import json, sys
import numpy as np, mxnet as mx
from mxnet import nd
folder = sys.argv[1]
DTYPES = ["float32", "float64", "float16", "uint8", "int32", "int8", "int64", "bool"]
draw = np.random.RandomState(3)
def keep(name, content):
    nd.waitall()
    nd.save(f"{folder}/{name}.params", content)
    pairs = content.items() if isinstance(content, dict) else enumerate(content)
    np.savez(f"{folder}/{name}.npz", **{str(k): v.asnumpy() for k, v in pairs})
dense = {f"arg:{t}": nd.array(draw.randint(-3, 90, (2, 3, 4)).astype(t), dtype=t) for t in DTYPES}
keep("named", dense)
keep("listed", list(dense.values())[:3])
sparse = {"csr": nd.array(draw.rand(7, 5)).tostype("csr"), "rows": nd.zeros((3, 4), stype="row_sparse")}
nd.waitall()  # MXNet writes the shape of a sparse array before its operation is done
for kind, array in sparse.items():
    nd.save(f"{folder}/{kind}.params", {kind: array})
mx.npx.set_np()
numpy = {"scalar": mx.np.array(2.5), "empty": mx.np.zeros((0, 3)), "plain": mx.np.arange(6).reshape(2, 3)}
mx.npx.save(f"{folder}/numpy.params", numpy)
np.savez(f"{folder}/numpy.npz", **{k: v.asnumpy() for k, v in numpy.items()})
"""

READER = """
import sys
import numpy as np, mxnet as mx
folder = sys.argv[1]
back = mx.nd.load(f"{folder}/ours.params")
np.savez(f"{folder}/back.npz", **{k: v.asnumpy() for k, v in back.items()})
mx.nd.save(f"{folder}/theirs.params", back)
"""


def run(program: str, folder: Path) -> None:
    if not PYTHON.exists():
        pytest.skip("MXNet is not installed under .services/: run make test-services")
    done = subprocess.run([PYTHON, "-c", program, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def known(path: Path) -> dict[str, np.ndarray]:
    with np.load(path) as opened:
        return {name: opened[name] for name in opened.files}


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("mxnet")
    run(WRITER, folder)
    return folder


@pytest.mark.parametrize(("name", "count"), [("named", 8), ("listed", 3), ("numpy", 3)])
def test_read_params__reads_what_mxnet_writes(written: Path, name: str, count: int) -> None:
    arrays, expected = read_params((written / f"{name}.params").read_bytes()), known(written / f"{name}.npz")
    assert list(arrays) == list(expected)
    assert len(arrays) == count
    for key, array in arrays.items():
        assert (array.dtype, array.shape) == (expected[key].dtype, expected[key].shape), key
        assert array.tobytes() == expected[key].tobytes(), key


@pytest.mark.parametrize("name", ["csr", "rows"])
def test_read_params__refuses_mxnets_sparse_arrays(written: Path, name: str) -> None:
    with pytest.raises(BrokenFileError, match=r"array 0 is sparse"):
        read_params((written / f"{name}.params").read_bytes())


def test_write_params__writes_mxnets_own_bytes(written: Path) -> None:
    data = (written / "named.params").read_bytes()
    assert write_params(read_params(data)) == data


def test_write_params__is_read_by_mxnet_and_written_the_same(tmp_path: Path) -> None:
    draw = np.random.default_rng(5)
    names = ["f4", "f8", "f2", "u1", "i4", "i1", "i8", "?"]
    ours: dict[str, Any] = {f"aux:车道.{t}": draw.integers(0, 100, (3, 1, 5)).astype(t) for t in names}
    data = write_params(ours)
    (tmp_path / "ours.params").write_bytes(data)
    run(READER, tmp_path)
    back = known(tmp_path / "back.npz")
    assert list(back) == list(ours)
    assert all(back[name].dtype == a.dtype and back[name].tobytes() == a.tobytes() for name, a in ours.items())
    assert (tmp_path / "theirs.params").read_bytes() == data
