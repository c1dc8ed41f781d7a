"""Finding the deepest feature map of a network, and catching it."""

import threading

import pytest
import torch
from torch import nn

from roadloop.models.encoder import Encoder, deepest
from roadloop.networks.folder import template_folder
from roadloop.networks.load import load_network


class Toy(nn.Module):
    """Stride 4 with features, a low-resolution output, and means over the whole picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 6, 2, stride=2)
        self.deep = nn.Conv2d(6, 12, 2, stride=2)
        self.pool = nn.AdaptiveAvgPool2d(2)
        self.classify = nn.Conv2d(12, 5, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        features = self.deep(self.stem(x))
        low = self.classify(features) + self.classify(self.pool(features)).mean()
        return nn.functional.interpolate(low, x.shape[-2:])


def test_deepest__is_the_last_small_map_with_features() -> None:
    toy, pixel = Toy().eval(), nn.Conv2d(3, 3, 1).eval()
    assert deepest(toy, toy, 5) == "deep"
    assert deepest(pixel, pixel, 3) == ""


@pytest.mark.parametrize(("name", "place"), [("fast-scnn", "extract"), ("enet", "stage3")])
def test_deepest__of_the_shipped_networks(name: str, place: str) -> None:
    network = load_network(template_folder(name), 13, {}).eval()
    picture = torch.rand(2, 3, 96, 128)
    has_coarse = hasattr(network, "coarse_logits")
    fine, coarse = Encoder(network, 13), Encoder(network, 13, coarse=has_coarse)
    assert (fine.place, coarse.place) == (place, place)
    with torch.inference_mode():
        logits, vectors = fine(picture)
        smaller, others = coarse(picture)
        assert torch.equal(logits, network(picture))
        assert torch.equal(smaller, getattr(network, "coarse_logits" if has_coarse else "forward")(picture))
    assert torch.equal(vectors, others)
    assert vectors.shape[0] == 2
    assert vectors.shape[1] >= 64
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2))


class Pixelwise(nn.Conv2d):
    """Has no deeper map than its own output, which it makes of coarse logits."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.interpolate(self.coarse_logits(x), x.shape[-2:], mode="bilinear", align_corners=False)

    def coarse_logits(self, x: torch.Tensor) -> torch.Tensor:
        return nn.functional.conv2d(nn.functional.avg_pool2d(x, 2), self.weight)


def test_encoder__asks_forward_where_its_output_is_the_deepest_map() -> None:
    network = Pixelwise(3, 4, 1, bias=False).eval()
    encoder = Encoder(network, 4, coarse=True)
    with torch.inference_mode():
        logits, vectors = encoder(torch.ones(1, 3, 6, 8))
    assert encoder.place == ""
    assert logits.shape == (1, 4, 6, 8)
    assert torch.allclose(vectors, nn.functional.normalize(logits.mean((2, 3))))


def test_encoder__each_thread_gets_its_own() -> None:
    encoder = Encoder(Toy().eval(), 5)
    found: dict[int, torch.Tensor] = {}

    def work(k: int) -> None:
        with torch.inference_mode():
            for _ in range(20):
                _, again = encoder(torch.full((1, 3, 16, 16), float(k)))
                assert torch.equal(found.setdefault(k, again), again)

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torch.equal(found[1], found[2])
