"""`roadloop export`: a model file as ONNX and as safetensors. `roadloop weights`: foreign files as model files."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer
from rich.table import Table

from roadloop.console import Home, language, say, settings_of, terminal
from roadloop.errors import InvalidValueError, NotFoundError, Text
from roadloop.evaluation.pictures import DATASET, PictureSource, open_source
from roadloop.labels.label_map import LabelMap, default_map, parse_map
from roadloop.labels.library import find_table
from roadloop.labels.table import ClassTable, shipped
from roadloop.lists import split_numbers
from roadloop.models import approve
from roadloop.models.about import About, of_record, read_about
from roadloop.models.files import parse_description
from roadloop.models.meaning import Given
from roadloop.networks import trust
from roadloop.networks.folder import (
    SOURCE,
    TEMPLATES,
    NetworkInfo,
    digest,
    network_folder,
    read_source,
    template_folder,
)
from roadloop.settings import Settings
from roadloop.storage import publish, reading
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import open_platform

if TYPE_CHECKING:
    from roadloop.models.importing import Imported

SHOWN_LINES: Final = 40  #: of the mapping; the .json keeps every name

app = typer.Typer(help="Foreign weights as model files 导入外来权重.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Foreign weights as model files 导入外来权重."""


@app.command("import")
def import_file(
    file: Annotated[
        Path, typer.Argument(help="A .params, .safetensors, .pth, .pt or .bin file, or a folder of Hugging Face's.")
    ],
    name: Annotated[str, typer.Option(help="Begins the name of the model file in weights/.")],
    network: Annotated[
        str,
        typer.Option(help="The network that it belongs to: the team's own, or a template; default: as the file says."),
    ] = "",
    classes: Annotated[
        str, typer.Option(help="Class table: a shipped one, or one in class-tables/; default: as the file says.")
    ] = "",
    label_map: Annotated[
        str,
        typer.Option("--map", help="Label map: general, hd-13, a JSON file as /save_map takes it, or a model's .json."),
    ] = "",
    outputs: Annotated[
        int, typer.Option(min=0, help="Outputs of the network; 0 = as the file says, else as many as classes.")
    ] = 0,
    mean: Annotated[
        str, typer.Option(help="Subtracted from RGB in 0..1; default: as the file or the network says.")
    ] = "",
    std: Annotated[str, typer.Option(help="Divides what is left; default: as the file or the network says.")] = "",
    size: Annotated[str, typer.Option(help="WIDTHxHEIGHT of the pictures that it is usually given.")] = "",
    settings: Annotated[str, typer.Option(help="Settings of the network's build, as a JSON object.")] = "{}",
    by_order: Annotated[bool, typer.Option("--by-order", help="Pair the tensors in their order.")] = False,
    predict_ignored: Annotated[
        bool, typer.Option("--predict-ignored", help="Outputs without a class take part, as 255.")
    ] = False,
    home: Home = None,
) -> None:
    """Bring foreign weights into weights/ as a model file that can be evaluated 导入外来权重.

    Tensors are matched by the network's names or by those of published weights that it knows (names.json), wholly or not at
    all; every one is accounted for. What the file says of itself is taken, else what its network usually has, and it is shown. To begin a
    training from foreign weights no import is needed: put the file into weights/.
    """
    installed = settings_of(home)
    workspace = Workspace(installed.home, installed.roots)
    # Loading torch takes seconds; other commands need not wait for it.
    from roadloop.models.importing import import_weights  # noqa: PLC0415

    about = read_about(file)
    table, chosen = _label_map(label_map, find_table(workspace, classes, "classes") if classes else None, about.table)
    given = Given(
        table=table,
        label_map=chosen,
        outputs=outputs,
        mean=_three(mean, "mean") if mean else None,
        std=_three(std, "std") if std else None,
        size=_parse_size(size),
        settings=_object(settings, "settings"),
        by_order=by_order,
        predict_ignored=predict_ignored,
    )
    info = _network(workspace, network, about)
    imported = import_weights(file, info, about, given, (workspace.weights, name))
    if info.folder.parent != TEMPLATES:
        trust.note_at(installed, info.digest, info.name)
    _show(imported)


