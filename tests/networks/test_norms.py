import copy

import pytest
import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from roadloop.networks import load
from roadloop.networks.folder import TEMPLATES
from roadloop.networks.norms import answers_as_batch_norm
from shipped_templates import NAMES, WIDTHS


class Twice(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return 2 * super().forward(x)


class OnlyWhenTrained(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) if self.training else x


class ForgetsItsValues(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return (
            nn.functional.batch_norm(x, None, None, self.weight, self.bias, training=self.training)
            if self.training
            else super().forward(x)
        )


class Fails(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        raise KeyError(x)


class Same(nn.BatchNorm2d):
    def forward(self, x: Tensor) -> Tensor:
        return x if x.numel() == x.shape[1] else super().forward(x)


@pytest.mark.parametrize("kind", [nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, Same])
def test_answers_as_batch_norm__does(kind: type[_BatchNorm]) -> None:
    norm = kind(3, momentum=0.3)
    assert norm.weight is not None
    with torch.no_grad():
        norm.weight.copy_(torch.tensor([1.0, -2.0, 0.5]))
    before = copy.deepcopy(norm.state_dict())
    drawn = torch.get_rng_state()
    assert answers_as_batch_norm(norm)
    assert all(torch.equal(value, before[name]) for name, value in norm.state_dict().items())
    assert norm.training
    assert torch.equal(torch.get_rng_state(), drawn)


@pytest.mark.parametrize("module", [Twice(3), OnlyWhenTrained(3), ForgetsItsValues(3), Fails(3), nn.GroupNorm(1, 3)])
def test_answers_as_batch_norm__does_not(module: nn.Module) -> None:
    assert not answers_as_batch_norm(module)


@pytest.mark.parametrize("name", NAMES)
def test_shipped_networks__have_no_batch_norm_that_answers_otherwise(name: str) -> None:
    """So `sync_norm`, which their recipes may ask for, finds all of them."""
    network = load.load_network(TEMPLATES / name, 5, {"width": WIDTHS[name]})
    norms = [module for module in network.modules() if isinstance(module, _BatchNorm)]
    assert all(map(answers_as_batch_norm, norms))
