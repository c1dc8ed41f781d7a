"""`roadloop import`, `export-set` and `health`: bring pictures into a source set, write one elsewhere, examine one."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Final, Literal

import typer
from rich.progress import Progress

from roadloop.console import Home, language, say, settings_of, terminal
from roadloop.errors import ConflictError, Text, many
from roadloop.labels.table import ClassTable
from roadloop.networks.trust import trust_of
from roadloop.sources.bringing import Brought
from roadloop.sources.export_set import export_set
from roadloop.sources.exporters.layouts import EXPORTERS
from roadloop.sources.health.examine import examine, list_samples
from roadloop.sources.health.look import Examiner
from roadloop.sources.health.noise import Judge
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.sources.health.service import choose_against
from roadloop.sources.health.write import write_health
from roadloop.sources.importers.found import Fate
from roadloop.sources.importers.recognise import AUTO, LAYOUTS
from roadloop.sources.recipe import ImportRecipe
from roadloop.sources.service import open_set
from roadloop.sources.terminal import Terminal, foresee_here, import_here
from roadloop.storage import publish
from roadloop.storage.objects import is_object, parse
from roadloop.storage.platform import Platform, opened

LAYOUT_HELP: Final = f"auto, or one of: {', '.join(LAYOUTS)}."


def import_folder(
    folder: Annotated[
        str,
        typer.Argument(help="Folder of labelled pictures, in any layout that is known, or s3://bucket/prefix 目录."),
    ],
    name: Annotated[str, typer.Option(help="Name of the source set; without it, the folder's 源数据名称.")] = "",
    layout: Annotated[str, typer.Option(help=LAYOUT_HELP)] = AUTO,
    roadelement: Annotated[str, typer.Option(help="Class table; without it, the one that comes with the data.")] = "",
    values: Annotated[
        Literal["", "table", "layout"],
        typer.Option(help="What pixels mean where --roadelement and the layout's usual classes differ."),
    ] = "",
    reference: Annotated[
        bool, typer.Option("--reference", help="Leave the pictures where they are: in the workspace or a root.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Write nothing; say what the import would do.")] = False,
    home: Home = None,
) -> None:
    """Bring a folder of labelled pictures into a source set, as /offimport does 导入带标注的图片.

    Every file and every statement about a picture has one outcome; the report names them all. A copy may come from any
    folder that you can read. The same folder again adds what is new.
    """
    place = parse(folder, "folder") if is_object(folder) else Path(folder).absolute()
    request = ImportRecipe(
        src=str(place), dest=name or place.name, roadelement=roadelement, layout=layout,
        values=values, mode="reference" if reference else "copy",
    )  # fmt: skip
    with opened(settings_of(home)) as platform, Progress(console=terminal()) as bar:
        shown = Terminal(bar, f"import {request.dest}")
        if dry_run:
            done, report = foresee_here(platform, request, shown), None
        else:
            done, report = import_here(platform, request, shown)
    _tell(done, shown.warnings, classes=dry_run)
    if report is None:
        say(f"nothing was written; {many(done.taken.pictures, 'picture')} would come in")
    else:
        say(f"{'report':>10}: {report}\n{many(done.taken.pictures, 'picture')} -> source set {request.dest}")


def _tell(done: Brought, warnings: Sequence[Text], *, classes: bool) -> None:
    """The short form of an import's report."""
    said, known = done.facts(), language()
    why = LAYOUTS[said["layout"]].signs.pick(known)
    say(f"{'layout':>10}: {said['layout']} ({why})")
    say(f"{'table':>10}: {said['table']} ({said['table_file'] or '-'})")
    for c in said["classes"] if classes else ():
        target = "-" if c["raw_id"] is None else f"{c['raw_id']} {c['name_zh' if known == 'zh' else 'name_en'] or ''}"
        say(f"{'class':>10}: {c['label']} ({_or_dash(c['value'])}) = {target}")
    for rule in said["rules"]:
        say(f"{'matched':>10}: {rule['pairs']} ({Text(*rule['rule']).pick(known)})")
    for what, counts in (("files", said["counts"]), ("statements", said["statements"])):
        for fate, number in counts.items():
            say(f"{what:>10}: {number} {fate} ({Fate(fate).text.pick(known)})")
    for warning in warnings:
        say(f"{'!':>10}: {warning.pick(known)}")


