"""Prediction on a real GPU gives the labels that the CPU gives."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from benchmarks.pictures import drawn
from benchmarks.predict import MEAN, STD, settle
from roadloop.errors import OutOfMemoryError
from roadloop.imaging.decode import decode_image
from roadloop.models.predict import Network, Predictor
from roadloop.networks.folder import read_source, template_folder
from roadloop.networks.load import load_source

pytestmark = pytest.mark.gpu

CLASSES = 13


def network(name: str, images: list[np.ndarray]) -> Network:
    """A template with its first weights, its batch norms settled on the pictures."""
    torch.manual_seed(0)
    module = load_source(read_source(template_folder(name)), CLASSES, {}, file=name)
    settle(module, images)
    return Network(module, MEAN, STD, CLASSES, range(CLASSES))


@pytest.mark.parametrize("name", ["pidnet-s", "fast-scnn"])
def test_predictor__a_gpu_gives_the_cpu_s_labels(gpu: torch.device, name: str) -> None:
    """ENet's windows of pooling overlap: where two of them remember one place, a GPU keeps either value."""
    images = [decode_image(sample.image) for sample in drawn(4, (480, 360))]
    tried = network(name, images)
    on_cpu = Predictor(tried, torch.device("cpu"), remote=False).predict(images)
    on_gpu = Predictor(tried, gpu, remote=False).predict(images)
    for (ids, certainty), (others, other_certainty) in zip(on_cpu, on_gpu, strict=True):
        assert np.mean(ids == others) >= 0.9999
        assert certainty is not None
        assert other_certainty is not None
        assert np.abs(certainty.astype(int) - other_certainty).mean() < 20  # of 65535


def test_look__a_gpu_gives_the_cpu_s_probabilities_and_embeddings(gpu: torch.device) -> None:
    images = [decode_image(sample.image) for sample in drawn(2, (480, 360))]
    on_cpu, on_gpu = (
        Predictor(replace(network("fast-scnn", images), embedding=True), place).look(images)
        for place in (torch.device("cpu"), gpu)
    )
    expected, found = (torch.cat(list(look.probabilities()), 2).cpu() for look in (on_cpu, on_gpu))
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-3)
    torch.testing.assert_close(on_gpu.vectors.cpu(), on_cpu.vectors, rtol=0, atol=1e-3)


def test_predictor__out_of_gpu_memory_says_what_to_set(gpu: torch.device) -> None:
    class Hungry(torch.nn.Module):
        def forward(self, image: torch.Tensor) -> torch.Tensor:
            free, _ = torch.cuda.mem_get_info(image.device)
            return torch.zeros(free, 2, device=image.device)

    hungry = Predictor(Network(Hungry(), MEAN, STD, 2, range(2)), gpu, remote=False)
    with pytest.raises(OutOfMemoryError, match="Set single_gpu to 2"):
        hungry([np.zeros((32, 32, 3), np.uint8)] * 4)
