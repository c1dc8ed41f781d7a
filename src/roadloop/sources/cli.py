"""`roadloop import`: bring pictures of other tools' layouts into a source set."""

from pathlib import Path
from typing import Annotated

import typer
from rich.progress import track

from roadloop.settings import Settings
from roadloop.sources.importers import camvid as camvid_layout
from roadloop.sources.writer import writing_set
from roadloop.storage.paths import Workspace

app = typer.Typer(help="Bring labelled pictures into a source set.", no_args_is_help=True)


@app.callback()
def group() -> None:
    """Bring labelled pictures of other layouts into a source set."""


@app.command()
def camvid(
    folder: Annotated[Path, typer.Argument(help="Folder with train/, trainannot/, val/, valannot/ ...")],
    name: Annotated[str, typer.Option(help="Name of the new source set.")] = "camvid",
    home: Annotated[
        Path | None, typer.Option(help="The workspace folder (default: ./roadloop-home, or ROADLOOP_HOME).")
    ] = None,
) -> None:
    """Import CamVid (SegNet tutorial layout): pictures, labels, class table and the official split lists.

    Afterwards build a dataset of it with /create_data; l_value=0 uses the official split.
    """
    found = camvid_layout.find(folder)
    settings = Settings() if home is None else Settings(home=home)
    with writing_set(Workspace(settings.home), name, camvid_layout.TABLE) as writer:
        for sample in track(camvid_layout.read(found), total=len(found), description=f"import {name}"):
            writer.add(sample)
    typer.echo(f"{len(found)} pictures -> source set {name}")
