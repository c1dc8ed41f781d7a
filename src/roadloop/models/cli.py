"""`roadloop weights`: foreign files as model files, and whether their code may run."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from roadloop.console import Home, language, parse_size, say, settings_of
from roadloop.errors import InvalidValueError, NotFoundError, Text
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
from roadloop.storage import reading
from roadloop.storage.paths import Workspace, check_name
from roadloop.storage.platform import opened

if TYPE_CHECKING:
    from roadloop.models.importing import Imported

SHOWN_LINES: Final = 40  #: of the mapping; the .json keeps every name

app = typer.Typer(help="Foreign weights as model files 导入外来权重.", no_args_is_help=True)
app.callback()(lambda: None)


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
    with opened(settings_of(home)) as platform:
        # Loading torch takes seconds; other commands need not wait for it.
        from roadloop.models.importing import import_weights  # noqa: PLC0415

        workspace, about = platform.workspace, read_about(file)
        known = find_table(workspace, classes, "classes") if classes else None
        table, chosen = _label_map(label_map, known, about.table)
        given = Given(
            table=table,
            label_map=chosen,
            outputs=outputs,
            mean=_three(mean, "mean") if mean else None,
            std=_three(std, "std") if std else None,
            size=parse_size(size) if size else None,
            settings=_object(settings, "settings"),
            by_order=by_order,
            predict_ignored=predict_ignored,
        )
        info = _network(workspace, network, about)
        imported = import_weights(file, info, about, given, (workspace.weights, name))
        if info.folder.parent != TEMPLATES:
            with platform.database.transaction() as db:
                trust.note(db, info.digest, info.name, "imported")
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
    with opened(settings_of(home)) as platform:
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
