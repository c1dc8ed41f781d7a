"""What the commands of all features share: the workspace option, the settings it leads to, the language."""

from pathlib import Path
from typing import Annotated, Any

import typer

from roadloop.errors import Language
from roadloop.settings import Settings, locale_of_messages

Home = Annotated[
    Path | None,
    typer.Option("--home", help="The workspace folder 工作区目录 (default: ./roadloop-home, or ROADLOOP_HOME)."),
]


def settings_of(home: Path | None, **more: Any) -> Settings:
    """The settings of the environment, changed by what the command line says."""
    given = {name: value for name, value in more.items() if value is not None}
    return Settings(**given) if home is None else Settings(home=home.resolve(), **given)


def language() -> Language:
    """Chinese in a Chinese locale, else English."""
    return "zh" if locale_of_messages().lower().startswith("zh") else "en"
