"""Mapillary Vistas: `<split>/images/X.jpg` with `<split>/labels/X.png`, or, since v2.0, `<split>/v2.0/labels/X.png`.

`<split>` is training, validation or testing. A pixel is the place of its class in the list `labels` of the configuration
that comes with the data: `config_v2.0.json` for `v2.0/`, `config_v1.2.json` for `v1.2/`, one of `config.json` and
`config_v1.2.json` for masks without a version. That list is the class table; without it no mask is read. Where a picture
has masks of several versions, the newest counts. Instances, panoptic masks and outlines are companions.

Source: Neuhold et al., ICCV 2017, and the README and demo.py of the data set.
"""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any, Final

from roadloop.errors import LabelMapError, Text, many
from roadloop.labels.colors import distinct_colors
from roadloop.labels.table import IGNORE, ClassTable, Color, LabelClass
from roadloop.sources.importers.found import (
    COMPANION,
    Fate,
    FileLabel,
    Found,
    Layout,
    LegendClass,
    Line,
    make_item,
    unpaired,
)
from roadloop.sources.importers.matching import pair
from roadloop.sources.importers.tree import ODD_JSON, Tree, package_of

_SPLITS: Final = {"training": "train", "validation": "val", "testing": "test"}
_VERSIONS: Final = frozenset({"v1.2", "v2.0"})
_COMPANIONS: Final = frozenset({"instances", "panoptic", "polygons", "labels_mask"})
_LARGEST: Final = 255
_CONFIG: Final = Text("Mapillary Vistas 的类别表，已读取", "Mapillary Vistas' class table; it was read")
_OLDER: Final = Text(
    "采用了更新版本的掩码；若要用这个版本，请导入不含新版本的目录",
    "Masks of a newer version were taken; to have those of this version, import a folder without the newer",
)


def find(tree: Tree) -> Found | None:
    """The labelled pictures of a Mapillary Vistas folder, or None when it is none.

    Raises:
        LabelMapError: The configuration cannot be read.
    """
    below = {f: place for f in tree.pictures() if (place := _place(f))}
    pictures = {f: base for f, (base, folder, _) in below.items() if folder == "images"}
    masks = {f: (base, version) for f, (base, folder, version) in below.items() if folder == "labels"}
    companions = [f for f, (_, folder, _) in below.items() if folder in _COMPANIONS]
    if not pictures or not masks or not _is_vistas(tree, masks, companions):
        return None
    version = max(version for _, version in masks.values())
    newest = {f: _key(f, base) for f, (base, v) in masks.items() if v == version}
    found = pair({f: _key(f, base) for f, base in pictures.items()}, newest)
    items = [
        make_item(
            f,
            FileLabel(match.file, "id"),
            rule=match.rule,
            package=package_of(pictures[f]),
            split=_split(tree, pictures[f]),
        )
        for f, match in sorted(found.labels.items())
    ]
    have = {_key(f, pictures[f]) for f in found.labels}
    older = {f: _key(f, base) in have for f, (base, v) in masks.items() if v != version}
    lines = [Line(f, Fate.SUPERSEDED if newer else Fate.UNSUPPORTED, _OLDER) for f, newer in older.items()]
    lines += unpaired(found, pictures, newest)
    lines += [Line(f, Fate.NOT_USED, COMPANION) for f in companions]
    configs = _configs(tree, version)
    if not configs:
        return Found(items, lines, undeclared=_no_config(version))
    lines += [Line(f, Fate.USED, _CONFIG) for f in configs]
    table = _table(tree, configs)
    legend = tuple(LegendClass(c.name_en, c.raw_id, c.color) for c in table.classes)
    return Found(items, lines, legend=legend, raw_ids=table.raw_ids, table=table)


def _place(file: str) -> tuple[str, str, str] | None:
    """(folder of the split, what stands there, version) of a file right below a known folder."""
    parts = file.split("/")[:-1]
    if not parts or parts[-1] not in {"images", "labels", *_COMPANIONS}:
        return None
    version = parts[-2] if len(parts) > 1 and parts[-2] in _VERSIONS else ""
    return "/".join(parts[: -2 if version else -1]), parts[-1], version


