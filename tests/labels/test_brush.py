import numpy as np
import pytest

from roadloop.errors import BrokenFileError
from roadloop.labels.brush import decode, encode


def bits(data: list[int]) -> str:
    return "".join(f"{b:08b}" for b in data)


def by_hand(mask: np.ndarray) -> list[int]:
    """The format, written out slowly."""
    flat = np.repeat(np.where(mask.ravel(), 255, 0), 4).tolist()
    out = f"{len(flat):032b}" + "00111" + "0010" + "0011" + "0111" + "1111"
    place = 0
    while place < len(flat):
        length = 1
        while place + length < len(flat) and flat[place + length] == flat[place]:
            length += 1
        place += length
        while length > 0:
            part = min(length, 65536)
            kind, size = next((k, s) for k, s in enumerate((3, 4, 8, 16)) if part <= 2**s)
            if length != part or length > 256:
                kind, size = 3, 16
            out += f"1{kind:02b}{part - 1:0{size}b}{flat[place - 1]:08b}"
            length -= part
    out += "0" * (8 - len(out) % 8)
    return [int(out[i : i + 8], 2) for i in range(0, len(out), 8)]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize(("height", "width"), [(1, 1), (5, 7), (40, 33), (150, 200)])
def test_encode__is_what_the_format_says_and_decode_undoes_it(seed: int, height: int, width: int) -> None:
    noise = np.random.default_rng(seed).random((height, width))
    mask = np.repeat(noise < (0.1, 0.5, 0.97, 0.0, 1.1, 0.3)[seed], 1 + seed % 3, axis=1)[:, :width]
    data = encode(mask)
    assert data == by_hand(mask)
    assert (decode(data, width, height) == mask).all()


def test_encode__by_hand() -> None:
    # One pixel: 4 values; header, then a run of kind 0 and length 4, value 255; two bits of padding.
    assert (
        bits(encode(np.array([[True]])))
        == f"{4:032b}" + "00111" + "0010001101111111" + "1" + "00" + "011" + "1" * 8 + "0" * 5
    )
    assert (decode(encode(np.zeros((300, 400), bool)), 400, 300) == False).all()  # noqa: E712 - an array


def test_decode__literals_and_soft_edges_of_the_page() -> None:
    # Eight values as one literal: alpha 127 is outside, 128 inside.
    text = f"{8:032b}001110010001101111111000111" + "".join(f"{v:08b}" for v in [9, 9, 9, 127, 9, 9, 9, 128])
    text += "0" * (-len(text) % 8)
    data = [int(text[i : i + 8], 2) for i in range(0, len(text), 8)]
    assert decode(data, 2, 1).tolist() == [[False, True]]


def test_decode__takes_all_bits_and_refuses_any_that_are_missing() -> None:
    mask = np.array([[True, True, True, True, False, True]])
    data = encode(mask)  # 96 bits, and the eight more that the SDK writes
    assert len(data) == 13
    assert (decode(data[:12], 6, 1) == mask).all()
    for length in range(12):
        with pytest.raises(BrokenFileError) as caught:
            decode(data[:length], 6, 1)
        assert caught.value.text.en == "The brush mask is not valid: it ends too early."
        assert caught.value.text.zh == "画笔标注无效：数据提前结束。"


@pytest.mark.parametrize("damage", ["short", "size", "bytes", "empty"])
def test_decode__refuses_what_is_broken(damage: str) -> None:
    data = encode(np.eye(20, dtype=bool))
    broken = {"short": data[:-4], "size": data, "bytes": [300, *data], "empty": []}[damage]
    with pytest.raises(BrokenFileError, match="brush mask"):
        decode(broken, 20, 21 if damage == "size" else 20)
