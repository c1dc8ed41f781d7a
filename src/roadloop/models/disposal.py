"""Model files as things that can be deleted."""

import sqlalchemy as sa

from roadloop.jobs.trash import Thing
from roadloop.models.files import PARAMS, description_path
from roadloop.models.service import WEIGHTS, models_folder
from roadloop.storage.paths import Workspace


def find(_db: sa.Connection, workspace: Workspace, name: str) -> Thing | None:
    """The pair of files that `<task>/<file>.params`, or `weights/<file>.params`, means."""
    source, _, file = name.rpartition("/")
    if not source or not file.endswith(PARAMS):
        return None
    folder = workspace.weights if source == WEIGHTS else models_folder(workspace, source)
    path = workspace.entry(folder, file, "name")
    if not path.is_file():
        return None
    key = file if source == WEIGHTS else name
    return Thing(kind="model", name=name, key=key, title=name, places=(path, description_path(path)))
