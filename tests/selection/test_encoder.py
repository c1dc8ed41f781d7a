"""Finding the deepest feature map of a network, and catching it."""

import threading

import pytest
import torch
from torch import nn

from roadloop.networks.folder import template_folder
from roadloop.networks.load import load_network
from roadloop.selection.encoder import Encoder, deepest


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
    assert deepest(Toy().eval(), 5) == "deep"
    assert deepest(nn.Conv2d(3, 3, 1).eval(), 3) == ""


@pytest.mark.parametrize(("name", "place"), [("fast-scnn", "extract"), ("enet", "stage3")])
def test_deepest__of_the_shipped_networks(name: str, place: str) -> None:
    network = load_network(template_folder(name), 13, {}).eval()
    found = deepest(network, 13)
    assert found == place
    encoder = Encoder(network, 13)
    with torch.inference_mode():
        network(torch.rand(2, 3, 96, 128))
    vectors = encoder.embeddings()
    assert vectors.shape[0] == 2
    assert vectors.shape[1] >= 64
    assert torch.allclose(vectors.norm(dim=1), torch.ones(2))


def test_encoder__each_thread_gets_its_own() -> None:
    network = Toy().eval()
    encoder = Encoder(network, 5)
    found: dict[int, torch.Tensor] = {}

    def work(k: int) -> None:
        with torch.inference_mode():
            for _ in range(20):
                network(torch.full((1, 3, 16, 16), float(k)))
                again = encoder.embeddings()
                assert torch.equal(found.setdefault(k, again), again)

    threads = [threading.Thread(target=work, args=(k,)) for k in (1, 2, 3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not torch.equal(found[1], found[2])
