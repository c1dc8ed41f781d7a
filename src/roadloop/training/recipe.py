"""What decides a training run: two configurations that people edit, and the frozen recipe made from them.

`train_con` is a `TrainConfig`, `data_con` a `DataConfig`. Empty fields that follow from the task (paths, number of
classes, class weights, epochs) are filled in by `configure.py`. Anything that can change the weights stands here;
where a run takes place (threads, loader processes) is a setting.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Final, Literal, TypeVar, get_args

from pydantic import BeforeValidator, Field, JsonValue, ValidationError

from roadloop.devices.service import wish
from roadloop.errors import InvalidValueError, Text
from roadloop.lists import NUMBERS, read_names, read_numbers
from roadloop.parameters import Parameters, Record, rule_of

MAX_EPOCHS: Final = 100_000
MODEL_FILES: Final = 100  #: of a run, when nobody says how many

#: The fields of both configurations when their form was new. A field that came later is part of a recipe's digest only
#: where it is not at its default, so that the checkpoints of older recipes still belong to them.
FIRST_FIELDS: Final = frozenset({
    "network_path", "output_path", "num_classes", "num_epoch", "batch_size", "model", "weights",
    "network_settings", "optimizer", "base_lr", "momentum", "weight_decay", "schedule", "steps",
    "step_factor", "poly_power", "warmup_steps", "class_weighting", "class_weights", "auxiliary_weight",
    "seed", "deterministic", "cpu_processes", "save_every", "checkpoint_every", "log_every", "data_path",
    "data_type", "mean", "std", "crop", "scale", "flip", "flip_pairs", "brightness", "contrast", "saturation",
})  # fmt: skip


def _as_pair(value: Any) -> Any:
    """Let one number stand for a pair of equal ones."""
    value = read_numbers(value)
    return value * 2 if isinstance(value, list) and len(value) == 1 else value


def dotted_prefixes(name: str) -> Iterator[str]:
    """A dotted name and all that it is below, the longest first: `a.b.c`, `a.b`, `a`."""
    while name:
        yield name
        name = name.rpartition(".")[0]


def _as_names(value: Any) -> Any:
    """Let names be one text."""
    return read_names(value) if isinstance(value, str) else value


Share = Annotated[float, Field(ge=0, le=1)]
Means = Annotated[tuple[Share, Share, Share], NUMBERS]
Deviation = Annotated[float, Field(gt=0, le=10)]
Deviations = Annotated[tuple[Deviation, Deviation, Deviation], NUMBERS]
Side = Annotated[int, Field(ge=8, le=8192)]
Magnification = Annotated[float, Field(ge=0.05, le=20)]
Iteration = Annotated[int, Field(ge=1, le=10**9)]
Weight = Annotated[float, Field(ge=0, le=1e6)]
ModuleName = Annotated[str, Field(min_length=1, max_length=200)]
TrainId = Annotated[int, Field(ge=0, le=254)]
Precision = Literal["fp32", "bf16", "fp16"]


class TrainConfig(Record):
    """`train_con`: how a network is trained. Empty fields follow from the task."""

    network_path: str | None = Field(None, description="Folder of the network, in the workspace; follows.")
    output_path: str | None = Field(None, description="Folder of the model files, in the workspace; follows.")
    num_classes: int | None = Field(None, ge=2, le=255, description="Outputs; the label map's number; follows.")
    num_epoch: int | None = Field(None, ge=1, le=MAX_EPOCHS, description="Passes over the training pictures.")
    batch_size: int = Field(8, ge=1, le=4096, description="Pictures per step, all devices together.")
    model: str | None = Field(None, description="Prefix of the model files; the task's name when empty.")
    weights: str = Field("", description="File to start from, as /weights lists it; empty = from scratch.")
    weights_pairing: Literal["names", "order", "part"] = Field(
        "names",
        description="How `weights` are taken: names = wholly, by the network's or a published file's names; order ="
        " wholly, in the order of the tensors; part = by name, whatever fits.",
    )
    network_settings: dict[str, JsonValue] = Field({}, description="Keyword arguments of the network's build().")
    optimizer: Literal["sgd", "adamw"] = Field("sgd", description="Rule of the update.")
    base_lr: float = Field(0.01, gt=0, le=10, description="Learning rate before any factor.")
    momentum: float = Field(0.9, ge=0, lt=1, description="SGD: momentum. AdamW: beta 1.")
    weight_decay: float = Field(1e-4, ge=0, le=1, description="L2 penalty (SGD), decoupled decay (AdamW).")
    schedule: Literal["auto", "step", "poly", "cosine"] = Field(
        "auto", description="Shape of the learning rate; auto = step when `steps` are given, else poly."
    )
    steps: Annotated[tuple[Iteration, ...], NUMBERS] = Field(
        (), description="Iterations after which a step schedule multiplies by `step_factor`."
    )
    step_factor: float = Field(0.1, gt=0, le=1, description="Factor at each of `steps`.")
    poly_power: float = Field(0.9, gt=0, le=10, description="Exponent of the poly schedule.")
    warmup_steps: int = Field(0, ge=0, le=1_000_000, description="Iterations of linear warm-up.")
    decay_norms: bool = Field(True, description="Whether weight decay also acts on norms and biases.")
    lr_factors: dict[ModuleName, Annotated[float, Field(gt=0, le=1000)]] = Field(
        {},
        description="Module of the network -> what the learning rate of all below it is multiplied by; of several names the"
        ' longest counts, and 1 elsewhere: {"head": 10, "head.norm": 1}.',
    )
    frozen: Annotated[tuple[ModuleName, ...], BeforeValidator(_as_names)] = Field(
        (),
        description="Modules of the network whose parameters learn nothing, and whose batch norms use and keep their"
        " running statistics.",
    )
    freeze_norms: bool = Field(
        False,
        description="Whether all batch norms use and keep their running statistics while training; their scale and shift"
        " learn, unless they are `frozen`.",
    )
    sync_norm: bool = Field(
        False,
        description="Whether batch norm takes its statistics over all devices that share the batch (SyncBatchNorm), not over"
        " each device's pictures; on one device without effect.",
    )
    accumulate: int = Field(
        1,
        ge=1,
        le=1024,
        description="Parts that each device's pictures of a step are divided into, to save memory. Gradients are the"
        " batch's, but for batch norm, which sees one part at a time, and the mean of OHEM's pixels, which is a part's.",
    )
    clip_norm: float = Field(0.0, ge=0, le=1e6, description="Largest norm of the gradients; 0 = no limit.")
    ema_decay: float = Field(
        0.0, ge=0, lt=1, description="The running average of the weights is validated and kept (0.999); 0 = without."
    )
    precision: Literal["fp32", "bf16", "fp16", "auto"] = Field(
        "fp32",
        description="Numbers of the forward pass; on a GPU, convolutions of fp32 round to TF32 while training, as is"
        " PyTorch's default; auto = bf16, or fp16 where the GPU lacks it; on a CPU with bf16"
        " instructions it tries fp32 and bf16 for some steps at the start, and keeps the faster for all attempts.",
    )
    memory_format: Literal["contiguous", "channels_last", "auto"] = Field(
        "channels_last",
        description="Layout of the tensors. channels_last is up to a fifth faster for most networks, on CPUs too;"
        " auto tries both for some steps at the start, and keeps the faster for all attempts. In 16 bits a CPU takes"
        " contiguous.",
    )
    compile: Literal["off", "on", "auto"] = Field(
        "off",
        description="torch.compile: takes up to minutes at the start, and needs a C++ compiler (left out without one)."
        " auto measures on a GPU, and is off on the CPU.",
    )
    early_stop: int = Field(
        0, ge=0, le=MAX_EPOCHS, description="End after so many epochs without a higher mIoU on val; 0 = never."
    )
    class_weighting: Literal["inverse_log", "median_frequency", "none"] = Field(
        "inverse_log",
        description="How class weights follow from the training pixels: ENet's 1/ln(1.02+p), p = share of the labelled"
        " pixels; median(f)/f, f = pixels of the class / pixels of the pictures that show it (Eigen and Fergus 2015);"
        " none = 1 for each.",
    )
    class_weights: Annotated[tuple[Weight, ...], NUMBERS] | None = Field(
        None, description="Loss weight of each class, by train id; follows."
    )
    auxiliary_weight: float = Field(0.4, ge=0, le=10, description="Loss weight of each auxiliary head.")
    label_smoothing: float = Field(0.0, ge=0, lt=1, description="Share of a label that is spread over all classes.")
    ohem_threshold: Share = Field(
        0.0,
        description="OHEM: only pixels whose label has a probability below this teach (0.7 is usual), by their mean over"
        " the batch; 0 = all do.",
    )
    ohem_min_share: Share = Field(
        0.0625, description="OHEM: share of each picture's labelled pixels, the hardest, that always teaches."
    )
    dice_weight: float = Field(0.0, ge=0, le=100, description="Weight of the soft Dice loss, added; 0 = without.")
    lovasz_weight: float = Field(
        0.0, ge=0, le=100, description="Weight of the Lovasz-softmax loss, added; 0 = without."
    )
    boundary_weight: float = Field(
        20.0, ge=0, le=1000, description="Loss weight of a one-channel output, the boundary (PIDNet)."
    )
    boundary_aware_weight: float = Field(
        1.0, ge=0, le=100, description="Loss weight of the main output where such an output is sure of a boundary."
    )
    seed: int = Field(0, ge=0, lt=2**31, description="First weights, order and augmentation follow from it.")
    deterministic: bool = Field(
        True,
        description="CUDA: only kernels that give the same bits each time; a step may take four times as long, and"
        " SegFormer more memory.",
    )
    cpu_processes: int = Field(1, ge=1, le=64, description="Without GPUs: processes that share each batch.")
    save_every: int | None = Field(
        None, ge=1, description="Epochs between model files; empty = as many as give about 100. Best and last: always."
    )
    checkpoint_every: int = Field(200, ge=1, description="Steps between checkpoints inside an epoch.")
    log_every: int = Field(10, ge=1, description="Steps between lines of the log and points of the curve.")

    def at_once(self, devices: int) -> int:
        """Pictures that a device has in memory at once."""
        return -(-self.batch_size // (devices * self.accumulate))

    def freezes(self, name: str) -> bool:
        """Whether a module or parameter is one of `frozen`, or below one: `head.0` is below `head`, `header` is not."""
        return any(prefix in self.frozen for prefix in dotted_prefixes(name))

    def lr_factor(self, name: str) -> float:
        """What the learning rate of a parameter is multiplied by.

        As `custom_keys` of mmengine's `DefaultOptimWrapperConstructor`, whose keys may stand anywhere in a name, while these
        begin it.
        """
        return next((self.lr_factors[prefix] for prefix in dotted_prefixes(name) if prefix in self.lr_factors), 1.0)


class DataConfig(Record):
    """`data_con`: what is done to the pictures. Empty fields follow from the task."""

    data_path: str | None = Field(None, description="Folder of the dataset, in the workspace; follows.")
    data_type: Literal["all", "aug"] = Field(
        "all", description="all = every training picture; aug = only those that an increment added."
    )
    mean: Means = Field((0.485, 0.456, 0.406), description="Red, green, blue mean, 0..1, subtracted.")
    std: Deviations = Field((0.229, 0.224, 0.225), description="Red, green, blue deviation, 0..1, divided by.")
    crop: Annotated[tuple[Side, Side], BeforeValidator(_as_pair)] | None = Field(
        None, description="Height and width of what the network sees while training, pixels; follows."
    )
    scale: Annotated[tuple[Magnification, Magnification], BeforeValidator(_as_pair)] = Field(
        (0.75, 1.5), description="Smallest and largest random magnification."
    )
    rotate: float = Field(
        0.0, ge=0, le=180, description="Largest random turn to either side, degrees; 0 = none. Corners become ignored."
    )
    flip: Share = Field(0.5, description="Share of samples mirrored left to right.")
    flip_pairs: tuple[tuple[TrainId, TrainId], ...] | None = Field(
        None, description="Train ids that change places in a mirrored sample (left and right edge); follows."
    )
    brightness: Share = Field(0.2, description="Largest random change of brightness.")
    contrast: Share = Field(0.2, description="Largest random change of contrast.")
    saturation: Share = Field(0.2, description="Largest random change of saturation.")
    rare_class_share: Share = Field(
        0.0,
        description="Share of samples cropped around a pixel of a rare class: of the picture's classes one is drawn,"
        " the rarer in the training split the likelier. 0 = crops anywhere.",
    )


class Named(Record):
    """A thing by its name and what it held."""

    name: str = Field(description="Its name in the workspace.")
    digest: str = Field(description="sha256 of its contents.")


class TrainingJob(Parameters):
    """What the job of a training task carries: the recipe stands in the task's row, because it is made when it starts."""

    task: str


