"""The predicting pipeline: order of work, sizes, memory, and what a network's outputs become."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional

from roadloop.models.manner import Manner, tiles
from roadloop.models.predict import Network, Predictor
from roadloop.models.stages import Stages, devices, run

UInt8 = NDArray[np.uint8]
CPU = torch.device("cpu")


class Brightest(torch.nn.Module):
    """Logits are the input channels; remembers the batches it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[torch.Size] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.seen.append(x.shape)
        return x


def network(**changes: Any) -> Network:
    values: dict[str, Any] = {
        "module": Brightest(),
        "mean": (0, 0, 0),
        "std": (1, 1, 1),
        "outputs": 3,
        "used": [0, 1, 2],
        "channels_last": False,
    }
    return Network(**{**values, **changes})


def image(*channel: int, height: int = 1) -> UInt8:
    """uint8 [height, W, 3] whose brightest channels are given."""
    return np.tile(np.eye(3, dtype=np.uint8)[list(channel)] * 100, (height, 1, 1))


def test_predictor__argmax_of_the_normalised_picture() -> None:
    (found,) = Predictor(network(), CPU, remote=False)([image(0, 2, 1)])
    assert found.tolist() == [[0, 2, 1]]
    assert found.dtype == np.uint8
    # 100/255 = 0.39; minus 0.5 it is below the other channels' 0.
    (found,) = Predictor(network(mean=(0.5, 0, 0)), CPU, remote=False)([image(0, 2, 1)])
    assert found.tolist() == [[1, 2, 1]]


def test_predictor__outputs_left_out_are_never_chosen() -> None:
    (found,) = Predictor(network(used=[1, 2]), CPU, remote=False)([image(0, 2, 1)])
    assert found.tolist() == [[1, 2, 1]]


def test_predictor__remote_sees_the_bottom_half_and_keeps_the_size() -> None:
    net = network()
    (found,) = Predictor(net, CPU, remote=True)([image(2, height=5)])
    assert found.tolist() == [[255], [255], [2], [2], [2]]
    assert net.module.seen == [(1, 3, 3, 1)]


class Views(torch.nn.Module):
    """Code that only contiguous tensors can do."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Conv2d(3, 3, 1, bias=False)
        self.layouts: list[bool] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.layouts.append(x.is_contiguous())
        out: torch.Tensor = self.layer(x)
        return out.view(len(x), -1).view(x.shape)


@pytest.mark.parametrize(("module", "contiguous"), [(Views(), True), (torch.nn.Conv2d(3, 3, 3, padding=1), False)])
def test_network__channels_last_where_its_code_can_do_that(module: torch.nn.Module, contiguous: bool) -> None:
    net = network(module=module, channels_last=True)
    assert (net.layout == torch.contiguous_format) is contiguous
    weight = next(module.parameters())
    assert weight.is_contiguous() is contiguous or weight.shape[-1] == 1
    (found,) = Predictor(net, CPU, remote=False)([np.zeros((5, 7, 3), np.uint8)])
    assert found.shape == (5, 7)
    if isinstance(module, Views):
        assert module.layouts == [False, True]
    assert replace(net, channels_last=False).layout == torch.contiguous_format


class Sums(torch.nn.Module):
    """Logits are sums over 3 x 3 pixels; outside the picture is black."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.avg_pool2d(x, 3, stride=1, padding=1)


@pytest.mark.parametrize(("height", "width"), [(16, 16), (17, 40), (45, 16), (50, 33)])
def test_predictor__tiles_say_what_the_whole_picture_says(height: int, width: int) -> None:
    picture = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    whole = Predictor(network(module=Sums()), CPU, remote=False).predict([picture, picture[::-1]])
    parts = Predictor(network(module=Sums()), CPU, remote=False, manner=Manner(tile=16)).predict(
        [picture, picture[::-1]]
    )
    for expected, found in zip(whole, parts, strict=True):
        assert np.array_equal(found.ids, expected.ids)
        assert found.certainty is not None
        assert expected.certainty is not None
        assert np.array_equal(found.certainty, expected.certainty)


