import numpy as np
import pytest
from numpy.typing import NDArray

from roadloop.training.augment import Augmentation, Window, cut, cut_turned, recolor
from roadloop.training.recipe import DataConfig

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


def plain(crop: tuple[int, int], class_pixels: tuple[int, ...] = (), **changes: object) -> Augmentation:
    unchanged = dict.fromkeys(("flip", "brightness", "contrast", "saturation"), 0.0)
    values = {"crop": crop, "scale": (1.0, 1.0), "mean": (9 / 255,) * 3, **unchanged, **changes}
    return Augmentation(DataConfig.model_validate(values), class_pixels)


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
    out, ids = cut(image, label, (33, 17), Window(scale, (place, place)), BLACK)
    assert (out.shape, ids.shape) == ((33, 17, 3), (33, 17))
    assert (ids != 255).any()


@pytest.mark.parametrize(("scale", "shown"), [(0.25, {100}), (0.75, {25, 100, 175}), (0.5, {100})])
def test_cut__below_half_a_line_fades_and_does_not_vanish(scale: float, shown: set[int]) -> None:
    """Columns of 200 and 0 in turns: where pixels of the picture would be left out, their mean is taken."""
    image = np.zeros((16, 16, 3), np.uint8)
    image[:, ::2] = 200
    size = round(16 * scale)
    out, _ = cut(image, image[..., 0], (size, size), Window(scale, (0.0, 0.0)), BLACK)
    assert {round(value / 25) * 25 for value in out[:, :, 0].ravel().tolist()} == shown


def test_apply__writes_where_it_is_told() -> None:
    image, label = picture()
    augmentation = plain((24, 32), scale=(0.5, 2.0), flip=0.5, brightness=0.2, contrast=0.2)
    for each in (augmentation, plain((40, 60)), plain((40, 60), flip=1.0)):
        room = np.full((2, *each.crop, 3), 7, np.uint8), np.full((2, *each.crop), 7, np.uint8)
        out = each.apply(image, label, np.random.default_rng(3), out=(room[0][1], room[1][1]))
        expected = each.apply(image, label, np.random.default_rng(3))
        for k in (0, 1):
            assert np.shares_memory(out[k], room[k])
            assert (room[k][1] == expected[k]).all()
            assert (room[k][0] == 7).all()
    assert (image[..., 0] == np.arange(60)).all()  # the picture, which may be kept, is as it was


def test_recolor__by_hand() -> None:
    image = np.array([[[100, 100, 100], [200, 0, 0]]], np.uint8)
    assert recolor(image, 0, 0, 0).tolist() == image.tolist()
    assert recolor(image, 0.1, 0, 0)[0, 0].tolist() == [126, 126, 126]  # + 25.5
    assert recolor(image, 0, 1, 0)[0, 0].tolist() == [72, 72, 72]  # 127.5 - 2 * 27.5 = 72.5
    assert recolor(image, 0, 0, -1)[0, 1].tolist() == [60, 60, 60]  # 0.299 * 200


def numbered(size: int = 8) -> tuple[UInt8, UInt8]:
    """A square picture and label whose pixels all differ: row * size + column."""
    label = np.arange(size * size, dtype=np.uint8).reshape(size, size)
    return np.repeat(label[:, :, None], 3, axis=2), label


def test_apply__the_first_seven_numbers_decide_what_they_always_did() -> None:
    image, label = picture()
    out, ids = plain((24, 32), scale=(0.5, 2.0), flip=0.5, brightness=0.2).apply(image, label, np.random.default_rng(5))
    magnify, down, right, mirror, bright, _, _ = np.random.default_rng(5).random(7)
    window = Window(0.5 * 4**magnify, (down, right))
    expected, expected_ids = cut(image, label, (24, 32), window, (9, 9, 9))
    assert mirror < 0.5
    assert (ids == expected_ids[:, ::-1]).all()
    assert (out == recolor(expected[:, ::-1], 0.2 * (2 * bright - 1), 0, 0)).all()


@pytest.mark.parametrize(("angle", "quarters"), [(0, 0), (90, 1), (180, 2), (-90, 3)])
def test_cut_turned__quarter_turns_move_pixels_whole(angle: float, quarters: int) -> None:
    image, label = numbered()
    out, ids = cut_turned(image, label, (8, 8), Window(1.0, (0.0, 0.0)), angle, BLACK)
    assert (out == np.rot90(image, quarters)).all()
    assert (ids == np.rot90(label, quarters)).all()


