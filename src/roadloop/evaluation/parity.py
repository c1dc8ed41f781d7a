"""Is the exported file the trained model? Both predict the same labelled pictures; their labels are compared.

N pictures, C outputs, H, W pixels.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Final

import cv2
import numpy as np
import onnx
import torch
from torch import nn

from roadloop.errors import BrokenFileError, JobError, Text, many
from roadloop.evaluation.meaning import labels_of
from roadloop.evaluation.metrics import Counts, count
from roadloop.evaluation.outputs import Loaded, ModelView, load
from roadloop.evaluation.pictures import PictureSource
from roadloop.models.files import ModelFile
from roadloop.models.onnx_session import OnnxModule
from roadloop.models.predict import Network, Predictor
from roadloop.models.prediction import UInt8
from roadloop.storage import publish

ENDING: Final = ".parity.json"


@dataclass(frozen=True)
class Parity:
    """How an exported file and the trained network differ on real pictures.

    Attributes:
        source: Where the pictures come from.
        params_sha256: The trained model.
        onnx_sha256: The exported file.
        size: Height and width that it takes; None = any.
        pictures: How many were predicted.
        resized: Those among them that were brought to that size first, for both.
        labelled: Those among them with a label.
        bad: Those that could not be read.
        pixels: Compared pixels.
        different: Pixels where the two labels differ.
        share: `different` / `pixels`.
        miou_trained: mIoU of the trained network, 0..1, None without labels.
        miou_exported: The same of the exported file.
    """

    source: str
    params_sha256: str
    onnx_sha256: str
    size: tuple[int, int] | None
    pictures: int
    resized: int
    labelled: int
    bad: int
    pixels: int
    different: int
    share: float
    miou_trained: float | None
    miou_exported: float | None

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return asdict(self) | {"size": self.size and list(self.size)}

    def text(self) -> Text:
        """One sentence for people."""
        trained, exported = ("-" if m is None else f"{100 * m:.3f}" for m in (self.miou_trained, self.miou_exported))
        return Text(
            f"{self.pictures} 张图片（{self.source}，{self.labelled} 张有标签）：mIoU 训练 {trained}，导出 {exported}；"
            f"{self.pixels} 个像素中 {self.different} 个不同（占 {self.share:.3g}）。",
            f"{many(self.pictures, 'picture')} of {self.source}, {self.labelled} with labels: mIoU trained {trained}, exported"
            f" {exported}; {self.different} of {self.pixels} pixels differ (share {self.share:.3g}).",
        )

    def notes(self) -> list[Text]:
        """What limits the comparison."""
        height, width = self.size or (0, 0)
        unlabelled = self.pictures - self.labelled
        notes = {
            Text(
                f"没有可用标签的图片：{unlabelled}，不计入 mIoU；标签应在图片旁（X.png 或 label-X.png）。",
                f"Pictures without a label that can be used: {unlabelled}; they do not count in mIoU. A label stands beside"
                " its picture as X.png or label-X.png.",
            ): unlabelled,
            Text(
                f"尺寸不同、比较前缩放到 {height}x{width} 的图片：{self.resized}。",
                f"Pictures of another size, brought to {height}x{width} before the comparison: {self.resized}.",
            ): self.resized,
            Text(f"无法读取的图片：{self.bad}。", f"Pictures that could not be read: {self.bad}."): self.bad,
        }
        return [text for text, count in notes.items() if count]

    def require(self, most: float) -> None:
        """Refuse an export that differs in more than a share of the pixels.

        Raises:
            JobError: Says both shares.
        """
        if not self.share <= most:
            sentence = self.text()
            raise JobError(
                Text(
                    f"导出的 ONNX 与训练的网络不一致：上限 parity={most:g}。{sentence.zh}未发布；原模型没有改变。",
                    f"The exported ONNX is not the trained network: at most parity={most:g} was asked for."
                    f" {sentence.en} Nothing was published; the model is as it was.",
                ),
                share=self.share,
                parity=most,
            )


def compare(
    model: tuple[nn.Module, ModelFile],
    onnx_path: Path,
    source: PictureSource,
    name: str,
    *,
    max_pixels: int,
    tick: Callable[[int], None] = lambda _done: None,
) -> Parity:
    """Predict every picture of a source with the trained network and with the exported file, on the CPU.

    Args:
        model: As `load_model` gives it.
        onnx_path: What was exported of it.
        source: Pictures, with labels for mIoU.
        name: What the report calls the source.
        max_pixels: Larger pictures are not decoded.
        tick: Called after every picture with their number; may raise.

    Raises:
        BrokenFileError: The ONNX file was exported of another model.
        LabelMapError: The labels' class table and the model's give one id different meanings.
        JobError: Not one picture could be read.
    """
    network, record = model
    view = ModelView.of(ModelView.record(record, labels_of(source, [record])))
    size = _size_of(onnx_path, record)
    # Both as they answer, without what makes a prediction fast: the export alone may differ.
    trained = replace(Network.of(network, record), channels_last=False, resized_late=False)
    exported = replace(trained, module=OnnxModule(onnx_path, torch.get_num_threads()))
    predictors = [Predictor(one, torch.device("cpu")) for one in (trained, exported)]
    tally = Counter(dict.fromkeys(("pictures", "resized", "labelled", "bad", "pixels", "different"), 0))
    counts = [Counts.zero(max(c.train_id for c in view.classes) + 1) for _ in predictors]
    for number, picture in enumerate(source.pictures(), 1):
        tick(number)
        loaded = load(source, picture, max_pixels)
        if not isinstance(loaded, Loaded):
            tally["bad"] += 1
            continue
        shape = size or loaded.image.shape[:2]
        image = _of_size(loaded.image, shape)
        ids = [predictor([image])[0] for predictor in predictors]
        tally["pictures"] += 1
        tally["resized"] += loaded.image.shape[:2] != shape
        tally["pixels"] += ids[0].size
        tally["different"] += int((ids[0] != ids[1]).sum())
        truth = _truth(view, loaded, shape)
        if truth is not None:
            tally["labelled"] += 1
            counts = [total + count(one, truth, len(total.void)) for total, one in zip(counts, ids, strict=True)]
    if not tally["pictures"]:
        raise JobError(
            Text(
                f"{name} 中没有可读取的图片，无法比较导出的文件。",
                f"{name} has no picture that can be read, so the exported file cannot be compared.",
            )
        )
    mious = [float(c.scores().miou) if c.labelled else None for c in counts]
    return Parity(
        source=name,
        params_sha256=record.params_sha256,
        onnx_sha256=publish.sha256_file(onnx_path),
        size=size,
        **tally,
        share=tally["different"] / tally["pixels"],
        miou_trained=mious[0],
        miou_exported=mious[1],
    )


def _size_of(path: Path, record: ModelFile) -> tuple[int, int] | None:
    """Height and width that an exported file takes; None where it leaves them free."""
    model = onnx.load(path)
    facts = {entry.key: entry.value for entry in model.metadata_props}
    if facts.get("params_sha256") != record.params_sha256:
        raise BrokenFileError(
            Text(
                f"{path.name} 不是由这个模型导出的；请重新导出。",
                f"{path.name} was exported of another model; export it again.",
            ),
            path=str(path),
        )
    height, width = (side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim[2:])
    return (height, width) if height and width else None


def _of_size(image: UInt8, size: tuple[int, int]) -> UInt8:
    if image.shape[:2] == size:
        return image
    return cv2.resize(image, size[::-1], interpolation=cv2.INTER_AREA).astype(np.uint8)


def _truth(view: ModelView, loaded: Loaded, size: tuple[int, int]) -> UInt8 | None:
    """The train ids of a picture in that size; None without a label that can be used."""
    if loaded.label is None:
        return None
    try:
        truth = view.truth.train_ids(loaded.label)
    except BrokenFileError:
        return None
    if truth.shape == size:
        return truth
    return cv2.resize(truth, size[::-1], interpolation=cv2.INTER_NEAREST).astype(np.uint8)
