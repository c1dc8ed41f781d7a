"""The keys of both configurations for a form: type, bounds, choices, sentence, default and where it comes from. Pure.

Everything is taken from the fields of `TrainConfig` and `DataConfig`; only what stands together is said here.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Literal

from pydantic import BaseModel, Field

from roadloop.errors import Language, Text
from roadloop.training.recipe import DataConfig, TrainConfig
from roadloop.training.reference import values_of
from roadloop.training.setting_names import NAMES
from roadloop.web.reference import in_chinese

Where = Literal["train_con", "data_con"]
KINDS: Final[dict[Where, type[TrainConfig] | type[DataConfig]]] = {"train_con": TrainConfig, "data_con": DataConfig}

#: What stands together, and in which order; every key once.
GROUPS: Final[dict[str, tuple[Text, tuple[str, ...]]]] = {
    "main": (
        Text("最常用", "Most used"),
        ("batch_size", "num_epoch", "base_lr", "steps", "weights", "model", "data_type", "crop"),
    ),
    "rate": (
        Text("优化器与学习率", "Optimiser and learning rate"),
        (
            "optimizer", "momentum", "weight_decay", "decay_norms", "schedule", "step_factor", "poly_power", "warmup_steps",
            "lr_factors", "clip_norm", "ema_decay", "early_stop",
        ),
    ),
    "start": (
        Text("网络与初始权重", "Network and start weights"),
        ("weights_pairing", "network_settings", "frozen", "freeze_norms", "sync_norm"),
    ),
    "loss": (
        Text("损失", "Loss"),
        (
            "class_weighting", "class_weights", "auxiliary_weight", "label_smoothing", "ohem_threshold", "ohem_min_share",
            "dice_weight", "lovasz_weight", "boundary_weight", "boundary_aware_weight",
        ),
    ),
    "pictures": (
        Text("图片增强", "What is done to the pictures"),
        (
            "scale", "rotate", "flip", "flip_pairs", "brightness", "contrast", "saturation", "rare_class_share", "mean", "std",
        ),
    ),
    "machine": (
        Text("速度、内存与可复现性", "Speed, memory, repeatability"),
        ("accumulate", "precision", "memory_format", "compile", "deterministic", "cpu_processes", "seed"),
    ),
    "files": (
        Text("文件与记录", "Files and records"),
        ("save_every", "checkpoint_every", "log_every", "num_classes", "network_path", "output_path", "data_path"),
    ),
}  # fmt: skip

#: Fields that the task alone decides.
DECIDED: Final = frozenset({"num_classes", "network_path", "output_path", "data_path"})

Kind = Literal["integer", "number", "truth", "choice", "text", "numbers", "texts", "pairs", "object"]


class SettingField(BaseModel):
    """One key of `train_con` or `data_con`, as a form shows it."""

    where: Where = Field(description="The object that holds it.")
    key: str
    name: str = Field(description="What people call it.")
    group: str = Field(description="One of `groups`.")
    kind: Kind = Field(description="What a form shows it as; numbers and texts are lists.")
    values: str = Field(description="What it can be, in words.")
    choices: list[str] = Field(description="All that it can be, where these are few words.")
    nullable: bool = Field(description="Whether null empties it, so that its default follows from the task again.")
    decided: bool = Field(description="Whether the task alone decides it.")
    default: Any = Field(description="What it is where nobody sets it.")
    origin: str = Field(description="Where that default comes from, in words.")
    meaning: str = Field(description="What it means.")


def group_of(key: str) -> str:
    """The group that a key stands in."""
    return next(name for name, (_title, keys) in GROUPS.items() if key in keys)


def described(defaults: Mapping[str, Any], origins: Mapping[str, Text], language: Language) -> list[SettingField]:
    """Every key of both configurations, group by group.

    Args:
        defaults: Key -> what it is where nobody sets it.
        origins: Key -> where that comes from.
        language: Of the words.
    """
    places: dict[str, Where] = {key: where for where, kind in KINDS.items() for key in kind.model_fields}
    schemas = {where: kind.model_json_schema()["properties"] for where, kind in KINDS.items()}
    found = []
    for group, (_title, keys) in GROUPS.items():
        for key in keys:
            where = places[key]
            schema = schemas[where][key]
            meaning = KINDS[where].model_fields[key].description or ""
            some = next((one for one in schema.get("anyOf", ()) if one.get("type") != "null"), schema)
            found.append(
                SettingField(
                    where=where,
                    key=key,
                    name=NAMES[key].pick(language),
                    group=group,
                    kind=_kind(some),
                    values=_worded(values_of(schema), language),
                    choices=some.get("enum", []),
                    nullable="anyOf" in schema,
                    decided=key in DECIDED,
                    default=defaults[key],
                    origin=origins[key].pick(language),
                    meaning=in_chinese(meaning) if language == "zh" else meaning,
                )
            )
    return found


def _kind(schema: Mapping[str, Any]) -> Kind:
    if "enum" in schema:
        return "choice"
    if schema["type"] == "array":
        item = (schema.get("prefixItems") or [schema["items"]])[0]
        return "pairs" if item["type"] == "array" else "texts" if item["type"] == "string" else "numbers"
    kinds: dict[str, Kind] = {"boolean": "truth", "string": "text", "integer": "integer", "number": "number"}
    return kinds.get(schema["type"], "object")


_WORDS: Final = (
    (r"list of pairs: ", "多对"),
    (r"list of ", "多个"),
    (r"(\d) (?=integers|numbers)", r"\1 个"),
    (r"integers?", "整数"),
    (r"numbers?", "数"),
    (r"texts?", "文本"),
    (r"object", "对象"),
)


def _worded(values: str, language: Language) -> str:
    values = values.replace("`", "")
    if language == "zh":
        for english, chinese in _WORDS:
            values = re.sub(english, chinese, values)
    return values