class TrainingRecipe(Record):
    """The full, frozen description of one training run; every field is filled."""

    format: Literal["roadloop-recipe/1"] = Field("roadloop-recipe/1", description="Version of this form.")
    task: str = Field(description="Name of the training task.")
    dataset: Named = Field(description="The dataset.")
    network: Named = Field(description="The network's folder, copied into the task.")
    start_weights: Named | None = Field(description="The file whose tensors training begins from.")
    label_map: dict[str, JsonValue] = Field(description="Raw id -> train id, as `LabelMap.to_json` writes it.")
    gpus: str = Field(description="GPUs, or machines, as `/starttask` takes them; empty = CPU.")
    train: TrainConfig = Field(description="train_con, complete.")
    data: DataConfig = Field(description="data_con, complete.")

    @property
    def devices(self) -> int:
        """How many processes share each batch."""
        return wish(self.gpus).count or self.train.cpu_processes

    @property
    def num_classes(self) -> int:
        """Outputs of the network."""
        assert self.train.num_classes is not None
        return self.train.num_classes

    @property
    def epochs(self) -> int:
        """Passes over the training pictures."""
        assert self.train.num_epoch is not None
        return self.train.num_epoch

    @property
    def save_every(self) -> int:
        """Epochs between model files."""
        return self.train.save_every or -(-self.epochs // MODEL_FILES)

    def is_over(self, epoch: int, best: int) -> bool:
        """Whether a run ends after `epoch` finished epochs, the `best` of which is the best."""
        idle = self.train.early_stop > 0 and epoch - best >= self.train.early_stop
        return epoch >= self.epochs or idle

    @property
    def crop(self) -> tuple[int, int]:
        """Height and width of training samples, pixels."""
        assert self.data.crop is not None
        return self.data.crop

    @property
    def prefix(self) -> str:
        """Prefix of the model files."""
        return self.train.model or self.task

    @property
    def network_file(self) -> str:
        """What messages and tracebacks call the network's code."""
        return f"networks/{self.network.name}/network.py"

    def digest(self) -> str:
        """sha256 of the recipe in canonical JSON."""
        values = self.model_dump(mode="json") | {"train": _digested(self.train), "data": _digested(self.data)}
        text = json.dumps(values, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()


def _digested(config: TrainConfig | DataConfig) -> dict[str, Any]:
    """The values of a configuration that its recipe's digest is made of."""
    later = type(config).model_fields.keys() - FIRST_FIELDS
    usual = {name for name in later if getattr(config, name) == type(config).model_fields[name].default}
    return config.model_dump(mode="json", exclude=usual)


R = TypeVar("R", bound=Record)

_WEIGHTINGS: Final = ", ".join(get_args(TrainConfig.model_fields["class_weighting"].annotation))


def parse(kind: type[R], values: Mapping[str, Any], parameter: str) -> R:
    """Read a configuration that somebody sent or stored.

    Args:
        kind: `TrainConfig` or `DataConfig`.
        values: Keys and values; numbers may be text.
        parameter: `train_con`, `data_con` or a file, for the message; "" where the keys are parameters themselves.

    Raises:
        InvalidValueError: An unknown key, or a value of the wrong type or range; names the key.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        raise _refusal(kind, error, parameter) from None


def _refusal(kind: type[Record], error: ValidationError, parameter: str) -> InvalidValueError:
    first = error.errors(include_url=False)[0]
    key = ".".join(str(part) for part in first["loc"]) or "?"
    where = f"{parameter}: " if parameter else ""
    if first["type"] == "extra_forbidden":
        known = ", ".join(kind.model_fields)
        text = Text(
            f"{where}没有名为 {key[:80]!r} 的配置项。可用的有：{known}。",
            f"{where}there is no key {key[:80]!r}. It can hold: {known}.",
        )
    else:
        got, why = repr(first["input"])[:80], rule_of(first)
        text = Text(f"{where}{key} 的值 {got} 无效（{why.zh}）。", f"{where}{key} cannot be {got}: {why.en}.")
        if first["loc"][:1] == ("class_weights",):
            text = Text(
                f"{text.zh}它是每个类别一个数；按像素计算的方式由 class_weighting 设定：{_WEIGHTINGS}。",
                f"{text.en} It holds one number for each class; how they are computed from the pixels is set by"
                f" class_weighting: {_WEIGHTINGS}.",
            )
    return InvalidValueError(text, parameter=parameter or key, key=key)
