"""The training libraries that `python -m benchmarks train` competes with, in the environment of benchmarks/README.md."""

import subprocess
from pathlib import Path

import pytest

from benchmarks import scripts
from benchmarks.libraries import LIBRARIES, Steps, invited
from roadloop.networks.folder import read_source, template_folder
from roadloop.networks.load import load_source

pytestmark = [pytest.mark.services, pytest.mark.timeout(300)]
PYTHON = Path(__file__).parents[2] / ".services" / "opponents" / "bin" / "python"
CLASSES = 13
MORE = {"segformer": 0, "fast-scnn": 256 * 128 * (3 * 3 - 1)}  # mmsegmentation merges pyramid pooling by 3x3, not 1x1


@pytest.mark.parametrize("network", sorted(LIBRARIES))
def test_invited__the_library_trains_the_same_network(network: str) -> None:
    if not PYTHON.exists():
        pytest.skip("the libraries are not installed under .services/: benchmarks/README.md says how")
    if network == "segformer":
        pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")
    built = load_source(read_source(template_folder(network)), CLASSES)
    parameters = sum(values.numel() for values in built.parameters())
    opponents = invited(network, str(PYTHON), Steps(3, 2, 64, 96, CLASSES), parameters)
    assert opponents.contenders, opponents.notes
    lap = opponents.contenders[0].run()
    assert not isinstance(lap, int)
    assert lap.items == 2 * 2  # the steps after the first
    assert lap.cpu > 0
    assert lap.wall > 0
    assert f"{parameters + MORE[network]:,} parameters, roadloop's network has {parameters:,}" in opponents.notes[-1]


def test_mmseg_train__what_mmcv_lite_lacks_is_refused_not_imitated() -> None:
    if not PYTHON.exists():
        pytest.skip("the libraries are not installed under .services/: benchmarks/README.md says how")
    program = (
        "import mmseg_train, torch, mmcv.ops as ops; print('imported'); ops.nms(torch.rand(2, 4), torch.rand(2), 0.5)"
    )
    done = subprocess.run(
        [PYTHON, "-W", "ignore", "-c", program], cwd=scripts.FOLDER, capture_output=True, text=True, check=False
    )
    assert done.stdout == "imported\n"
    assert "NotImplementedError: mmcv._ext.nms is compiled, and mmcv-lite comes without it" in done.stderr
