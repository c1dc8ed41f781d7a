"""Which tensor of a file goes where in a network: by name, else by shape in order. Names and shapes only; no torch.

Names are compared as they are, then in the way that MXNet and torch have in common (`bn1_gamma` is `bn1.weight`). Only
where not one learned tensor has a name of the network are the tensors laid side by side in their order, and taken
when at least half of the network's values find their place so. A shape may differ in dimensions of length 1, as
[C, 1, 1, 1] from [C], or a fully connected layer's [O, I] from the [O, I, 1, 1] of a convolution: no value changes.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from typing import Any, Final

from roadloop.errors import Text

COUNTER: Final = "num_batches_tracked"  # of torch's batch norm; nothing depends on it once trained
SHOWN: Final = 8
_ENDINGS: Final = {
    "_gamma": "_weight",
    "_beta": "_bias",
    "_moving_mean": "_running_mean",
    "_moving_var": "_running_var",
}
_STATISTICS: Final = ("running_mean", "running_var")
_ROLES: Final = ("weight", "bias", *_STATISTICS)

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]


@dataclass(frozen=True)
class MappingReport:
    """What became of the tensors of a file and of a network.

    Attributes:
        taken: Names in the network whose values are copied, reshaped ones included.
        renamed: (name in the network, name in the file) where the two differ.
        reshaped: (name, shape in the file, shape in the network) where only dimensions of length 1 differ.
        skipped: (name, shape in the file, shape in the network) where the shapes do not fit.
        missing: Names that only the network has; their values stay as they were.
        unused: Names that only the file has.
        ordered: No name fits; they are paired by shape, in order.
    """

    taken: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    reshaped: tuple[tuple[str, Shape, Shape], ...]
    skipped: tuple[tuple[str, Shape, Shape], ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    ordered: bool = False

    @property
    def nothing(self) -> bool:
        """Whether not one learned tensor is taken."""
        return all(is_counter(name) for name in self.taken)

    @property
    def whole(self) -> bool:
        """Whether every tensor of the network is taken."""
        return not (self.skipped or self.missing)

    @property
    def exact(self) -> bool:
        """Whether file and network have the same names and shapes."""
        return self.whole and not (self.renamed or self.reshaped or self.unused)

    def text(self) -> Text:
        """One sentence for people."""
        shapes = ", ".join(f"{name} {list(a)}/{list(b)}" for name, a, b in self.skipped[:SHOWN])
        return Text(
            f"权重：采用 {len(self.taken)} 个张量（改名 {len(self.renamed)} 个，变形 {len(self.reshaped)} 个），"
            f"形状不符 {len(self.skipped)} 个（{shapes or '无'}），文件缺少 {len(self.missing)} 个（{some(self.missing, '无')}），"
            f"未用 {len(self.unused)} 个（{some(self.unused, '无')}）。"
            f"{'没有一个名称相符，按形状依次对应：请核对。' if self.ordered else ''}",
            f"Weights: {len(self.taken)} tensors taken, {len(self.skipped)} of another shape"
            f" ({shapes or 'none'}), {len(self.missing)} missing ({some(self.missing, 'none')}),"
            f" {len(self.unused)} unused ({some(self.unused, 'none')}); {len(self.renamed)} have other names in the"
            f" file, {len(self.reshaped)} were reshaped without loss."
            f"{' Not one name fits: they are paired by shape, in order; make sure that is right.' if self.ordered else ''}",
        )

    def lines(self) -> list[str]:
        """What is not plain, a line for each tensor."""
        return [
            *(f"reshaped {name} {list(a)} -> {list(b)}" for name, a, b in self.reshaped),
            *(f"other shape {name} {list(a)}, the network has {list(b)}" for name, a, b in self.skipped),
            *(f"missing {name}" for name in self.missing),
            *(f"unused {name}" for name in self.unused),
            *(f"renamed {theirs} -> {own}" for own, theirs in self.renamed),
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values: every name."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values


def is_counter(name: str) -> bool:
    """Whether a name is that of a batch norm's counter."""
    return name.rpartition(".")[2] == COUNTER