def test_cut_turned__only_the_window_at_its_magnification() -> None:
    image, label = numbered()
    window = Window(2.0, (0.5, 0.5))  # 4 pixels of 8, room for 5 places: from the third on
    _, ids = cut_turned(image, label, (8, 8), window, 90, BLACK)
    middle = np.rot90(label[2:6, 2:6])
    assert (ids == middle.repeat(2, axis=0).repeat(2, axis=1)).all()


def test_cut_turned__outside_is_the_mean_and_ignored() -> None:
    image, label = np.full((9, 9, 3), 200, np.uint8), np.full((9, 9), 5, np.uint8)
    out, ids = cut_turned(image, label, (9, 9), Window(1.0, (0.0, 0.0)), 45, (7, 8, 9))
    for corner in ((0, 0), (0, 8), (8, 0), (8, 8)):
        assert (ids[corner], out[corner].tolist()) == (255, [7, 8, 9])
    assert (ids[4, :].tolist(), ids[:, 4].tolist()) == ([5] * 9, [5] * 9)
    assert set(np.unique(ids)) == {5, 255}  # nearest: no class comes from mixing


def test_apply__turns_to_both_sides_and_no_further_than_the_limit() -> None:
    label = np.zeros((41, 41), np.uint8)
    label[20, 20:] = 1  # a hand that points to the right
    image = np.zeros((41, 41, 3), np.uint8)
    angles = []
    for seed in range(40):
        _, ids = plain((41, 41), rotate=30.0).apply(image, label, np.random.default_rng(seed))
        rows, columns = np.nonzero(ids == 1)
        far = np.argmax(np.hypot(rows - 20, columns - 20))
        angles.append(np.degrees(np.arctan2(20 - rows[far], columns[far] - 20)))
    assert -32 < min(angles) < -20
    assert 20 < max(angles) < 32


def rare(share: float) -> tuple[UInt8, UInt8, Augmentation]:
    """A wide road with one pixel of class 1 and four of class 2; class 3 is elsewhere."""
    label = np.zeros((40, 60), np.uint8)
    label[5, 7] = 1
    label[30:32, 50:52] = 2
    label[:, 59] = 255
    image = np.zeros((40, 60, 3), np.uint8)
    return image, label, plain((8, 8), rare_class_share=share, class_pixels=(10**9, 10, 30, 1))


def test_apply__rare_classes_are_in_the_crop_the_rarer_the_more_often() -> None:
    image, label, augmentation = rare(1.0)
    seen = {1: 0, 2: 0}
    for seed in range(400):
        _, ids = augmentation.apply(image, label, np.random.default_rng(seed))
        found = set(np.unique(ids)) & {1, 2}
        assert len(found) == 1  # class 0 has next to no weight, and no crop reaches both
        seen[found.pop()] += 1
    assert 260 < seen[1] < 340  # 30 : 10 pixels are odds of 3 to 1 for class 1


def test_apply__the_share_of_rare_crops_and_the_others_unchanged() -> None:
    image, label, half = rare(0.5)
    _, _, none = rare(0.0)
    hits = 0
    for seed in range(400):
        _, ids = half.apply(image, label, np.random.default_rng(seed))
        _, usual = none.apply(image, label, np.random.default_rng(seed))
        hit = np.random.default_rng(seed).random(11)[8] < 0.5
        hits += int(hit)
        assert ({1, 2} & set(np.unique(ids)) != set()) if hit else (ids == usual).all()
    assert 160 < hits < 240


def test_apply__a_label_without_classes_is_cropped_anywhere() -> None:
    image, label = np.zeros((40, 60, 3), np.uint8), np.full((40, 60), 255, np.uint8)
    _, ids = plain((8, 8), rare_class_share=1.0, class_pixels=(5, 5)).apply(image, label, np.random.default_rng(0))
    assert (ids == 255).all()


def test_apply__rare_pixels_at_every_edge_stay_inside_the_picture() -> None:
    for row, column in ((0, 0), (0, 59), (39, 0), (39, 59), (20, 30)):
        image, label = np.zeros((40, 60, 3), np.uint8), np.zeros((40, 60), np.uint8)
        label[row, column] = 1
        for seed in range(10):
            augmentation = plain((8, 8), scale=(0.5, 1.0), rare_class_share=1.0, class_pixels=(10**9, 1))
            _, ids = augmentation.apply(image, label, np.random.default_rng(seed))
            assert 255 not in ids
            wide = plain((64, 64), rare_class_share=1.0, class_pixels=(10**9, 1))  # the crop holds the whole picture
            _, ids = wide.apply(image, label, np.random.default_rng(seed))
            assert (ids == 1).sum() == 1
