"""The MXNet container: real files, round trips, and damage of every kind."""

import random
import struct
from pathlib import Path

import numpy as np
import pytest

from roadloop.errors import BrokenFileError, InvalidValueError
from roadloop.models.params import TYPES, Arrays, read_params, write_params

MXNET = Path(__file__).parents[3] / "shared" / "data" / "weights" / "mxnet"

SMALL: Arrays = {
    "arg:车道.weight": np.arange(6, dtype=np.float32).reshape(2, 3),
    "aux:bn.running_mean": np.array([1.5], dtype=np.float64),
    "": np.array([[True], [False]]),
}


def real(name: str) -> bytes:
    path = MXNET / name
    if not path.is_file():
        pytest.skip(f"{name} is not beside the project (../shared/data/weights/mxnet)")
    return path.read_bytes()


def test_read_params__real_mxnet_file() -> None:
    arrays = read_params(real("samplenet/samplenet-0000.params"))
    assert {name: array.shape for name, array in arrays.items()} == {
        "arg:fc3_weight": (10, 84),
        "arg:conv2_bias": (16,),
        "arg:fc3_bias": (10,),
        "arg:conv2_weight": (16, 6, 5, 5),
        "arg:fc1_bias": (120,),
        "arg:fc1_weight": (120, 400),
        "arg:fc2_bias": (84,),
        "arg:conv1_bias": (6,),
        "arg:conv1_weight": (6, 3, 5, 5),
        "arg:fc2_weight": (84, 120),
    }
    assert all(array.dtype == np.float32 for array in arrays.values())


def test_read_params__real_file_equals_its_onnx_bit_for_bit() -> None:
    onnx = pytest.importorskip("onnx")
    arrays = read_params(real("samplenet/samplenet-0000.params"))
    model = onnx.load_from_string(real("samplenet/samplenet.onnx"))
    known = {"arg:" + t.name: onnx.numpy_helper.to_array(t) for t in model.graph.initializer}
    assert known.keys() == arrays.keys()
    assert all(known[name].tobytes() == array.tobytes() for name, array in arrays.items())


def test_write_params__writes_mxnet_s_own_bytes() -> None:
    data = real("samplenet/samplenet-0000.params")
    assert write_params(read_params(data)) == data


def test_write_params__layout_by_hand() -> None:
    expected = (
        struct.pack("<QQQ", 0x112, 0, 1)
        + struct.pack("<IiiqiiiB", 0xF993FAC9, 0, 1, 1, 1, 0, 3, 7)
        + struct.pack("<QQ1s", 1, 1, b"a")
    )
    assert write_params({"a": np.array([7], np.uint8)}) == expected


@pytest.mark.parametrize("flag", TYPES)
def test_read_params__round_trip_of_every_type(flag: int) -> None:
    for dtype in (TYPES[flag], TYPES[flag].newbyteorder(">")):
        array = np.array([[0, 1], [1, 0]], dtype)
        back = read_params(write_params({"x": array}))["x"]
        assert back.dtype == TYPES[flag]
        assert np.array_equal(back, array)
        back[0, 0] = 1  # a copy of its own, free to be changed


def test_read_params__keeps_names_and_order_and_what_is_not_contiguous() -> None:
    arrays = {**SMALL, "t": np.arange(6, dtype=np.int16).reshape(2, 3).T}
    back = read_params(write_params(arrays))
    assert list(back) == list(arrays)
    assert all(np.array_equal(back[name], array) for name, array in arrays.items())
    assert read_params(write_params({})) == {}


def test_read_params__list_without_names_is_numbered() -> None:
    data = write_params({"a": np.array([1.0])})
    assert list(read_params(data[: -8 - 8 - 1] + struct.pack("<Q", 0))) == ["0"]


@pytest.mark.parametrize(
    "array", [np.array(1.0), np.zeros((0, 3)), np.zeros(2, np.complex64), np.array(["text"]), np.zeros([1] * 33)]
)
def test_write_params__refuses_what_the_format_lacks(array: np.ndarray) -> None:
    with pytest.raises(InvalidValueError, match="cannot hold layer"):
        write_params({"layer": array})


def test_read_params__every_truncation_is_refused() -> None:
    data = write_params(SMALL)
    for length in range(len(data)):
        with pytest.raises(BrokenFileError):
            read_params(data[:length])
    with pytest.raises(BrokenFileError, match="1 bytes follow the end"):
        read_params(data + b"\0")


def test_read_params__flipped_bits_never_raise_anything_else() -> None:
    data = write_params(SMALL)
    refused = 0
    for position in range(8 * len(data)):
        damaged = bytearray(data)
        damaged[position // 8] ^= 1 << position % 8
        try:
            read_params(bytes(damaged))
        except BrokenFileError:
            refused += 1
    assert refused > 4 * len(data)  # the rest are flips of values and names


def test_read_params__random_bytes_never_raise_anything_else() -> None:
    source = random.Random(0)
    head = write_params(SMALL)[:40]
    for _ in range(3000):
        data = head[: source.randrange(41)] + source.randbytes(source.randrange(120))
        with pytest.raises(BrokenFileError):
            read_params(data)


@pytest.mark.parametrize("huge", [2**31, 2**40, 2**62, 2**64 - 1])
@pytest.mark.parametrize("at", range(0, 140, 4))
def test_read_params__huge_counts_are_refused_before_anything_is_allocated(at: int, huge: int) -> None:
    data = bytearray(write_params(SMALL))
    data[at : at + 8] = struct.pack("<Q", huge)
    try:
        arrays = read_params(bytes(data))
    except BrokenFileError:
        return
    assert sum(array.nbytes for array in arrays.values()) < 100


def test_read_params__product_of_dims_that_overflows_is_refused() -> None:
    data = struct.pack("<QQQ", 0x112, 0, 1) + struct.pack("<Iii4q", 0xF993FAC9, 0, 4, *[2**62] * 4)
    data += struct.pack("<iii", 1, 0, 0) + bytes(64)
    with pytest.raises(BrokenFileError, match="has the shape"):
        read_params(data)


def test_read_params__real_file_of_before_v1() -> None:
    """The first network of MTCNN; the numbers are those that MXNet 1.9.1 reads."""
    arrays = read_params(real("mtcnn/det1-0001.params"))
    assert len(arrays) == 13
    assert sum(array.size for array in arrays.values()) == 6632
    assert arrays["arg:conv1_weight"].shape == (10, 3, 3, 3)
    assert arrays["arg:conv4_2_weight"].shape == (4, 32, 1, 1)
    assert arrays["arg:prelu1_gamma"][:2].tolist() == np.array([-0.6254063, -0.2116809], np.float32).tolist()
    assert float(arrays["arg:conv2_weight"].astype(np.float64).sum()) == -38.56578886404168


def test_read_params__real_list_without_names() -> None:
    arrays = read_params(real("legacy_ndarray.v0"))
    assert list(arrays) == ["0", "1", "2", "3", "4", "5"]
    assert all(np.array_equal(array, np.arange(128, dtype=np.float32)) for array in arrays.values())


def test_read_params__two_arrays_of_one_name_are_refused() -> None:
    data = write_params({"a": np.array([1.0]), "b": np.array([2.0])})
    with pytest.raises(BrokenFileError, match="one name"):
        read_params(data[:-1] + b"a")