def fit(file: Shapes, network: Shapes) -> tuple[dict[str, str], MappingReport]:
    """Find the tensor of a file for each tensor of a network.

    Args:
        file: Name -> shape, in the file's order.
        network: Name -> shape, in the network's order.

    Returns:
        Name in the network -> name in the file, and the report.
    """
    pairs = _by_name(file, network)
    fitting = {own for own, theirs in pairs.items() if squeezed(file[theirs]) == squeezed(network[own])}
    ordered = _in_order(file, network) if all(is_counter(own) for own in fitting) else {}
    if ordered:
        pairs, fitting = ordered, set(ordered)
    taken = {own: theirs for own, theirs in pairs.items() if own in fitting}
    shapes = [(own, file[theirs], network[own]) for own, theirs in pairs.items() if file[theirs] != network[own]]
    used = set(pairs.values())
    report = MappingReport(
        taken=tuple(taken),
        renamed=tuple((own, theirs) for own, theirs in taken.items() if own != theirs),
        reshaped=tuple(row for row in shapes if row[0] in fitting and row[2]),
        skipped=tuple(row for row in shapes if row[0] not in fitting),
        missing=tuple(name for name in network if name not in pairs and not is_counter(name)),
        unused=tuple(name for name in file if name not in used and not is_counter(name)),
        ordered=bool(ordered),
    )
    return taken, report


def squeezed(shape: Shape) -> Shape:
    """A shape without its dimensions of length 1."""
    return tuple(n for n in shape if n != 1)


def _by_name(file: Shapes, network: Shapes) -> dict[str, str]:
    """Pairs of one name, in the network's order; then of names that mean the same, while no two do."""
    common = _once(name for name in file if name not in network)
    own_keys = _once(name for name in network if name not in file)
    pairs = {}
    for own in network:
        if own in file:
            pairs[own] = own
        elif own_keys.get(_key(own)) == own and (theirs := common.get(_key(own))):
            pairs[own] = theirs
    return pairs


def _once(names: Any) -> dict[str, str]:
    """Key -> name, for the keys that one name alone has."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(_key(name), []).append(name)
    return {key: same[0] for key, same in found.items() if len(same) == 1}


def _key(name: str) -> str:
    """What a name means, whichever library wrote it."""
    plain = name.replace(".", "_")
    for theirs, ours in _ENDINGS.items():
        if plain.endswith(theirs):
            return plain.removesuffix(theirs) + ours
    return plain


def _in_order(file: Shapes, network: Shapes) -> dict[str, str]:
    """Pairs of one shape (and role, where the file's names tell it), both lists in order; none when they are few.

    MXNet writes running statistics after everything that is learned, torch writes them layer by layer: where the
    names tell them apart, they are paired apart.
    """
    theirs = [name for name in file if not is_counter(name)]
    ours = [name for name in network if not is_counter(name)]
    roles = all(_role(name) for name in theirs)
    pairs: dict[str, str] = {}
    for statistics in (False, True) if roles else (None,):
        a, b = ([n for n in names if statistics in {None, _role(n) in _STATISTICS}] for names in (ours, theirs))
        keys = [
            [(_role(n) if roles else "", squeezed(shapes[n])) for n in names]
            for names, shapes in ((a, network), (b, file))
        ]
        for start, other, length in _runs(keys[0], keys[1]):
            pairs |= dict(zip(a[start : start + length], b[other : other + length], strict=True))
    sizes = {name: math.prod(network[name]) for name in ours}
    return pairs if 2 * sum(sizes[name] for name in pairs) >= sum(sizes.values()) else {}


def _runs(a: Sequence[object], b: Sequence[object]) -> list[tuple[int, int, int]]:
    return [(m.a, m.b, m.size) for m in SequenceMatcher(None, a, b, autojunk=False).get_matching_blocks()]


def _role(name: str) -> str:
    return next((role for role in _ROLES if _key(name).endswith(role)), "")


def some(names: Sequence[str], none: str) -> str:
    """The first few, for a sentence."""
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "") if names else none
