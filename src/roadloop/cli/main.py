"""`roadloop`: the command line. Every command is named here; each feature's commands live in its `cli.py`."""

import sys
from typing import Annotated, NoReturn

import typer
from rich.markup import escape

from roadloop import __version__
from roadloop.accounts import cli as accounts
from roadloop.cli import backup as backups
from roadloop.cli import fsck as check
from roadloop.cli import operate
from roadloop.console import language, terminal
from roadloop.demo import cli as demo
from roadloop.errors import RoadloopError, missing_package
from roadloop.evaluation import cli as evaluation
from roadloop.models import cli as models
from roadloop.networks import cli as networks
from roadloop.notices import cli as notices
from roadloop.selection import cli as selection
from roadloop.sources import cli as sources
from roadloop.sweeps import cli as sweeps
from roadloop.training import cli as training

app = typer.Typer(
    name="roadloop",
    no_args_is_help=True,
    rich_markup_mode="markdown",
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="""The loop of road-scene segmentation in one tool 道路场景分割的数据闭环:
    import → datasets → networks → train → evaluate → release.

    Start with **roadloop demo**, then **roadloop serve** and open the page it names.""",
)

app.command("serve")(operate.serve)
app.command("backup")(backups.backup)
app.command("demo")(demo.demo)
app.command("status")(operate.status)
app.command("export")(evaluation.export)
app.command("export-set")(sources.export)
app.command("fsck")(check.fsck)
app.command("health")(sources.health)
app.command("import")(sources.import_folder)
app.command("migrate")(operate.migrate)
app.command("notices")(notices.notices)
app.command("rehearse")(operate.rehearse)
app.command("restore")(backups.restore)
app.command("selection")(selection.selection)
app.command("sweep")(sweeps.sweep)
app.command("tidy")(operate.tidy)
app.add_typer(accounts.user, name="user")
app.add_typer(accounts.token, name="token")
app.add_typer(accounts.audit, name="audit")
app.add_typer(training.app, name="train")
app.add_typer(models.app, name="weights")
app.add_typer(networks.app, name="networks")


def _version(value: bool) -> None:
    if value:
        print(f"roadloop {__version__}")  # noqa: T201 - the answer
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version and leave.")
    ] = False,
) -> None:
    """What every command takes."""


def _leave(error: RoadloopError) -> NoReturn:
    terminal(stderr=True).print(f"[bold red]✗[/] {escape(error.text.pick(language()))}")
    sys.exit(1)


def main(commands: typer.Typer = app) -> None:
    """Run a command line: our errors become one clear sentence and exit code 1."""
    try:
        commands()
    except RoadloopError as error:
        _leave(error)
    except ImportError as error:
        missing = missing_package(error)
        if missing is None:
            raise
        _leave(missing)
    except KeyboardInterrupt:
        sys.exit(130)
