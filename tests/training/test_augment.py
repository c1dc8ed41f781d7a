import numpy as np
import pytest
from numpy.typing import NDArray

from roadloop.training.augment import Augmentation, cut, recolor

UInt8 = NDArray[np.uint8]
BLACK = (0, 0, 0)


def picture(height: int = 40, width: int = 60) -> tuple[UInt8, UInt8]:
    """A picture whose red is the column and green the row, and a label that says which half."""
    image = np.zeros((height, width, 3), np.uint8)
    image[..., 0] = np.arange(width)
    image[..., 1] = np.arange(height)[:, None]
    label = np.zeros((height, width), np.uint8)
    label[:, width // 2 :] = 1
    return image, label


def plain(crop: tuple[int, int], **changes: object) -> Augmentation:
    values: dict[str, object] = {
        "crop": crop, "scale": (1.0, 1.0), "flip": 0.0, "flip_pairs": (), "brightness": 0.0, "contrast": 0.0,
        "saturation": 0.0, "fill": (9, 9, 9),
    }  # fmt: skip
    return Augmentation(**(values | changes))  # type: ignore[arg-type]


def test_apply__without_changes_is_the_picture() -> None:
    image, label = picture()
    out, ids = plain((40, 60)).apply(image, label, np.random.default_rng(0))
    assert (out == image).all()
    assert (ids == label).all()


def test_apply__a_small_picture_lies_inside_ignored_pixels() -> None:
    image, label = picture()
    out, ids = plain((80, 100)).apply(image, label, np.random.default_rng(0))
    inside = ids != 255
    assert inside.sum() == 40 * 60
    assert (out[~inside] == 9).all()
    assert (out[inside].reshape(40, 60, 3) == image).all()


def test_apply__picture_and_label_stay_together() -> None:
    image, label = picture()
    augmentation = plain((24, 32), scale=(0.5, 2.0), flip=0.5)
    for seed in range(50):
        out, ids = augmentation.apply(image, label, np.random.default_rng(seed))
        assert (out.shape, ids.shape, str(out.dtype), str(ids.dtype)) == ((24, 32, 3), (24, 32), "uint8", "uint8")
        known = ids != 255
        assert set(np.unique(ids)) <= {0, 1, 255}
        assert (np.abs(out[..., 0][known & (ids == 0)] - 15.0) <= 16).all()  # columns 0 to 29, blended by a pixel
        assert (out[..., 0][known & (ids == 1)] >= 28).all()


def test_apply__mirrored_classes_change_places() -> None:
    image, label = picture()
    out, ids = plain((40, 60), flip=1.0, flip_pairs=((0, 1),)).apply(image, label, np.random.default_rng(0))
    assert (out == image[:, ::-1]).all()
    assert (ids == label).all()  # the halves were mirrored and renamed


def test_apply__the_same_generator_gives_the_same_sample() -> None:
    image, label = picture()
    augmentation = plain((24, 32), scale=(0.5, 2.0), flip=0.5, brightness=0.2, contrast=0.2, saturation=0.2)
    a, b, c = (augmentation.apply(image, label, np.random.default_rng((0, 3, k))) for k in (5, 5, 6))
    assert (a[0] == b[0]).all()
    assert (a[1] == b[1]).all()
    assert (a[0] != c[0]).any()


@pytest.mark.parametrize("scale", [0.05, 0.31, 1.0, 1.7, 20.0])
@pytest.mark.parametrize("place", [0.0, 0.5, 0.9999])
@pytest.mark.parametrize("size", [(1, 1), (1, 50), (37, 3), (64, 64)])
def test_cut__any_size_fits(scale: float, place: float, size: tuple[int, int]) -> None:
    image, label = picture(*size)
    out, ids = cut(image, label, (33, 17), scale, (place, place), BLACK)
    assert (out.shape, ids.shape) == ((33, 17, 3), (33, 17))
    assert (ids != 255).any()


def test_recolor__by_hand() -> None:
    image = np.array([[[100, 100, 100], [200, 0, 0]]], np.uint8)
    assert recolor(image, 0, 0, 0).tolist() == image.tolist()
    assert recolor(image, 0.1, 0, 0)[0, 0].tolist() == [126, 126, 126]  # + 25.5
    assert recolor(image, 0, 1, 0)[0, 0].tolist() == [72, 72, 72]  # 127.5 - 2 * 27.5 = 72.5
    assert recolor(image, 0, 0, -1)[0, 1].tolist() == [60, 60, 60]  # 0.299 * 200
