"""Layouts of the MXNet container that are read but never written: by hand, and damaged in thousands of ways."""

import random
import struct
import tracemalloc

import numpy as np
import pytest

from roadloop.errors import BrokenFileError
from roadloop.models.params import DENSE_BYTES, read_params, write_params

V1, V2, V3 = 0xF993FAC8, 0xF993FAC9, 0xF993FACA
CPU = struct.pack("<ii", 1, 0)
SIX = np.arange(6, dtype=np.float32)


def shape(*dims: int) -> bytes:
    return struct.pack(f"<i{len(dims)}q", len(dims), *dims)


def flag(number: int) -> bytes:
    return struct.pack("<i", number)


def listed(*arrays: bytes) -> bytes:
    """An unnamed list."""
    return struct.pack("<QQQ", 0x112, 0, len(arrays)) + b"".join(arrays) + struct.pack("<Q", 0)


def sparse(storage: int, stored: bytes, dims: bytes, values: bytes, *indices: np.ndarray, kind: int = 0) -> bytes:
    """A V2 sparse array; the index arrays are int64."""
    parts = b"".join(flag(6) + shape(*index.shape) for index in indices)
    data = values + b"".join(index.tobytes() for index in indices)
    return struct.pack("<Ii", V2, storage) + stored + dims + CPU + flag(kind) + parts + data


def int64(*numbers: int) -> np.ndarray:
    return np.array(numbers, "<i8")


LEGACY = struct.pack("<III", 2, 2, 3) + CPU + flag(0) + SIX.tobytes()
FIRST = struct.pack("<I", V1) + shape(2, 3) + CPU + flag(0) + SIX.tobytes()
SCALAR = struct.pack("<Ii", V3, 0) + shape() + CPU + flag(4) + struct.pack("<i", 7)
EMPTY = struct.pack("<Ii", V3, 0) + shape(0, 3) + CPU + flag(0)
BFLOAT16 = struct.pack("<Ii", V2, 0) + shape(3) + CPU + flag(12) + struct.pack("<HHH", 0x3F80, 0xC000, 0x3EAB)
ROWS = sparse(1, shape(2, 3), shape(4, 3), SIX.tobytes(), int64(3, 1))
MATRIX = sparse(2, shape(3), shape(3, 4), SIX[1:4].tobytes(), int64(0, 2, 2, 3), int64(1, 3, 0))


@pytest.mark.parametrize("array", [LEGACY, FIRST])
def test_read_params__layouts_before_v2(array: bytes) -> None:
    (back,) = read_params(listed(array)).values()
    assert back.dtype == np.float32
    assert np.array_equal(back, SIX.reshape(2, 3))


def test_read_params__v3_has_scalars_and_empty_arrays() -> None:
    scalar, empty = read_params(listed(SCALAR, EMPTY)).values()
    assert scalar.dtype == np.int32
    assert (scalar.shape, int(scalar), empty.shape) == ((), 7, (0, 3))


@pytest.mark.parametrize(
    "array",
    [
        struct.pack("<I", 0),
        struct.pack("<I", V1) + shape(),
        struct.pack("<Ii", V2, 0) + shape(),
        struct.pack("<Iii", V3, 0, -1),
        struct.pack("<Ii", V3, 0) + shape(2, -1),
    ],
)
def test_read_params__array_without_a_shape_is_empty(array: bytes) -> None:
    first, second = read_params(listed(array, LEGACY)).values()
    assert first.shape == (0,)
    assert second.shape == (2, 3)


def test_read_params__bfloat16_becomes_float32() -> None:
    (back,) = read_params(listed(BFLOAT16)).values()
    assert back.dtype == np.float32
    assert back.tolist() == [1.0, -2.0, 0.333984375]


def test_read_params__sparse_arrays_become_dense() -> None:
    rows, matrix = read_params(listed(ROWS, MATRIX)).values()
    assert rows.tolist() == [[0, 0, 0], [3, 4, 5], [0, 0, 0], [0, 1, 2]]
    assert matrix.tolist() == [[0, 1, 0, 2], [0, 0, 0, 0], [3, 0, 0, 0]]


def test_read_params__sparse_arrays_of_zeros() -> None:
    none = int64()
    rows = sparse(1, shape(0, 3), shape(4, 3), b"", none)
    matrix = sparse(2, shape(0), shape(3, 4), b"", none, none)
    assert [array.tolist() for array in read_params(listed(rows, matrix)).values()] == [[[0] * 3] * 4, [[0] * 4] * 3]