def test_predictor__tiles_are_all_the_network_sees() -> None:
    net = network()
    Predictor(net, CPU, remote=True, manner=Manner(tile=16))([np.zeros((60, 28, 3), np.uint8)])
    assert set(net.module.seen) == {(1, 3, 16, 16)}  # type: ignore[arg-type]
    assert len(net.module.seen) == 3 * 2  # type: ignore[arg-type]


def test_tiles__every_pixel_is_kept_once_from_the_tile_whose_edge_is_farthest() -> None:
    rows = [(t.window[0], t.kept[0], t.inside[0]) for t in tiles(40, 16, 16)]
    # Steps of 12 = 16 - 2 * 2; the last tile ends with the picture, and its border lies in the middle of the overlap.
    assert rows == [
        (slice(0, 16), slice(0, 14), slice(0, 14)),
        (slice(12, 28), slice(14, 26), slice(2, 14)),
        (slice(24, 40), slice(26, 40), slice(2, 16)),
    ]
    kept = np.zeros((53, 41), int)
    for tile in tiles(53, 41, 16):
        kept[tile.kept] += 1
    assert (kept == 1).all()


class Plain(torch.nn.Module):
    """Logits are means over 4 x 4 pixels, resized."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        small = torch.nn.functional.avg_pool2d(x, 4, ceil_mode=True)
        return torch.nn.functional.interpolate(small, x.shape[-2:], mode="bilinear", align_corners=False)


class Coarse(Plain):
    """The same, and it answers the means alone when asked; remembers what it was asked."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        self.asked.append("forward")
        logits: torch.Tensor = super().forward(x)
        return logits

    def coarse_logits(self, x: torch.Tensor) -> torch.Tensor:
        self.asked.append("coarse")
        return torch.nn.functional.avg_pool2d(x, 4, ceil_mode=True)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (1, 30), (17, 23), (60, 41)])
@pytest.mark.parametrize("remote", [False, True])
@pytest.mark.parametrize("manner", [Manner(), Manner(tile=16)])
@pytest.mark.parametrize("used", [[0, 1, 2], [0, 2]])
def test_predictor__coarse_logits_say_what_resized_ones_say(
    height: int, width: int, remote: bool, manner: Manner, used: list[int]
) -> None:
    rng = np.random.default_rng(0)
    pictures = [rng.integers(0, 256, (height, width, 3), dtype=np.uint8) for _ in range(2)]
    module = Coarse()
    net = network(module=module, used=used)
    assert net.coarse
    module.asked.clear()
    plain = Predictor(network(module=Plain(), used=used), CPU, remote=remote, manner=manner).predict(pictures)
    for expected, found in zip(plain, Predictor(net, CPU, remote=remote, manner=manner).predict(pictures), strict=True):
        assert np.array_equal(found.ids, expected.ids)
        assert found.certainty is not None
        assert expected.certainty is not None
        assert np.abs(found.certainty.astype(int) - expected.certainty).max() <= 1
    assert set(module.asked) == {"coarse"}


def test_predictor__copies_of_a_picture_are_averaged_at_full_size() -> None:
    module = Coarse()
    picture = np.random.default_rng(0).integers(0, 256, (17, 23, 3), dtype=np.uint8)
    net = network(module=module)
    assert net.coarse
    module.asked.clear()
    (found,) = Predictor(net, CPU, remote=False, manner=Manner(flip=True))([picture])
    (expected,) = Predictor(network(module=Plain()), CPU, remote=False, manner=Manner(flip=True))([picture])
    assert np.array_equal(found, expected)
    assert module.asked == ["forward", "forward"]


