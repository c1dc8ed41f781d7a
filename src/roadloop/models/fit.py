"""Which tensor of a file goes where in a network. Names and shapes only; no torch.

By name: the network's own, or those of published weights that the network's folder knows (`names.json`); of these the
one that has most of the file's names. In the order of the tensors only where somebody asks for it. What then has no
place is judged by `problems`: nothing is taken in part unless that is asked for. A shape may differ in dimensions of length 1, as
[C, 1, 1, 1] from [C], or a fully connected layer's [O, I] from the [O, I, 1, 1] of a convolution: no value changes.
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Final, Literal

from roadloop.errors import Text, many
from roadloop.networks.names import Published, key

COUNTER: Final = "num_batches_tracked"  # of torch's batch norm; nothing depends on it once trained
SHOWN: Final = 8
#: In front of names where a checkpoint holds more than the network, such as its loss.
PREFIXES: Final = ("", "model.", "module.", "module.model.", "network.", "net.")
_STATISTICS: Final = ("running_mean", "running_var")
_ROLES: Final = ("weight", "bias", *_STATISTICS)

Shape = tuple[int, ...]
Shapes = Mapping[str, Shape]
#: By name and wholly; by the order of the tensors and wholly; by name, whatever fits.
Pairing = Literal["names", "order", "part"]


@dataclass(frozen=True)
class Parts:
    """Tensors of a network that need not be in a file.

    Attributes:
        outputs: Names of those whose shapes follow from the number of classes: the classifier's.
        auxiliary: Shapes of the heads that only training needs, whether this network has them or not.
    """

    outputs: frozenset[str] = frozenset()
    auxiliary: Shapes = field(default_factory=dict)


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
        apart: Names in the file that are known to be no part of the network: heads for training, weights of a loss.
        published: Whose names the file has; empty = the network's own.
        ordered: They are paired in their order.
    """

    taken: tuple[str, ...]
    renamed: tuple[tuple[str, str], ...]
    reshaped: tuple[tuple[str, Shape, Shape], ...]
    skipped: tuple[tuple[str, Shape, Shape], ...]
    missing: tuple[str, ...]
    unused: tuple[str, ...]
    apart: tuple[str, ...] = ()
    published: str = ""
    ordered: bool = False

    @property
    def nothing(self) -> bool:
        """Whether not one learned tensor is taken."""
        return all(is_counter(name) for name in self.taken)

    @property
    def whole(self) -> bool:
        """Whether every tensor of both sides has its place, or is known to need none."""
        return not (self.skipped or self.missing or self.unused)

    @property
    def exact(self) -> bool:
        """Whether file and network have the same names and shapes."""
        return self.whole and not (self.renamed or self.reshaped or self.apart)

    def text(self) -> Text:
        """What became of them, for people."""
        shapes = ", ".join(f"{name} {list(a)}/{list(b)}" for name, a, b in self.skipped[:SHOWN])
        zh = (
            f"权重：采用 {len(self.taken)} 个张量（改名 {len(self.renamed)} 个，变形 {len(self.reshaped)} 个），"
            f"形状不符、保持初值 {len(self.skipped)} 个（{shapes or '无'}），文件缺少 {len(self.missing)} 个（{some(self.missing, '无')}），"
            f"未用 {len(self.unused)} 个（{some(self.unused, '无')}），不属于网络主体 {len(self.apart)} 个。"
        )
        en = (
            f"Weights: {many(len(self.taken), 'tensor')} taken, {len(self.skipped)} of another shape, which begin anew"
            f" ({shapes or 'none'}), {len(self.missing)} missing ({some(self.missing, 'none')}),"
            f" {len(self.unused)} unused ({some(self.unused, 'none')}), {len(self.apart)} for training only;"
            f" {len(self.renamed)} have other names in the file, {len(self.reshaped)} were reshaped without loss."
        )
        if self.published:
            zh, en = f"{zh}名称来自 {self.published}。", f"{en} The names are those of {self.published}."
        if self.ordered:
            zh, en = f"{zh}按顺序对应：请核对。", f"{en} They are paired in their order; make sure that is right."
        return Text(zh, en)

    def lines(self) -> list[str]:
        """What is not plain, a line for each tensor."""
        return [
            *(f"reshaped {name} {list(a)} -> {list(b)}" for name, a, b in self.reshaped),
            *(f"other shape {name} {list(a)}, the network has {list(b)}" for name, a, b in self.skipped),
            *(f"missing {name}" for name in self.missing),
            *(f"unused {name}" for name in self.unused),
            *(f"for training only {name}" for name in self.apart),
            *(f"renamed {theirs} -> {own}" for own, theirs in self.renamed),
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain values: every name."""
        values: dict[str, Any] = json.loads(json.dumps(asdict(self)))
        return values


@dataclass(frozen=True)
class Problems:
    """Why a file must not be taken: tensors without a place, as `name [shape]`.

    Attributes:
        lacking: Of the network; with the file's shape behind it where that is another.
        left: Of the file.
    """

    lacking: tuple[str, ...]
    left: tuple[str, ...]

    def __bool__(self) -> bool:
        return bool(self.lacking or self.left)


def is_counter(name: str) -> bool:
    """Whether a name is that of a batch norm's counter."""
    return name.rpartition(".")[2] == COUNTER


def fit(
    file: Shapes, network: Shapes, published: Sequence[Published] = (), *, order: Parts | None = None
) -> tuple[dict[str, str], MappingReport]:
    """Find the tensor of a file for each tensor of a network.

    Args:
        file: Name -> shape, in the file's order.
        network: Name -> shape, in the network's order.
        published: Whose names the file may have.
        order: Pair them in their order, whatever they are called; tensors of these parts may differ or lack.

    Returns:
        Name in the network -> name in the file, and the report.
    """
    if order is None:
        pairs, whose = by_name(file, network, published)
    else:
        pairs, whose = in_order(file, network, order), None
    taken = {own: theirs for own, theirs in pairs.items() if squeezed(file[theirs]) == squeezed(network[own])}
    shapes = [(own, file[theirs], network[own]) for own, theirs in pairs.items() if file[theirs] != network[own]]
    used = set(pairs.values())
    rest = [name for name in file if name not in used and not is_counter(name)]
    apart = [name for name in rest if whose and any(whose.is_apart(name.removeprefix(p)) for p in PREFIXES)]
    report = MappingReport(
        taken=tuple(taken),
        renamed=tuple((own, theirs) for own, theirs in taken.items() if own != theirs),
        reshaped=tuple(row for row in shapes if row[0] in taken and row[2]),
        skipped=tuple(row for row in shapes if row[0] not in taken),
        missing=tuple(name for name in network if name not in pairs and not is_counter(name)),
        unused=tuple(name for name in rest if name not in apart),
        apart=tuple(apart),
        published=whose.name if whose else "",
        ordered=order is not None,
    )
    return taken, report


def problems(
    report: MappingReport, file: Shapes, network: Shapes, parts: Parts, without: Sequence[str] | None = None
) -> Problems:
    """What speaks against taking a file: every learned tensor of both sides must have its place.

    Args:
        report: What `fit` found.
        file: Name -> shape.
        network: Name -> shape.
        parts: Heads that only training needs may lack on either side.
        without: Where the file is only begun from, the modules that it need not have: then the classifier, too, may be of
            another number of classes, and begins anew.
    """
    start = without is not None
    fresh = {own for own, a, b in report.skipped if start and own in parts.outputs and _one_differs(a, b)}
    absent = tuple(f"{module}." for module in without or ())
    missing = [n for n in report.missing if n not in parts.auxiliary and not (absent and n.startswith(absent))]
    heads = {key(name) for name in parts.auxiliary}
    left = [n for n in report.unused if not any(key(n.removeprefix(p)) in heads for p in PREFIXES)]
    return Problems(
        (
            *(f"{name} {list(network[name])}" for name in missing),
            *(f"{own} {list(b)} ({list(a)})" for own, a, b in report.skipped if own not in fresh),
        ),
        tuple(f"{name} {list(file[name])}" for name in left),
    )


def squeezed(shape: Shape) -> Shape:
    """A shape without its dimensions of length 1."""
    return tuple(n for n in shape if n != 1)


def _one_differs(a: Shape, b: Shape) -> bool:
    a, b = squeezed(a), squeezed(b)
    return len(a) == len(b) and sum(m != n for m, n in zip(a, b, strict=True)) == 1


def by_name(file: Shapes, network: Shapes, published: Sequence[Published]) -> tuple[dict[str, str], Published | None]:
    """Pairs by name, in the reading that knows most of the file's names; the network's own names before others.

    Returns:
        Name in the network -> name in the file; and whose published names they are, None for the network's own.
    """
    best: tuple[int, int] = (-1, 0)
    found: tuple[dict[str, str], Published | None] = ({}, None)
    for prefix in PREFIXES:
        bare = {name.removeprefix(prefix): name for name in file}
        if len(bare) < len(file) or (prefix and list(bare) == list(file)):
            continue
        own = _by_own(bare, network)
        if (len(own), 0) > best:
            best, found = (len(own), 0), ({name: bare[theirs] for name, theirs in own.items()}, None)
        for whose in published:
            if (known := whose.known(bare)) > best:
                best, found = known, (_by_published(bare, network, whose), whose)
    return found


def _by_published(bare: Mapping[str, str], network: Shapes, whose: Published) -> dict[str, str]:
    keys = _once(bare)
    found = {own: whose.find(own, keys) for own in network}
    return {own: bare[keys[theirs]] for own, theirs in found.items() if theirs is not None}


def _by_own(file: Iterable[str], network: Shapes) -> dict[str, str]:
    """Pairs of one name, in the network's order; then of names that mean the same, while no two do."""
    names = set(file)
    common = _once(name for name in names if name not in network)
    own_keys = _once(name for name in network if name not in names)
    pairs = {}
    for own in network:
        if own in names:
            pairs[own] = own
        elif own_keys.get(key(own)) == own and (theirs := common.get(key(own))):
            pairs[own] = theirs
    return pairs


def _once(names: Iterable[str]) -> dict[str, str]:
    """Key -> name, for the keys that one name alone has."""
    found: dict[str, list[str]] = {}
    for name in names:
        found.setdefault(key(name), []).append(name)
    return {one: same[0] for one, same in found.items() if len(same) == 1}


def in_order(file: Shapes, network: Shapes, parts: Parts) -> dict[str, str]:
    """Pairs one by one as they stand, the network with its training heads or without; as far as shape and role agree.

    MXNet writes running statistics after everything that is learned, torch writes them layer by layer: where the
    names tell them apart, they are paired apart.
    """
    theirs = [name for name in file if not is_counter(name)]
    ours = [name for name in network if not is_counter(name)]
    plain = [name for name in ours if name not in parts.auxiliary]
    roles = all(_role(name) for name in theirs)

    def pairs_of(own_names: Sequence[str]) -> dict[str, str]:
        pairs: dict[str, str] = {}
        for statistics in (False, True) if roles else (None,):
            a, b = (
                [n for n in names if statistics in {None, _role(n) in _STATISTICS}] for names in (own_names, theirs)
            )
            for own, other in zip(a, b, strict=False):
                same = squeezed(file[other]) == squeezed(network[own])
                fits = same or (own in parts.outputs and _one_differs(file[other], network[own]))
                if not fits or (roles and _role(own) != _role(other)):
                    break
                pairs[own] = other
        return pairs

    return max((pairs_of(ours), pairs_of(plain)), key=len)


def _role(name: str) -> str:
    return next((role for role in _ROLES if key(name).endswith(role)), "")


def some(names: Sequence[str], none: str) -> str:
    """The first few, for a sentence."""
    return ", ".join(names[:SHOWN]) + (" ..." if len(names) > SHOWN else "") if names else none
