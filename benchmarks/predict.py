"""`python -m benchmarks predict`: a folder of JPEGs to label PNGs, against a script with Pillow and PyTorch."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Final

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from benchmarks.contest import Contender, Result, contest
from benchmarks.pictures import NAME, Choice, build, described, written
from benchmarks.scripts import opponent
from roadloop.datasets.info import DatasetInfo
from roadloop.imaging.decode import decode_image, decode_label
from roadloop.imaging.encode import encode_label
from roadloop.labels.label_map import default_map
from roadloop.models import backend
from roadloop.models.files import save_model
from roadloop.models.load import load_model
from roadloop.models.manner import PLAIN
from roadloop.models.predict import Network, Predictor
from roadloop.models.stages import Stages, devices, run
from roadloop.networks.folder import digest, read_source, template_folder
from roadloop.networks.load import load_source
from roadloop.networks.trust import SHIPPED
from roadloop.storage.paths import Workspace

UInt8 = NDArray[np.uint8]
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
MANY: Final = 10**9  #: pictures, so that only the speed decides between PyTorch and ONNX Runtime


def race(choice: Choice, rounds: int, network: str, threads: int) -> Result:
    """Predict all pictures: roadloop as an evaluation would, roadloop with PyTorch alone, and the script."""
    cv2.setNumThreads(0)
    with written(choice) as workspace:
        info = build(workspace, NAME, 1)
        folder, outputs = workspace.sources / NAME, workspace.home / "outputs"
        files = sorted(folder.rglob("*.jpg"))
        images = backend.common_size([decode_image(path.read_bytes()) for path in files[:8]])
        params = untrained(workspace, info, network, images)
        module, record = load_model(params)
        plain = Network.of(module, record)
        trial = backend.Trial(
            plain, params, SHIPPED, images, MANY, threads, False, PLAIN, workspace.home / "model.onnx"
        )
        chosen, best = backend.choose(trial)
        script = opponent("plain_predict")
        torch.set_num_threads(threads)
        contenders = [
            Contender("roadloop", partial(predict, best, folder, files, outputs / "best", threads)),
            Contender(
                "Pillow and PyTorch",
                partial(script.predict, load_model(params)[0], folder, outputs / "script", MEAN, STD),
            ),
            Contender("roadloop, PyTorch", partial(predict, plain, folder, files, outputs / "torch", threads)),
        ]
        timings = contest(contenders, rounds)
        shares = {side: equal(outputs / side, outputs / "script") for side in ("best", "torch")}
        notes = (
            f"roadloop took {chosen.backend}: {chosen}",
            *(f"labels equal to the script's ({side}): {share:.6%}" for side, share in shares.items()),
        )
    title = f"Predicting with {network}, {threads} thread(s): {described(choice, info)}"
    return Result(title, "pictures", timings, notes)


def untrained(workspace: Workspace, info: DatasetInfo, network: str, images: Sequence[UInt8]) -> Path:
    """A model file of a shipped network with its first weights, for the classes of the pictures.

    Batch norm's statistics are those of the pictures: with its first ones the logits of deep networks grow to millions.
    """
    label_map = default_map(info.table)
    source = read_source(template_folder(network))
    torch.manual_seed(0)
    module = load_source(source, label_map.num_classes, {}, file=f"networks/templates/{network}/network.py")
    settle(module, images)
    width, height = (int(side) for side in max(info.sizes, key=lambda size: info.sizes[size]).split("x"))
    description = {
        "task": NAME,
        "network": {"name": network, "digest": digest(source), "settings": {}, "source": source},
        "num_classes": label_map.num_classes,
        "classes": [c._asdict() for c in label_map.classes(info.table)],
        "class_table": info.table.to_rows(),
        "label_map": label_map.to_json(),
        "normalisation": {"mean": MEAN, "std": STD},
        "input": {"crop": (height, width), "size": (height, width)},
        "training": {},
    }
    for scratch, target in save_model(workspace.weights, NAME, 1, module.state_dict(), description):
        scratch.rename(target)
    return workspace.weights / f"{NAME}_ep-0001.params"


def settle(module: nn.Module, images: Sequence[UInt8]) -> None:
    """Give every batch norm the mean and variance that it meets on some pictures of one size."""
    norms = [(norm, norm.momentum) for norm in module.modules() if isinstance(norm, nn.modules.batchnorm._BatchNorm)]  # noqa: SLF001
    for norm, _ in norms:
        norm.momentum = None  # the plain mean over all batches
    module.train()
    with torch.no_grad():
        for at in range(0, len(images), 2):
            image = torch.from_numpy(np.stack(images[at : at + 2])).permute(0, 3, 1, 2).float() / 255
            module((image - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1))
    for norm, momentum in norms:
        norm.momentum = momentum
    module.eval()


def predict(network: Network, folder: Path, files: Sequence[Path], out: Path, threads: int) -> int:
    """Read, predict and write as an evaluation does; returns how many pictures there were."""

    def load(path: Path) -> tuple[Path, UInt8]:
        return out / path.relative_to(folder).with_suffix(".png"), decode_image(path.read_bytes())

    def finish(loaded: tuple[Path, UInt8], ids: list[UInt8]) -> Path:
        loaded[0].parent.mkdir(parents=True, exist_ok=True)
        loaded[0].write_bytes(encode_label(ids[0]))
        return loaded[0]

    predictors = [[Predictor(network, place)] for place in devices((), threads)]
    return sum(1 for _ in run(files, Stages(load, lambda loaded: loaded[1], finish), predictors, 1))


def equal(ours: Path, theirs: Path) -> float:
    """The share of pixels with the same id, over all pictures."""
    same = pixels = 0
    for path in theirs.rglob("*.png"):
        expected = decode_label(path.read_bytes())
        same += int((decode_label((ours / path.relative_to(theirs)).read_bytes()) == expected).sum())
        pixels += expected.size
    return same / pixels