class Stale(Coarse):
    """Somebody edited `forward` and forgot the other."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return super().forward(x).flip(1)


class Failing(Coarse):
    def coarse_logits(self, x: torch.Tensor) -> torch.Tensor:
        raise KeyError(x.shape)


@pytest.mark.parametrize(("module", "expected"), [(Stale(), 2), (Failing(), 0)])
def test_predictor__coarse_logits_that_do_not_fit_count_for_nothing(module: Coarse, expected: int) -> None:
    (found,) = Predictor(network(module=module), CPU, remote=False)([image(0, 0, height=2)])
    assert found.tolist() == [[expected] * 2] * 2


class Left(torch.nn.Module):
    """Sees class 0 in the left column and class 1 in the right one, as if by their place; red makes class 2."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        logits = torch.zeros_like(x)
        logits[:, 0, :, 0] = 3
        logits[:, 1, :, -1] = 1
        logits[:, 2] = 10 * x[:, 0]
        return logits


def test_predictor__flip_swaps_left_and_right_classes() -> None:
    dark = np.zeros((1, 4, 3), np.uint8)
    # Mirrored, class 1 has the left column with 1 and class 0 the right one with 3, unless they change places.
    plain = Predictor(network(module=Left()), CPU, remote=False, manner=Manner(flip=True))
    swapped = Predictor(network(module=Left(), mirrored=[(0, 1)]), CPU, remote=False, manner=Manner(flip=True))
    (found,) = plain.predict([dark])
    assert found.ids.tolist() == [[0, 0, 0, 0]]
    (found,) = swapped.predict([dark])
    assert found.ids.tolist() == [[0, 0, 0, 1]]
    assert found.certainty is not None
    alone, other = np.exp(3) / (np.exp(3) + 2), np.exp(1) / (np.exp(1) + 2)
    assert found.certainty[0, 0] == pytest.approx(65535 * (alone + other) / 2, abs=1)


def test_predictor__flip_swaps_among_the_outputs_that_take_part() -> None:
    net = network(module=Left(), used=[1, 2], mirrored=[(0, 1)])
    (found,) = Predictor(net, CPU, remote=False, manner=Manner(flip=True)).predict([np.zeros((1, 4, 3), np.uint8)])
    assert found.ids[0, 0] == found.ids[0, 3] == 1


def test_predictor__scales_average_probabilities_of_other_sizes() -> None:
    net = network()
    halves = np.kron(image(0, 2, height=2), np.ones((4, 8, 1), np.uint8))
    (found,) = Predictor(net, CPU, remote=False, manner=Manner(scales=(0.5, 1.0, 2.0), flip=True)).predict([halves])
    assert found.ids.tolist() == [[0] * 8 + [2] * 8] * 8
    assert net.module.seen == [
        (1, 3, 4, 8), (1, 3, 4, 8), (1, 3, 8, 16), (1, 3, 8, 16), (1, 3, 16, 32), (1, 3, 16, 32)
    ]  # fmt: skip
    (plain,) = Predictor(net, CPU, remote=False, manner=Manner(scales=(1.0,))).predict([halves])
    assert plain.certainty is not None
    assert plain.certainty[0, 0] == pytest.approx(65535 * np.exp(100 / 255) / (np.exp(100 / 255) + 2), abs=1)


class Half(torch.nn.Module):
    """Logits are the input channels of half the pixels, resized."""

    def __init__(self) -> None:
        super().__init__()
        self.deep = torch.nn.AvgPool2d(4)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return functional.interpolate(self.coarse_logits(x), x.shape[-2:], mode="bilinear", align_corners=False)

    def coarse_logits(self, x: torch.Tensor) -> torch.Tensor:
        self.deep(x)
        return functional.avg_pool2d(x, 2)


def test_look__probabilities_of_the_outputs_that_take_part_and_what_was_seen() -> None:
    images = [np.random.default_rng(i).integers(0, 256, (16, 12, 3), dtype=np.uint8) for i in range(2)]
    half = network(module=Half(), used=[0, 2], embedding=True)
    look = Predictor(half, CPU).look(images)
    assert look.logits.shape == (2, 2, 8, 6)
    pictures = torch.from_numpy(np.stack(images)).permute(0, 3, 1, 2) / 255
    expected = half.module(pictures)[:, [0, 2]].softmax(1)
    torch.testing.assert_close(torch.cat(list(look.probabilities()), 2), expected)
    means = functional.normalize(pictures.mean((2, 3)), dim=1)
    torch.testing.assert_close(look.vectors, means)
    plain = Predictor(replace(half, resized_late=False), CPU)
    assert plain.look(images).logits.shape == (2, 2, 16, 12)
    assert all(np.array_equal(*pair) for pair in zip(plain(images), Predictor(half, CPU)(images), strict=True))


