import numpy as np

from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.sources.health.similar import Alike, Fingerprint, find_alike, fingerprint

FLAT = bytes(64)


def scene(seed: int) -> np.ndarray:
    small = np.random.default_rng(seed).integers(0, 255, (12, 16, 3), dtype=np.uint8)
    return np.kron(small, np.ones((16, 16, 1), np.uint8))


def of(data: bytes) -> Fingerprint:
    return fingerprint(data, (256, 192))


def test_fingerprint__survives_compression_and_brightness() -> None:
    picture = scene(1)
    first, second = of(encode_jpeg(picture, 95)), of(encode_jpeg((picture * 0.98).astype(np.uint8), 60))
    third, other = of(encode_color(picture)), of(encode_jpeg(scene(2)))
    assert find_alike([first, other, second, third])[0].distance <= 4
    found = find_alike([first, other, second, third])
    assert {(p.first, p.second) for p in found} >= {(0, 2), (0, 3)}
    assert all(1 not in (p.first, p.second) for p in found)


def test_find_alike__identical_files_go_with_the_first() -> None:
    same = Fingerprint("a", 5, FLAT)
    assert find_alike([same, Fingerprint("b", 2**40, FLAT), same, same], distance=0) == [
        Alike(0, 2, -1),
        Alike(0, 3, -1),
    ]


def test_find_alike__same_hash_other_grey_is_no_match() -> None:
    dark, light = Fingerprint("a", 0, FLAT), Fingerprint("b", 0, bytes([90] * 64))
    assert find_alike([dark, light]) == []


def test_find_alike__is_exact_against_all_pairs() -> None:
    rng = np.random.default_rng(3)
    base = rng.integers(0, 2**63, 60).tolist()
    hashes = base + [
        b ^ sum(1 << int(k) for k in rng.choice(64, int(n), replace=False))
        for b, n in zip(base, rng.integers(1, 8, 60), strict=True)
    ]
    prints = [Fingerprint(str(i), h, FLAT) for i, h in enumerate(hashes)]
    expected = {(i, j) for i in range(120) for j in range(i + 1, 120) if 0 < (hashes[i] ^ hashes[j]).bit_count() <= 4}
    assert {(p.first, p.second) for p in find_alike(prints)} == expected
    assert 20 < len(expected) < 60
