"""From what people set to what a run does: fill in what follows from the task, and refuse what does not fit. Pure."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from roadloop.datasets.info import DatasetInfo
from roadloop.devices.service import Wish
from roadloop.errors import InvalidValueError, Text, many
from roadloop.labels.label_map import LabelMap, mirrored_pairs
from roadloop.networks.folder import CHECKPOINT
from roadloop.training.recipe import DataConfig, R, TrainConfig, parse
from roadloop.training.sampler import BatchPlan
from roadloop.training.weighting import class_pixels, class_weights, median_frequency, picture_pixels

UPDATES = 10_000
FEWEST_EPOCHS = 300
LARGEST_CROP = 1024
CROP_STEP = 32


@dataclass(frozen=True)
class TaskFacts:
    """What a training task is made of.

    Attributes:
        name: Its name.
        network: Name of its network.
        dataset: Its dataset.
        label_map: Raw id -> train id.
        shown: Answers, for each set of raw ids, the pixels of the training pictures that show exactly these.
        added: Training pictures that the dataset has and its base has not; None when it is not an increment.
    """

    name: str
    network: str
    dataset: DatasetInfo
    label_map: LabelMap
    shown: Callable[[], Mapping[frozenset[int], int]]
    added: int | None = None

    def pictures(self, data: DataConfig) -> int:
        """Training pictures that a configuration uses."""
        return self.dataset.counts["train"] if data.data_type == "all" else self.added or 0

    @property
    def pixels(self) -> tuple[int, ...]:
        """Training pixels of each class, by train id."""
        return class_pixels(self.label_map, self.dataset.pixels("train"))

    def follows(self) -> dict[str, str]:
        """The fields that the task alone decides, in both configurations."""
        return {
            "network_path": f"networks/{self.network}",
            "output_path": f"tasks/{self.name}/output/models",
            "data_path": f"datasets/{self.dataset.name}",
        }


def epochs_for(pictures: int, batch_size: int) -> int:
    """Epochs that give about 10,000 updates, and at least 300."""
    return max(FEWEST_EPOCHS, UPDATES // max(1, pictures // batch_size))


def fill_data(config: DataConfig, facts: TaskFacts) -> DataConfig:
    """The configuration with every empty field filled; full ones stay."""
    names_en, names_zh = facts.label_map.names("en"), facts.label_map.names("zh")
    return _filled(
        config,
        {
            "data_path": facts.follows()["data_path"],
            "crop": usual_crop(facts.dataset.sizes),
            "flip_pairs": mirrored_pairs(names_en, names_zh),
        },
    )


def fill_train(config: TrainConfig, data: DataConfig, facts: TaskFacts) -> TrainConfig:
    """The configuration with every empty field filled; full ones stay."""
    follows = facts.follows()
    return _filled(
        config,
        {
            "network_path": follows["network_path"],
            "output_path": follows["output_path"],
            "num_classes": facts.label_map.num_classes,
            "num_epoch": epochs_for(facts.pictures(data), config.batch_size),
            "model": facts.name,
            "class_weights": config.class_weights or _class_weights(config, facts),
        },
    )


def _class_weights(config: TrainConfig, facts: TaskFacts) -> tuple[float, ...]:
    if config.class_weighting == "median_frequency":
        return median_frequency(facts.pixels, picture_pixels(facts.label_map, facts.shown()))
    return class_weights(facts.pixels, config.class_weighting)


def _filled(config: R, values: Mapping[str, Any]) -> R:
    empty = {name: value for name, value in values.items() if getattr(config, name) is None}
    return config.model_copy(update=empty)


def merge_train(stored: Mapping[str, Any], given: Mapping[str, Any]) -> TrainConfig:
    """A stored training configuration with sent values on top.

    Class weights that followed from the stored `class_weighting` are emptied when another one is sent without weights
    of its own.

    Raises:
        InvalidValueError: An unknown key, or a wrong value; names the key.
    """
    config = parse(TrainConfig, {**stored, **given}, "train_con")
    before = parse(TrainConfig, stored, "train_con")
    other = config.class_weighting != before.class_weighting and config.class_weights == before.class_weights
    return config.model_copy(update={"class_weights": None}) if other else config


def usual_size(sizes: Mapping[str, int]) -> tuple[int, int] | None:
    """Height and width that most pictures have; of `<width>x<height>` -> pictures."""
    if not sizes:
        return None
    width, height = max(sorted(sizes), key=lambda size: sizes[size]).split("x")
    return int(height), int(width)


def usual_crop(sizes: Mapping[str, int]) -> tuple[int, int]:
    """The size that most pictures have, down to a multiple of 32 and at most 1024."""
    height, width = usual_size(sizes) or (LARGEST_CROP, LARGEST_CROP)
    return _fitted(height), _fitted(width)


def _fitted(side: int) -> int:
    return max(CROP_STEP, min(LARGEST_CROP, side // CROP_STEP * CROP_STEP))


def check(train: TrainConfig, data: DataConfig, facts: TaskFacts) -> None:
    """Hold what was set against the task. Empty fields are fine.

    Raises:
        InvalidValueError: Names the field, what it is, and what it must be.
    """
    for name, value in facts.follows().items():
        given = getattr(data if name == "data_path" else train, name)
        if given not in {None, value}:
            raise _wrong(name, given, f"由任务决定，应为 {value}", f"the task decides it: {value}")
    classes = facts.label_map.num_classes
    if train.num_classes not in {None, classes}:
        raise _wrong(
            "num_classes",
            train.num_classes,
            f"应等于标签映射的类别数 {classes}；要改变它请用 /save_map",
            f"the label map has {classes}; change that with /save_map",
        )
    _check_weights(train, facts)
    if any(b <= a for a, b in zip(train.steps, train.steps[1:], strict=False)):
        raise _wrong("steps", list(train.steps), "应逐个增大", "each must be larger than the one before")
    if train.schedule == "step" and not train.steps:
        raise _wrong("steps", "", "step 方式需要 steps", "a step schedule needs them")
    _check_data(data, facts)


def _check_weights(train: TrainConfig, facts: TaskFacts) -> None:
    weights, classes = train.class_weights, facts.label_map.num_classes
    if weights is None:
        return
    if len(weights) != classes:
        raise InvalidValueError(
            Text(
                f"class_weights 有 {len(weights)} 个权重，任务有 {classes} 个类别；请每个类别给一个，设为 null 则自动计算。",
                f"class_weights: {many(len(weights), 'weight')}, the task has {many(classes, 'class', 'classes')}; give one for each, or null,"
                " which computes them.",
            ),
            parameter="class_weights",
        )
    if not any(w > 0 and p > 0 for w, p in zip(weights, facts.pixels, strict=True)):
        raise _wrong(
            "class_weights",
            "0",
            "训练集中出现的类别权重全为 0，什么也学不到；请检查标签映射",
            "no class with training pixels has a weight, so nothing can be learned; look at the label map",
        )


def _check_data(data: DataConfig, facts: TaskFacts) -> None:
    if data.scale[0] > data.scale[1]:
        raise _wrong("scale", list(data.scale), "应为 [最小, 最大]", "it must be [smallest, largest]")
    for pair in data.flip_pairs or ():
        if max(pair) >= facts.label_map.num_classes or pair[0] == pair[1]:
            raise _wrong(
                "flip_pairs",
                [list(p) for p in data.flip_pairs or ()],
                "应为两个不同的 train id；设为 null 则自动推断",
                "each must be two different train ids; null infers them",
            )
    if data.data_type == "aug" and facts.added is None:
        raise _wrong(
            "data_type",
            "aug",
            f"data {facts.dataset.name} 不是增量数据，或其基础数据已不在；请用 all",
            f"the dataset {facts.dataset.name} is not an increment, or its base is gone; use all",
        )
    if facts.pictures(data) == 0:
        raise InvalidValueError(
            Text(
                f"data {facts.dataset.name} 没有可用于训练的图片；请重新生成，并给 train 大于 0 的比例。",
                f"The dataset {facts.dataset.name} has no picture to train on; build it with a train share above 0.",
            ),
            parameter="data",
        )


def _wrong(name: str, value: Any, zh: str, en: str) -> InvalidValueError:
    return InvalidValueError(
        Text(f"{name} 的值 {value} 不适合该任务：{zh}。", f"{name}: {value} does not fit this task: {en}."),
        parameter=name,
    )


def check_places(train: TrainConfig, pictures: int, asked: Wish) -> None:
    """Each device needs a picture for every part of a batch, each machine a device, and half precision a GPU.

    Args:
        train: The configuration.
        pictures: Training pictures.
        asked: Where it is to run.

    Raises:
        InvalidValueError: Names the field, what it is, and what it must be.
    """
    devices, machines = asked.count or train.cpu_processes, len(asked.parts)
    if devices < machines:
        raise _wrong(
            "cpu_processes",
            train.cpu_processes,
            f"{machines} 台机器上每台至少一个进程",
            f"each of {machines} machines needs one process",
        )
    batch = min(train.batch_size, pictures)
    if batch < devices:
        raise _wrong(
            "batch_size",
            train.batch_size,
            f"{pictures} 张训练图片分给 {devices} 个设备，每个设备每步至少一张",
            f"with {many(pictures, 'training picture')} on {many(devices, 'device')}, each needs one picture a step",
        )
    if batch // devices < train.accumulate:
        raise _wrong(
            "accumulate",
            train.accumulate,
            f"每个设备每步只有 {batch // devices} 张图片，每份至少一张",
            f"a device has {many(batch // devices, 'picture')} a step, and each part needs one",
        )
    if train.precision == "fp16" and not asked.count:
        raise _wrong("precision", "fp16", "fp16 需要 GPU；CPU 上请用 fp32", "fp16 needs a GPU; use fp32 on the CPU")


def warnings(train: TrainConfig, data: DataConfig, facts: TaskFacts) -> list[Text]:
    """What somebody should know before a complete configuration is trained; none of it forbids it."""
    found = absent_classes(facts)
    plan = BatchPlan(facts.pictures(data), train.batch_size, train.num_epoch or 0, train.seed)
    beyond = [s for s in train.steps if s >= plan.total_steps]
    if beyond:
        found.append(
            Text(
                f"steps 中的 {beyond} 超出总步数 {plan.total_steps}，不会生效。",
                f"steps {beyond} lie beyond the {many(plan.total_steps, 'step')} of this training; they have no effect.",
            )
        )
    if plan.batch < train.batch_size:
        found.append(
            Text(
                f"只有 {plan.pictures} 张训练图片，每步用 {plan.batch} 张而不是 {train.batch_size} 张。",
                f"There are {many(plan.pictures, 'training picture')}: each step takes {plan.batch}, not {train.batch_size}.",
            )
        )
    found += _fixed_in_vain(train)
    if not facts.dataset.counts["val"]:
        found.append(
            Text(
                "验证集为空：不会有验证指标，最后一轮的模型视为最佳。",
                "The validation split is empty: there will be no scores, and the newest epoch counts as the best.",
            )
        )
    if data.crop is not None and not _crop_fits(data.crop, facts.dataset.sizes):
        found.append(
            Text(
                f"裁剪 {data.crop[0]}x{data.crop[1]} 大于所有图片，多出的部分以忽略填充。",
                f"Crops of {data.crop[0]}x{data.crop[1]} are larger than every picture; the rest is filled as ignored.",
            )
        )
    return found


def _fixed_in_vain(train: TrainConfig) -> list[Text]:
    """Warnings for parts of the network that are kept as they are: at random values, or with a rate that moves nothing."""
    found = []
    fixed = [key for key, given in (("frozen", train.frozen), ("freeze_norms", train.freeze_norms)) if given]
    if fixed and not train.weights and not train.network_settings.get(CHECKPOINT):
        found.append(
            Text(
                f"没有初始权重，{'、'.join(fixed)} 固定的是随机的初始值。请用 weights 或 base_task 指定初始权重，或去掉该项。",
                f"There are no start weights: {' and '.join(fixed)} keep random first values. Name a file in weights or a"
                " base_task, or leave them out.",
            )
        )
    still = [name for name in train.lr_factors if train.freezes(name)]
    if still:
        found.append(
            Text(
                f"lr_factors 中的 {'、'.join(still)} 已被 frozen 冻结，系数不起作用。",
                f"lr_factors {', '.join(still)} have no effect: frozen holds them.",
            )
        )
    return found


def absent_classes(facts: TaskFacts) -> list[Text]:
    """A warning for the classes without training pixels."""
    names_en, names_zh = facts.label_map.names("en"), facts.label_map.names("zh")
    absent = [i for i, pixels in enumerate(facts.pixels) if pixels == 0]
    if not absent:
        return []
    zh = "、".join(f"{i} {names_zh[i]}" for i in absent)
    en = ", ".join(f"{i} {names_en[i]}" for i in absent)
    return [
        Text(
            f"训练集中没有这些类别的像素：{zh}。它们的损失权重为 0，模型学不到它们；"
            "若被预测出来或出现在验证集中，其 IoU 为 0 并计入 mIoU。"
            "请增加含有它们的图片，或在 label_map 中把它们并入别的类别。",
            f"No training pixels of these classes: {en}. Their loss weight is 0 and the model cannot learn them;"
            " where they are predicted or stand in val, their IoU of 0 counts in the mIoU. Add pictures that"
            " show them, or give them to another class in the label_map.",
        )
    ]


def _crop_fits(crop: tuple[int, int], sizes: Mapping[str, int]) -> bool:
    found = [tuple(int(side) for side in size.split("x")) for size in sizes]
    return not found or any(height >= crop[0] or width >= crop[1] for width, height in found)