def through(images: list[UInt8], batch: int, places: int = 1) -> tuple[list[tuple[int, UInt8]], Brightest]:
    net = network()
    predictors = [[Predictor(net, CPU, remote=False)] for _ in range(places)]
    stages: Stages[int, tuple[int, UInt8], UInt8, tuple[int, UInt8]] = Stages(
        lambda i: (i, images[i]), lambda loaded: loaded[1], lambda loaded, ids: (loaded[0], ids[0])
    )
    done = list(run(range(len(images)), stages, predictors, batch))
    assert isinstance(net.module, Brightest)
    return done, net.module


@pytest.mark.parametrize("places", [1, 3])
def test_run__every_picture_once_with_its_own_prediction(places: int) -> None:
    images = [image(i % 3, (i + 1) % 3, height=1 + i % 4) for i in range(50)]
    done, _ = through(images, 3, places)
    assert sorted(i for i, _ in done) == list(range(50))
    for i, ids in done:
        assert ids.tolist() == [[i % 3, (i + 1) % 3]] * (1 + i % 4)


def test_run__pictures_of_one_size_form_batches() -> None:
    _, module = through([image(0, height=1 + i % 2) for i in range(10)], 2)
    assert sorted(shape[0] for shape in module.seen) == [1, 1, 2, 2, 2, 2]
    _, module = through([image(0, height=1 + i) for i in range(30)], 8)
    assert len(module.seen) == 30


def test_run__left_out_pictures_are_passed_over() -> None:
    stages: Stages[int, UInt8, UInt8, int] = Stages(
        lambda i: image(0) if i % 2 else None, lambda one: one, lambda _, ids: len(ids)
    )
    predictors = [[Predictor(network(), CPU, remote=False), Predictor(network(), CPU, remote=False)]]
    assert list(run(range(9), stages, predictors, 4)) == [2] * 4


def test_run__each_prediction_has_one_thread() -> None:
    seen: list[tuple[int, int]] = []

    def model(images: Sequence[UInt8]) -> list[UInt8]:
        seen.append((torch.get_num_threads(), cv2.getNumThreads()))
        return list(images)

    before = cv2.getNumThreads()
    cv2.setNumThreads(2)
    stages: Stages[int, UInt8, UInt8, int] = Stages(lambda _: image(0), lambda one: one, lambda _, ids: len(ids))
    assert list(run(range(2), stages, [[model]], 1)) == [1, 1]
    cv2.setNumThreads(before)
    assert seen == [(1, 1), (1, 1)]


def test_run__reads_only_a_bounded_number_ahead() -> None:
    read, lock = 0, threading.Lock()

    def load(_: int) -> UInt8:
        nonlocal read
        with lock:
            read += 1
        return image(0)

    stages: Stages[int, UInt8, UInt8, int] = Stages(load, lambda one: one, lambda _, ids: len(ids))
    results = run(range(10_000), stages, [[Predictor(network(), CPU, remote=False)]], 2)
    for _ in range(10):
        next(results)
    assert read < 100
    results.close()  # type: ignore[attr-defined]


def test_run__an_error_ends_it_and_its_threads() -> None:
    def pictures() -> Iterator[int]:
        yield from range(20)
        raise KeyError("stop")

    stages: Stages[int, UInt8, UInt8, int] = Stages(lambda _: image(0), lambda one: one, lambda _, ids: len(ids))
    before = threading.active_count()
    with pytest.raises(KeyError):
        list(run(pictures(), stages, [[Predictor(network(), CPU, remote=False)]], 2))
    assert threading.active_count() == before


def test_devices__one_for_each_gpu_or_thread() -> None:
    assert devices(("GPU-a", "GPU-b"), 8) == [torch.device("cuda", 0), torch.device("cuda", 1)]
    assert devices((), 2) == [CPU, CPU]
