"""`roadloop selection`."""

from typing import Annotated

import typer
from rich.markup import escape

from roadloop.console import Home, language, settings_of, terminal
from roadloop.errors import InvalidValueError, Text
from roadloop.lists import read_names
from roadloop.selection import service
from roadloop.selection.api import in_language
from roadloop.selection.compare import comparison_table
from roadloop.storage.platform import Platform, opened

console = terminal()


def selection(
    task_id: Annotated[str, typer.Argument(help="The selection's task id, or how it begins.")],
    compare: Annotated[bool, typer.Option("--compare", help="Say whether mining paid.")] = False,
    mined: Annotated[str, typer.Option(help="Trainings with the mined pictures, with commas; one for each seed.")] = "",
    control: Annotated[str, typer.Option(help="Trainings with the control arm instead, with commas.")] = "",
    home: Home = None,
) -> None:
    """Show what a selection took; with --compare, whether mining paid 选图结果与对照.

    For --compare train with the mined pictures and, apart from that, with the control arm, a few seeds each; evaluate
    all of these models on the same labelled pictures.
    """
    with opened(settings_of(home)) as platform:
        task_id = service.full_id(platform, task_id)
        if compare:
            _compare(platform, task_id, read_names(mined), read_names(control))
            return
        if mined or control:
            raise InvalidValueError(
                Text("--mined 与 --control 只能与 --compare 一起使用。", "--mined and --control go with --compare.")
            )
        folder, report = service.finished(platform, task_id)
        console.print(f"[bold]{escape(str(folder))}[/]")
        for name, value in report["summary"].items():
            console.print(f"  {escape(f'{name}: {value}')}")


def _compare(platform: Platform, task_id: str, mined: list[str], control: list[str]) -> None:
    found = in_language(service.compare_arms(platform, task_id, mined, control), language())
    console.print(f"[bold]{escape(found['sentence'])}[/]")
    if found["caution"]:
        console.print(escape(found["caution"]))
    console.print(comparison_table(found))