def _is_vistas(tree: Tree, masks: Mapping[str, tuple[str, str]], companions: list[str]) -> bool:
    """Whether a configuration, versions, or the splits' names with companions say so."""
    bases = {base for base, _ in masks.values()}
    named = any(_split(tree, base) for base in bases) and bool(companions)
    if named or any(version for _, version in masks.values()):
        return True
    return any(file not in tree.unreadable for file in _configs(tree, ""))


def _split(tree: Tree, base: str) -> str:
    return _SPLITS.get(PurePosixPath(base).name or tree.root.name, "")


def _key(file: str, base: str) -> str:
    return f"{base}/{PurePosixPath(file).stem}"


def _configs(tree: Tree, version: str) -> list[str]:
    """The configurations of a version, those that are none left out."""
    names = {f"config_{version}.json"} if version else {"config.json", "config_v1.2.json"}
    files = [f for f in tree.files if PurePosixPath(f).name in names]
    return [f for f in files if _is_config(tree.json(f)) or f in tree.unreadable]


def _is_config(value: Any) -> bool:
    rows = value.get("labels") if isinstance(value, dict) else None
    return isinstance(rows, list) and any(isinstance(row, dict) and "evaluate" in row for row in rows)


def _table(tree: Tree, configs: list[str]) -> ClassTable:
    """The class table that all configurations name.

    Raises:
        LabelMapError: One of them cannot be read, or they differ.
    """
    tables = [_parse(tree, file) for file in configs]
    for file, table in zip(configs, tables, strict=True):
        if table.classes != tables[0].classes:
            raise LabelMapError(
                Text(
                    f"{configs[0]} 与 {file} 的类别不同，无法确定用哪一个；请分别导入",
                    f"{configs[0]} and {file} name different classes, so it is not clear which counts; import the folders"
                    " one by one",
                ),
                files=[configs[0], file],
            )
    return tables[0]


def _parse(tree: Tree, file: str) -> ClassTable:
    try:
        value = tree.json(file)
        if file in tree.unreadable:
            raise _unread(file, tree.unreadable[file])
        rows = value["labels"]
        if len(rows) > _LARGEST:
            raise _unread(
                file,
                Text(f"有 {len(rows)} 个类别，最多 255 个", f"{many(len(rows), 'class', 'classes')}; there can be 255"),
            )
        return ClassTable("mapillary-vistas", _classes(rows))
    except ODD_JSON as error:
        what = f"{type(error).__name__}: {error}"[:200]
        raise _unread(file, Text(f"内容不符合格式：{what}", f"not of the form it should have: {what}")) from error


def _classes(rows: list[Any]) -> tuple[LabelClass, ...]:
    """The classes in order; one whose colour another has too gets a colour of its own."""
    classes, used, train_id = [], set[Color](), 0
    spare = iter(distinct_colors(_LARGEST))
    for raw_id, row in enumerate(rows):
        red, green, blue = row["color"]
        color = (int(red), int(green), int(blue))
        while color in used:
            color = next(spare)
        used.add(color)
        name = str(row.get("readable") or row["name"])
        classes.append(LabelClass(raw_id, name, name, color, train_id if row["evaluate"] else IGNORE))
        train_id += bool(row["evaluate"])
    return tuple(classes)


def _unread(file: str, why: Text) -> LabelMapError:
    return LabelMapError(
        Text(
            f"Mapillary Vistas 的类别表 {file} 无法读取：{why.zh}。请换上数据集原有的文件",
            f"Mapillary Vistas' class table {file} cannot be read: {why.en}. Put the data set's own file there",
        ),
        file=file,
    )


def _no_config(version: str) -> Text:
    name = f"config_{version}.json" if version else "config.json"
    return Text(
        f"目录是 Mapillary Vistas 布局，但缺少说明类别的 {name}；请把数据集自带的 {name} 放进来，或用 roadelement 给出类别表",
        f"The folder has the layout of Mapillary Vistas, but its class table {name} is not there: put the data set's own"
        f" {name} beside the pictures, or name a class table with roadelement",
    )


LAYOUT: Final = Layout(
    "mapillary",
    find,
    Text(
        "有 images/ 与 labels/ 或 v2.0/labels/，以及 config.json 或 config_v2.0.json",
        "images/ with labels/ or v2.0/labels/, and config.json or config_v2.0.json",
    ),
)