@pytest.mark.parametrize(
    "array",
    [
        sparse(1, shape(2, 3), shape(4, 3), SIX.tobytes(), int64(3, 4)),  # a row that is not there
        sparse(1, shape(2, 3), shape(4, 3), SIX.tobytes(), int64(-1, 1)),
        sparse(1, shape(2, 3), shape(4, 3), SIX.tobytes(), int64(1, 1)),  # a row twice
        sparse(1, shape(2, 3), shape(4, 3), SIX.tobytes(), int64(1)),
        sparse(1, shape(3, 2), shape(4, 3), SIX.tobytes(), int64(0, 1, 2)),  # rows of another width
        sparse(1, shape(), shape(4), SIX.tobytes(), int64(0)),
        sparse(2, shape(3), shape(3, 4), SIX[:3].tobytes(), int64(0, 2, 1, 3), int64(1, 3, 0)),
        sparse(2, shape(3), shape(3, 4), SIX[:3].tobytes(), int64(0, 2, 2, 2), int64(1, 3, 0)),
        sparse(2, shape(3), shape(3, 4), SIX[:3].tobytes(), int64(0, 3), int64(1, 3, 0)),
        sparse(2, shape(3), shape(3, 4), SIX[:3].tobytes(), int64(0, 2, 2, 3), int64(1, 4, 0)),
        sparse(2, shape(3), shape(3, 4), SIX[:3].tobytes(), int64(0, 2, 2, 3), int64(1, 1, 0)),
        sparse(2, shape(3), shape(3, 4, 1), SIX[:3].tobytes(), int64(0, 2, 2, 3), int64(1, 3, 0)),
        struct.pack("<Ii", V2, 3) + shape(1) + shape(1) + CPU + flag(0),
        struct.pack("<Ii", V3, 1) + ROWS[8:],
    ],
)
def test_read_params__sparse_nonsense_is_refused(array: bytes) -> None:
    with pytest.raises(BrokenFileError):
        read_params(listed(array))


def test_read_params__sparse_arrays_may_not_explode() -> None:
    one = sparse(1, shape(1, 4), shape(2**20, 4), SIX[:4].tobytes(), int64(5))  # 16 MiB when dense
    assert DENSE_BYTES == 4 * 2**24
    assert len(read_params(listed(*[one] * 4))) == 4
    with pytest.raises(BrokenFileError, match="sparse array 4 would take more than 67108864 bytes"):
        read_params(listed(*[one] * 5))


def test_read_params__damage_is_always_named_and_never_costs_memory() -> None:
    """Bits, words, lengths and splices of every layout: `broken_file` or arrays within the bounds, nothing else."""
    source = random.Random(8)
    named = write_params({"arg:a": SIX, "aux:b": np.array([[True], [False]])})
    seeds = [named, *(listed(a) for a in (LEGACY, FIRST, SCALAR, EMPTY, BFLOAT16, ROWS, MATRIX)), listed(ROWS, MATRIX)]
    outcomes = {"read": 0, "refused": 0}
    tracemalloc.start()
    try:
        for _ in range(20_000):
            data = mutated(source, seeds)
            try:
                arrays = read_params(data)
                outcomes["read"] += 1
                assert sum(a.nbytes for a in arrays.values()) <= DENSE_BYTES + len(data) * 2
            except BrokenFileError:
                outcomes["refused"] += 1
        assert tracemalloc.get_traced_memory()[1] < 2 * DENSE_BYTES
    finally:
        tracemalloc.stop()
    assert min(outcomes.values()) > 500


def mutated(source: random.Random, seeds: list[bytes]) -> bytes:
    data = bytearray(source.choice(seeds))
    for _ in range(source.randint(1, 3)):
        at = source.randrange(len(data))
        match source.randrange(5):
            case 0:
                data[at] ^= 1 << source.randrange(8)
            case 1:
                number = source.choice([0, 1, 2, 5, 2**31 - 1, 2**31, 2**32 - 1, V1, V2, V3, 0x7FFF])
                data[at : at + 4] = struct.pack("<I", number)
            case 2:
                number = source.choice([0, 3, 2**24, 2**32, 2**40, 2**62, 2**63, 2**64 - 1])
                data[at : at + 8] = struct.pack("<Q", number)
            case 3:
                del data[at : at + source.randint(1, 16)]
            case _:
                other = source.choice(seeds)
                data[at:at] = other[source.randrange(len(other)) :][:32]
        data = data or bytearray(b"\0")
    return bytes(data)
