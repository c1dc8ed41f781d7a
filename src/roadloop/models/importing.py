"""Turn a foreign weights file into a model file in `weights/`, which can be evaluated. Needs torch."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from roadloop.errors import InvalidValueError, NameTakenError, Text
from roadloop.models.about import About
from roadloop.models.files import file_name, save_model
from roadloop.models.fit import MappingReport, Shapes, by_name, fit, in_order, is_counter, problems
from roadloop.models.foreign import read_weights
from roadloop.models.load import Blueprint, check_values, copy_tensors, refused, shapes_of
from roadloop.models.meaning import Given, Meaning, meaning_of
from roadloop.networks.folder import CHECKPOINT, NetworkInfo, digest, read_source
from roadloop.networks.names import Published, read_published
from roadloop.networks.trust import Trust
from roadloop.storage import publish
from roadloop.storage.paths import check_name

EPOCH: Final = 1  #: of an imported file: it has no other


@dataclass(frozen=True)
class Imported:
    """What an import made.

    Attributes:
        path: The `.params`.
        report: What became of each tensor; the `.json` keeps it under `training`.
        meaning: What goes in and comes out, and from where that is known.
        settings: Of the network's `build`.
    """

    path: Path
    report: MappingReport
    meaning: Meaning
    settings: Mapping[str, Any] = field(default_factory=dict)


def import_weights(file: Path, network: NetworkInfo, about: About, given: Given, target: tuple[Path, str]) -> Imported:
    """Write `<name>_ep-0001.params` and its `.json`, whole or not at all.

    Args:
        file: `.params`, `.safetensors`, a torch file, or a folder as Hugging Face saves it.
        network: Whose code the tensors are for.
        about: What the file says of itself.
        given: What somebody said; it wins.
        target: The workspace's `weights/`, and what the file names begin with.

    Raises:
        NotFoundError: The file or the network's code is missing.
        BrokenFileError: The file is damaged, or holds more than tensors.
        NameTakenError: There is such a file already.
        InvalidValueError: Nobody says what the outputs mean; the label map has more classes than the network outputs; or
            a tensor finds no place, of either side, or has values that no trained network has.
        JobError: The network's code fails.
    """
    folder, name = target
    path = folder / file_name(check_name(name, "name"), EPOCH)
    if path.exists():
        raise NameTakenError(
            Text(f"{path.name} 已存在；请换一个 --name。", f"{path.name} is there already; choose another --name.")
        )
    meaning = meaning_of(about, given, network.folder, file.name)
    arrays = read_weights(file)
    shapes = {tensor: array.shape for tensor, array in arrays.items()}
    settings = {key: value for key, value in {**about.settings, **given.settings}.items() if key != CHECKPOINT}
    published = read_published(network.folder)
    source = read_source(network.folder)
    blueprint = Blueprint(source, meaning.outputs, settings, published, str(network.folder), trust=Trust.of(source))
    module, whose = blueprint.build(), None
    if not given.by_order and (whose := by_name(shapes, shapes_of(module), published)[1]):
        wanted = _wanted(file, blueprint, whose, given)
        blueprint = replace(blueprint, settings=settings | wanted)
        module = blueprint.build() if wanted else module
        meaning = meaning.of_published(whose)
    own = shapes_of(module)
    pairs, report = fit(shapes, own, published, order=blueprint.parts() if given.by_order else None)
    if not report.whole and (found := problems(report, shapes, own, parts := blueprint.parts())):
        raise refused(file, found, _cure(shapes, in_order(shapes, own, parts), given))
    check_values(file, arrays, pairs)
    copy_tensors(arrays, module, pairs)
    description = _description(name, network, blueprint, meaning)
    description["training"] = {
        "imported": file.name,
        "sha256": publish.sha256_file(file) if file.is_file() else "",
        "mapping": report.to_json(),
        **({} if about.flip_pairs is None else {"flip_pairs": about.flip_pairs}),
    }
    for scratch, place in save_model(folder, name, EPOCH, module.state_dict(), description):
        publish.move(scratch, place)
    return Imported(path, report, meaning, blueprint.settings)


def _description(name: str, network: NetworkInfo, blueprint: Blueprint, meaning: Meaning) -> dict[str, Any]:
    return {
        "task": name,
        "network": {
            "name": network.name,
            "digest": digest(blueprint.source),
            "settings": dict(blueprint.settings),
            "source": blueprint.source,
        },
        "num_classes": meaning.outputs,
        "classes": [c._asdict() for c in meaning.label_map.classes(meaning.table)],
        "predict_ignored": meaning.predict_ignored,
        "class_table": meaning.table.to_rows(),
        "label_map": meaning.label_map.to_json(),
        "normalisation": {"mean": meaning.mean, "std": meaning.std},
        "input": {"crop": meaning.crop, "size": meaning.size},
    }


def _wanted(file: Path, blueprint: Blueprint, whose: Published, given: Given) -> dict[str, Any]:
    """The settings that published weights need and nobody gave.

    Raises:
        InvalidValueError: Somebody gave others.
    """
    wanted = blueprint.wanted(whose)
    if clash := {key: given.settings[key] for key in wanted if key in given.settings}:
        right = json.dumps({key: wanted[key] for key in clash})
        raise InvalidValueError(
            Text(
                f"{file.name} 是 {whose.name} 的权重，其网络需要设置 {right}，而 --settings 给出 {json.dumps(clash)}。"
                "请改正或省略 --settings。",
                f"{file.name} holds weights of {whose.name}, whose network needs the settings {right}; --settings says"
                f" {json.dumps(clash)}. Correct --settings, or leave it out.",
            ),
            parameter="settings",
        )
    return wanted


def _cure(shapes: Shapes, ordered: Mapping[str, str], given: Given) -> Text:
    zh, en = "未写入任何文件。", "Nothing was written."
    if not given.by_order and len(ordered) == sum(not is_counter(name) for name in shapes):
        zh = f"{zh}两边的层若确实依次相同，可用 --by-order 按顺序对应。"
        en = f"{en} Where both have the same layers in the same order, --by-order pairs them so."
    return Text(
        f"{zh}请检查 --network、--classes、--outputs 与 --settings；若只想从它开始训练，把它放进 weights/ 后用 /starttask 的"
        " weights 选择即可。",
        f"{en} Check --network, --classes, --outputs and --settings; to begin a training from it, put it into weights/ and"
        " name it in /starttask.",
    )
