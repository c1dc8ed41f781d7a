"""Layouts of the MXNet container that are read but never written: by hand, and damaged in thousands of ways."""

import random
import struct
import tracemalloc

import numpy as np
import pytest

from roadloop.errors import BrokenFileError
from roadloop.models.params import read_params, write_params

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


LEGACY = struct.pack("<III", 2, 2, 3) + CPU + flag(0) + SIX.tobytes()
FIRST = struct.pack("<I", V1) + shape(2, 3) + CPU + flag(0) + SIX.tobytes()
SCALAR = struct.pack("<Ii", V3, 0) + shape() + CPU + flag(4) + struct.pack("<i", 7)
EMPTY = struct.pack("<Ii", V3, 0) + shape(0, 3) + CPU + flag(0)
BFLOAT16 = struct.pack("<Ii", V2, 0) + shape(3) + CPU + flag(12) + struct.pack("<HHH", 0x3F80, 0xC000, 0x3EAB)
ROWS = struct.pack("<Ii", V2, 1) + shape(2, 3) + shape(4, 3) + CPU + flag(0)  # of a sparse array, as it begins


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


@pytest.mark.parametrize("array", [ROWS, struct.pack("<Ii", V2, 2) + ROWS[8:], struct.pack("<Ii", V3, 1) + ROWS[8:]])
def test_read_params__sparse_arrays_are_refused_by_that_name(array: bytes) -> None:
    with pytest.raises(BrokenFileError, match=r"array 0 is sparse \(storage type [12]\); save it dense"):
        read_params(listed(array))


def test_read_params__damage_is_always_named_and_never_costs_memory() -> None:
    """Bits, words, lengths and splices of every layout: `broken_file` or arrays within the bounds, nothing else."""
    source = random.Random(8)
    named = write_params({"arg:a": SIX, "aux:b": np.array([[True], [False]])})
    seeds = [named, *(listed(a) for a in (LEGACY, FIRST, SCALAR, EMPTY, BFLOAT16))]
    outcomes = {"read": 0, "refused": 0}
    tracemalloc.start()
    try:
        for _ in range(20_000):
            data = mutated(source, seeds)
            try:
                arrays = read_params(data)
                outcomes["read"] += 1
                assert sum(a.nbytes for a in arrays.values()) <= len(data) * 2
            except BrokenFileError:
                outcomes["refused"] += 1
        assert tracemalloc.get_traced_memory()[1] < 2**20
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