@app.command("trust")
def trust_source(
    file: Annotated[
        Path | None, typer.Argument(help="A model file (.params, with its .json), or a network.py 模型文件.")
    ] = None,
    yes: Annotated[str, typer.Option(metavar="DIGEST", help="Approve without a question, if this is its sha256.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="List what was trained, imported or approved here.")] = False,
    revoke: Annotated[str, typer.Option(metavar="DIGEST", help="Take an approval back, from the next job on.")] = "",
    home: Home = None,
) -> None:
    """Read the code that a model file carries, and let it run 查看并批准模型文件中的代码.

    Shipped templates, networks in networks/, and what was trained here run without. Any other model's source is printed, with
    its differences from the nearest known network, and runs once you say so; it can then do what the server's user can.
    """
    platform = open_platform(settings_of(home))
    try:
        if listed:
            approve.list_sources(platform)
        elif revoke:
            approve.revoke(platform, revoke)
        elif file is not None:
            approve.ask(platform, file, yes)
        else:
            raise InvalidValueError(
                Text("请给出模型文件，或 --list、--revoke。", "Name a model file, or give --list or --revoke.")
            )
    finally:
        platform.database.close()


def _show(imported: "Imported") -> None:
    """What became of the tensors, what the numbers mean, and the file."""
    lines = imported.report.lines()
    for line in lines[:SHOWN_LINES]:
        say(f"  {line}")
    if (more := len(lines) - SHOWN_LINES) > 0:
        say(
            Text(
                f"  另有 {more} 行；.json 的 training.mapping 记录了每一个。",
                f"  and {more} more; the .json names each under training.mapping.",
            ).pick(language())
        )
    say(imported.report.text().pick(language()))
    if imported.settings:
        text = json.dumps(imported.settings)
        say(Text(f"网络设置：{text}", f"Settings of the network: {text}").pick(language()))
    for said in imported.meaning.lines():
        say(said.pick(language()))
    say(imported.path)


def export(
    params: Annotated[Path, typer.Argument(help="The .params file; its .json stands beside it.")],
    out: Annotated[Path, typer.Option(help="Folder for the exported files.")] = Path(),
    onnx: Annotated[bool, typer.Option("--onnx", help="Write ONNX, checked against torch.")] = False,
    safetensors: Annotated[bool, typer.Option("--safetensors", help="Write safetensors.")] = False,
    size: Annotated[
        str, typer.Option(help="ONNX: WIDTHxHEIGHT in pixels, such as 480x360; default: the training pictures'.")
    ] = "",
    any_size: Annotated[
        bool, typer.Option("--any-size", help="ONNX: free height and width, if two more sizes agree.")
    ] = False,
    check: Annotated[
        str, typer.Option(help="ONNX: compare labels and mIoU on a picture folder, or dataset:NAME/SPLIT.")
    ] = "",
    home: Home = None,
) -> None:
    """Export a model file; without --onnx, --safetensors or --check both are written.

    --check writes ONNX, and safetensors only with --safetensors: the exported file predicts the pictures through ONNX Runtime, beside the trained network; the report is
    written beside the export as .parity.json.
    """
    # Loading torch takes seconds; other commands need not wait for it.
    from roadloop.models import export as exporter  # noqa: PLC0415

    shape = _parse_size(size)
    source = _pictures(check, home) if check else None  # what is not there is said before the work
    settings = settings_of(home)
    if safetensors or not (onnx or check):
        target = out / f"{params.stem}.safetensors"
        exporter.export_safetensors(params, target)
        say(target)
    if onnx or check or not safetensors:
        target = out / f"{params.stem}.onnx"
        report = exporter.export_onnx(params, target, size=shape, any_size=any_size, trust=trust.trust_at(settings))
        say(f"{target}  image {report.shape}  relative difference {report.difference}")
        if report.fixed:
            say(report.fixed.pick(language()))
        if source:
            _check(params, target, source, check, settings)


def _pictures(check: str, home: Path | None) -> PictureSource:
    settings = settings_of(home)
    folder = () if check.startswith(DATASET) else (f"{Path(check).resolve()}:ro",)
    name = str(Path(check).resolve()) if folder else check
    source = open_source(Workspace(settings.home, (*settings.roots, *folder)), name)
    if not source.any():
        raise NotFoundError(
            Text(f"{check} 中没有图片，没有可比较的。", f"{check} has no pictures, so there is nothing to compare."),
            parameter="check",
        )
    return source


def _check(params: Path, target: Path, source: PictureSource, name: str, settings: Settings) -> None:
    """Compare an export with the trained network; the report stands beside it, and as a table here."""
    from roadloop.models.load import load_model  # noqa: PLC0415 - torch
    from roadloop.models.parity import ENDING, compare  # noqa: PLC0415

    model = load_model(params, trust.trust_at(settings))
    found = compare(model, target, source, name, max_pixels=settings.max_picture_mpix * 1_000_000)
    path = target.with_name(f"{target.stem}{ENDING}")
    publish.write_json(path, found.to_json())
    table = Table("", "trained 训练", "exported 导出")
    table.add_row("mIoU", *("-" if m is None else f"{100 * m:.3f}" for m in (found.miou_trained, found.miou_exported)))
    table.add_row("pixels that differ 不同像素", "", f"{found.different} of {found.pixels}")
    table.add_row("share 占比", "", f"{found.share:.3g}")
    table.add_row("pictures 图片", "", f"{found.pictures}")
    terminal().print(table)
    for note in found.notes():
        say(note.pick(language()))
    say(path)


def _parse_size(text: str) -> tuple[int, int] | None:
    """Height and width of WIDTHxHEIGHT."""
    if not text:
        return None
    width, _, height = text.lower().partition("x")
    if not (height.isdigit() and width.isdigit()):
        raise InvalidValueError(
            Text(
                f"--size 应形如 480x360（宽x高），而不是 {text!r}。",
                f"--size looks like 480x360 (width x height), not {text!r}.",
            ),
            parameter="size",
        )
    return int(height), int(width)


def _network(workspace: Workspace, name: str, about: About) -> NetworkInfo:
    """The team's network of that name, else the template; without a name the one that the file was made with."""
    if not name:
        return _made_with(workspace, about)
    own = network_folder(workspace, check_name(name, "network"))
    folder = own if (own / SOURCE).is_file() else template_folder(name)
    return NetworkInfo(name, folder, digest(read_source(folder)))


def _made_with(workspace: Workspace, about: About) -> NetworkInfo:
    own = sorted(workspace.networks.iterdir()) if workspace.networks.is_dir() else []
    shipped = [folder for folder in TEMPLATES.iterdir() if (folder / SOURCE).is_file()]
    for folder in (*(f for f in own if (f / SOURCE).is_file()), *sorted(shipped)):
        found = digest(read_source(folder))
        if found == about.digest or (not about.digest and folder.name == about.network):
            return NetworkInfo(folder.name, folder, found)
    what = about.network or "-"
    raise InvalidValueError(
        Text(
            f"请用 --network 给出它所属的网络；文件自称的网络（{what}）不在 networks/ 与模板之中。",
            f"Say by --network which network it belongs to; what the file calls its own ({what}) is neither in networks/ nor a"
            " template.",
        ),
        parameter="network",
    )


def _label_map(
    text: str, table: ClassTable | None, own: ClassTable | None
) -> tuple[ClassTable | None, LabelMap | None]:
    """The class table and the label map that are given: of a model's `.json` both are taken."""
    if not text:
        return table, None
    values = None
    if text.endswith(".json"):
        path = Path(text)
        if not path.is_file():
            raise NotFoundError(Text(f"找不到映射文件 {text}。", f"There is no label map {text}."), parameter="map")
        values = _object(reading.read_text(path), "map")
        if "format" in values:
            record = of_record(parse_description(json.dumps(values), path))
            return table or record.table, record.label_map
    known = table or own or (shipped() if values is None else None)  # the templates are the shipped table's
    if known is None:
        raise InvalidValueError(
            Text(
                "--map 的编号属于哪个类别表？请用 --classes 给出。",
                "Of which class table are the ids in --map? Give it by --classes.",
            ),
            parameter="classes",
        )
    return known, default_map(known, text) if values is None else parse_map(values, known)


def _object(text: str, parameter: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        value = None
    if not isinstance(value, dict):
        raise InvalidValueError(
            Text(f"--{parameter} 应为 JSON 对象。", f"--{parameter} must be a JSON object."), parameter=parameter
        )
    return value


def _three(text: str, parameter: str) -> tuple[float, float, float]:
    try:
        first, second, third = (float(part) for part in split_numbers(text))
    except ValueError as error:
        raise InvalidValueError(
            Text(f"--{parameter} 应形如 0.5,0.5,0.5。", f"--{parameter} looks like 0.5,0.5,0.5."), parameter=parameter
        ) from error
    least = 0 if parameter == "mean" else 1e-6
    if not all(least <= value <= 1 for value in (first, second, third)):
        raise InvalidValueError(
            Text(
                f"--{parameter} 以 0..1 的 RGB 为单位（std 大于 0）：0..255 的数值请先除以 255。",
                f"--{parameter} is of RGB in 0..1 (std above 0): divide values of 0..255 by 255 first.",
            ),
            parameter=parameter,
        )
    return first, second, third
