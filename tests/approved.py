"""Let the code of a test's model file run, as `roadloop weights trust` does."""

from pathlib import Path

from roadloop.models.files import load_description
from roadloop.networks import trust
from roadloop.networks.trust import Trust
from roadloop.settings import Settings
from roadloop.storage import installation
from roadloop.storage.platform import Platform, open_platform


def approve(platform: Platform, params: Path) -> None:
    """Approve the code of a model file in an installation."""
    network = load_description(params).network
    with platform.database.transaction() as db:
        trust.approve(db, network.digest, network.name)


def approve_at_home(params: Path) -> Path:
    """The same in the workspace that the file stands in, if it stands in one; the file."""
    home = next((folder for folder in params.parents if (folder / installation.FILE).is_file()), None)
    if home is not None:
        platform = open_platform(Settings(home=home))
        approve(platform, params)
        platform.database.close()
    return params


def trusted(params: Path) -> Trust:
    """That the code of this one file may run."""
    return Trust.of(load_description(params).network.source)
