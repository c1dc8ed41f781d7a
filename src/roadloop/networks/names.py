"""What the published weights of a network call its tensors: `names.json` in the network's folder. No torch here.

The file is a list, one entry for each way in which people find such weights. Names are facts, kept as data: whose module is
whose. A `*` is a number, the same on both sides in the order of the stars; `{classes}` is the number of classes. The
first pattern that fits counts. What a module's tensors are called (`weight`, `running_mean`) is the same everywhere, and
MXNet's words for it (`gamma`, `moving_mean`) are known.
"""

import json
import re
from collections.abc import Iterable
from functools import cached_property
from pathlib import Path
from typing import Final

from pydantic import Field, JsonValue, TypeAdapter, ValidationError

from roadloop.errors import InvalidValueError, Text
from roadloop.networks.folder import NAMES
from roadloop.parameters import Record, rule_of
from roadloop.storage import reading

CLASSES: Final = "{classes}"
_LEAVES: Final = ("weight", "bias", "running_mean", "running_var", "num_batches_tracked")
_ENDINGS: Final = {
    "_gamma": "_weight",
    "_beta": "_bias",
    "_moving_mean": "_running_mean",
    "_moving_var": "_running_var",
}

Three = tuple[float, float, float]


def key(name: str) -> str:
    """What a tensor's name means, whichever library wrote it: `bn1_gamma` and `bn1.weight` are one."""
    plain = name.replace(".", "_")
    for theirs, ours in _ENDINGS.items():
        if plain.endswith(theirs):
            return plain.removesuffix(theirs) + ours
    return plain


class Published(Record):
    """How one kind of published file calls the tensors of a network, and what its numbers mean."""

    name: str = Field(description="What people call these weights.")
    source: str = Field(description="Where their authors' code is.")
    settings: dict[str, JsonValue] = Field(
        {}, description="Keyword arguments of `build` without which it is another network."
    )
    mean: Three | None = Field(None, description="Subtracted from RGB in 0..1.")
    std: Three | None = Field(None, description="Divides what is left.")
    auxiliary: tuple[str, ...] = Field((), description="Their modules that only training needs.")
    beside: tuple[str, ...] = Field((), description="Their tensors that belong to no network here.")
    without: tuple[str, ...] = Field(
        (), description="Our modules that such a file does not have: it can only be begun from."
    )
    modules: dict[str, str] = Field(description="Our module -> theirs.")

    @cached_property
    def _ours(self) -> list[tuple[re.Pattern[str], str]]:
        return [(re.compile(_numbers(re.escape(ours))), theirs) for ours, theirs in self.modules.items()]

    @cached_property
    def _theirs(self) -> list[re.Pattern[str]]:
        return [_of_module(theirs) for theirs in self.modules.values()]

    @cached_property
    def _apart(self) -> re.Pattern[str]:
        heads = (rf"{re.escape(key(module))}_.*" for module in self.auxiliary)
        return re.compile("|".join((*heads, *(re.escape(key(name)) for name in self.beside))) or "(?!)")

    def find(self, own: str, keys: Iterable[str]) -> str | None:
        """The key, of those in a file, of our tensor `own`; None where there is none."""
        module, _, leaf = own.rpartition(".")
        for pattern, theirs in self._ours:
            if found := pattern.fullmatch(module):
                wanted = key(_filled(theirs, found.groups()) + f".{leaf}")
                if CLASSES not in wanted:
                    return wanted if wanted in keys else None
                counted = re.compile(re.escape(wanted).replace(re.escape(CLASSES), r"\d+"))
                return next((k for k in keys if counted.fullmatch(k)), None)
        return None

    def is_apart(self, name: str) -> bool:
        """Whether a file's tensor is known to be no part of the network: of a head for training, or of a loss."""
        return self._apart.fullmatch(key(name)) is not None

    def known(self, names: Iterable[str]) -> tuple[int, int]:
        """How many names of a file such weights have; and, negative, how many of their modules the file lacks."""
        keys = [key(name) for name in names]
        used = set()
        count = 0
        for one in keys:
            place = next((i for i, pattern in enumerate(self._theirs) if pattern.fullmatch(one)), None)
            used |= set() if place is None else {place}
            count += place is not None or self._apart.fullmatch(one) is not None
        return count, len(used) - len(self._theirs)


def read_published(folder: Path) -> tuple[Published, ...]:
    """The published weights that a network's folder knows; none without a `names.json`.

    Raises:
        InvalidValueError: The file is not such a list; names it.
    """
    path = folder / NAMES
    if not path.is_file():
        return ()
    try:
        return TypeAdapter(tuple[Published, ...]).validate_python(json.loads(reading.read_bytes(path)))
    except (OSError, ValueError) as error:
        why = rule_of(error.errors()[0]) if isinstance(error, ValidationError) else Text("无法读取", f"{error}")
        raise InvalidValueError(
            Text(
                f"{path} 不是有效的名称对照表（{why.zh}）；请改正，或从模板目录复制一份。",
                f"{path} is not a valid table of names ({why.en}); correct it, or copy the template's.",
            ),
            path=str(path),
        ) from error


def _numbers(pattern: str) -> str:
    return pattern.replace(r"\*", r"(\d+)")


def _of_module(theirs: str) -> re.Pattern[str]:
    """Keys of the tensors of their module."""
    plain = _numbers(re.escape(theirs.replace(".", "_"))).replace(re.escape(CLASSES), r"\d+")
    return re.compile(rf"{plain}_(?:{'|'.join(_LEAVES)})")


def _filled(theirs: str, numbers: Iterable[str]) -> str:
    for number in numbers:
        theirs = theirs.replace("*", number, 1)
    return theirs