def _or_dash(value: object) -> str:
    return "-" if value is None else str(value)


def export(
    name: Annotated[str, typer.Argument(help="Name of the source set 源数据名称.")],
    layout: Annotated[str, typer.Option(help=f"One of: {', '.join(EXPORTERS)}.")],
    out: Annotated[Path, typer.Option(help="Folder to be made; it must not be there 新目录.")],
    copy: Annotated[
        bool, typer.Option("--copy", help="Copy the pictures; without it they are hard links where that is possible.")
    ] = False,
    home: Home = None,
) -> None:
    """Write a source set in another layout: pictures byte for byte, labels, class table, split lists 导出源数据.

    Importing the folder again gives the same pixels, classes and splits. The folder appears whole or not at all.
    Hard links share their bytes with the source set: do not change those pictures in place, or say --copy.
    """
    with opened(settings_of(home)) as platform, Progress(console=terminal()) as bar:
        source = open_set(platform.workspace, name, "name")
        task = bar.add_task(f"export {source.name}")
        done = export_set(
            source,
            layout,
            out,
            link=not copy,
            max_pixels=platform.settings.max_picture_mpix * 1_000_000,
            progress=lambda number, total: bar.update(task, completed=number, total=total),
        )
    for problem in done.problems:
        say(f"{problem.file}: {problem.reason.pick(language())}", err=True)
    for note in done.notes:
        say(note.pick(language()))
    left = f", {many(len(done.problems), 'file')} left out" if done.problems else ""
    say(f"{many(done.pictures, 'picture')}{left} -> {out}")


def health(
    name: Annotated[str, typer.Argument(help="Name of the source set.")],
    model: Annotated[Path | None, typer.Option(help="A .params file that looks for label noise.")] = None,
    against: Annotated[str, typer.Option(help="Sets searched for the same pictures: a comma list, or none.")] = "",
    out: Annotated[Path | None, typer.Option(help="Folder for the results (default: ./health-NAME).")] = None,
    home: Home = None,
) -> None:
    """Examine a source set: duplicates, class coverage, leaks across sets, and, with --model, label noise.

    Writes health.json, lists as csv and a plot; nothing in the workspace is changed.
    """
    with opened(settings_of(home)) as platform, Progress(console=terminal()) as bar:
        workspace = platform.workspace
        source = open_set(workspace, name, "name")
        folder = out or Path(f"health-{source.name}")
        if folder.exists():
            raise ConflictError(
                Text(f"{folder} 已存在，请换一个 --out", f"{folder} is there already; choose another --out")
            )
        judge, names = _judge(model, source.table, platform)
        recipe = HealthRecipe(
            name=source.name,
            model="" if model is None else str(model),
            against=choose_against(workspace, source.name, against),
        )
        listed = list_samples(workspace, recipe)
        look = Examiner(
            recipe, listed.table, platform.settings.max_picture_mpix * 1_000_000, judge, stored=listed.stored
        )
        task = bar.add_task(f"health {name}")
        found = examine(recipe, listed, look, lambda done, of: bar.update(task, completed=done, total=of))
    with publish.publishing_folder(folder) as scratch:
        value = write_health(scratch, found, names)
        publish.seal(scratch)
    for what, number in value["totals"].items():
        say(f"{what:>18}: {'-' if number is None else number}")
    say(f"-> {folder}")


def _judge(
    model: Path | None, table: ClassTable, platform: Platform
) -> tuple[Judge | None, dict[int, tuple[str, str]]]:
    """A model file as the judge of labels, on the CPU; torch is loaded only when there is one."""
    if model is None:
        return None, {}
    import torch  # noqa: PLC0415

    from roadloop.sources.health.judge import load_judge  # noqa: PLC0415

    return load_judge(model, table, torch.device("cpu"), trust_of(platform))
