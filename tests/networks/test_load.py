"""Building networks from a team's code: what works, and what its failures say."""

from pathlib import Path

import pytest
import torch

from roadloop.errors import JobError, NotFoundError
from roadloop.networks import load
from roadloop.networks.trust import Trust

GOOD = """
import dataclasses
from torch import nn

@dataclasses.dataclass
class Sizes:
    wide: int = 4

def build(num_classes, *, bias=True):
    return nn.Sequential(nn.Conv2d(3, Sizes().wide, 3, padding=1), nn.Conv2d(4, num_classes, 1, bias=bias))
"""


def test_load_network__builds_what_the_file_says_now(tmp_path: Path) -> None:
    file = tmp_path / "network.py"
    file.write_text(GOOD)
    assert load.count_parameters(load.load_network(tmp_path, 2)) == 4 * 27 + 4 + 8 + 2
    assert load.count_parameters(load.load_network(tmp_path, 2, {"bias": False})) == 4 * 27 + 4 + 8
    file.write_text(GOOD.replace("wide: int = 4", "wide: int = 6").replace("Conv2d(4,", "Conv2d(6,"))
    assert load.count_parameters(load.load_network(tmp_path, 2)) == 6 * 27 + 6 + 12 + 2


def test_load_network__missing_file(tmp_path: Path) -> None:
    with pytest.raises(NotFoundError, match=r"network\.py is missing"):
        load.load_network(tmp_path, 2)


@pytest.mark.parametrize(
    ("source", "line", "says"),
    [
        ("def build(num_classes:\n", 1, "SyntaxError"),
        ("import no_such_package\n", 1, "No module named 'no_such_package'"),
        ("def build(num_classes):\n    wide = 8\n    return wide / 0\n", 3, r"return wide / 0.*division by zero"),
        ("import sys\ndef build(num_classes):\n    sys.exit(3)\n", 3, "SystemExit"),
        ("x = 1\n", None, "has no function build"),
        ("def build(num_classes):\n    return 7\n", None, "returned int"),
        ("def build():\n    return 7\n", None, "positional argument"),
        ("x = '\0'\n", None, "null byte"),
    ],
)
def test_load_source__failure_names_file_line_and_cause(source: str, line: int | None, says: str) -> None:
    with pytest.raises(JobError, match=says) as caught:
        load.load_source(source, 2, file="networks/c_network/network.py", trust=Trust.of(source))
    assert "networks/c_network/network.py" in caught.value.text.zh
    assert caught.value.details.get("line") == line
    if line:
        assert f"第 {line} 行" in caught.value.text.zh


def test_load_source__unknown_setting_is_named() -> None:
    with pytest.raises(JobError, match="unexpected keyword argument 'depth'"):
        load.load_source(GOOD, 2, {"depth": 3}, trust=Trust.of(GOOD))


def in_forward(statement: str) -> torch.nn.Module:
    source = f"""
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = nn.Conv2d(3, n, 1)

    def forward(self, x):
        {statement}

def build(num_classes):
    return Net(num_classes)
"""
    return load.load_source(source, 3, file="network.py", trust=Trust.of(source))


@pytest.mark.parametrize(
    ("statement", "says"),
    [
        ("return self.layer(x)[:, :2]", r"\[2, 2, 64, 96\]; it must answer float logits \[2, 3, 64, 96\]"),
        ("return self.layer(x).argmax(1)", "torch.int64"),
        ("return {'logits': self.layer(x)}", "answered dict"),
        ("return (self.layer(x), self.layer(x)[..., ::2])", "64, 48"),
        ("return self.layer(x).detach()", "does not require grad"),
        ("return self.layer(x) * float('nan')", "no finite gradients"),
        ("return self.layer(x.transpose(0, 1))", r"line 11 \(return self.layer\(x.transpose\(0, 1\)\)\)"),
    ],
)
def test_try_network__refuses_what_cannot_be_trained(statement: str, says: str) -> None:
    with pytest.raises(JobError, match=says):
        load.try_network(in_forward(statement), 3, file="network.py")


def test_try_network__leaves_no_gradients_and_training_mode() -> None:
    network = in_forward("return (self.layer(x), self.layer(x)) if self.training else self.layer(x)")
    load.try_network(network, 3)
    assert network.training
    assert all(p.grad is None for p in network.parameters())


def test_try_network__takes_a_boundary_head_of_one_channel_beside_the_main_answer() -> None:
    load.try_network(in_forward("return (self.layer(x), self.layer(x)[:, :1]) if self.training else self.layer(x)"), 3)
    with pytest.raises(JobError, match=r"answered torch\.float32 \[2, 1, 64, 96\]"):
        load.try_network(in_forward("return self.layer(x)[:, :1]"), 3)


def with_coarse(coarse: str) -> torch.nn.Module:
    """Logits at half the size, then resized; `coarse` is what `coarse_logits` says."""
    source = f"""
from torch import nn
from torch.nn import functional

class Net(nn.Module):
    def __init__(self, n):
        super().__init__()
        self.layer = nn.Conv2d(3, n, 2, stride=2)

    def forward(self, x):
        return functional.interpolate(self.layer(x), x.shape[-2:], mode="bilinear", align_corners=False)

    def coarse_logits(self, x):
        {coarse}

def build(num_classes):
    return Net(num_classes)
"""
    return load.load_source(source, 3, file="network.py", trust=Trust.of(source))


def test_try_network__takes_coarse_logits_that_are_what_forward_resizes() -> None:
    network = with_coarse("return self.layer(x)")
    load.try_network(network, 3, file="network.py")
    assert load.answers_coarsely(network.eval())
    load.try_network(with_coarse("return self(x)"), 3, file="network.py")


@pytest.mark.parametrize(
    ("coarse", "says"),
    [
        ("return 1.001 * self.layer(x)", r"coarse_logits in network\.py, resized bilinearly, is not what forward"),
        ("return self.layer(x)[:, :2]", "is not what forward"),
        ("return self.layer(x)[..., :-1]", "is not what forward"),
        ("return None", "is not what forward"),
        ("return self.layer(x.transpose(0, 1))", r"line 14 \(return self.layer\(x.transpose\(0, 1\)\)\)"),
    ],
)
def test_try_network__refuses_other_coarse_logits(coarse: str, says: str) -> None:
    with pytest.raises(JobError, match=says):
        load.try_network(with_coarse(coarse), 3, file="network.py")


def test_answers_coarsely__not_without_the_method() -> None:
    assert not load.answers_coarsely(in_forward("return self.layer(x)").eval())


def test_count_multiply_adds__by_hand() -> None:
    network = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3, stride=2, padding=1),  # 5x6 places x 3*4*9
        torch.nn.Conv2d(4, 4, 1, groups=2),  # 5x6 x 4*2
        torch.nn.ConvTranspose2d(4, 2, 2, stride=2),  # 5x6 x 4*2*4
        torch.nn.Linear(12, 7),  # 1*2*10 places x 12*7
    )
    assert load.count_multiply_adds(network, (10, 12)) == 30 * 108 + 30 * 8 + 30 * 32 + 20 * 84
    assert network.training
