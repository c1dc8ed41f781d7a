"""The folders of a workspace, said once: what they are called, who fills them, and what follows from that."""

from pathlib import Path
from typing import Final, Literal, Self, overload

Filled = Literal["jobs", "people", "both"]


class Folder:
    """A folder that every workspace may have; asked of a workspace, it is a path.

    Args:
        name: What it is called in the home.
        filled: Who puts things there. Among what jobs put there every manifest is roadloop's, among what people put there
            it may be anybody's.
        begun: Made together with the workspace; others are made when something comes into them.
        inbox: Pictures and annotations come in here, so code in it never runs.
    """

    def __init__(self, name: str, filled: Filled, *, begun: bool = True, inbox: bool = False) -> None:
        self.name: Final = name
        self.filled: Final = filled
        self.begun: Final = begun
        self.inbox: Final = inbox

    @overload
    def __get__(self, workspace: None, owner: type) -> Self: ...

    @overload
    def __get__(self, workspace: "Folders", owner: type) -> Path: ...

    def __get__(self, workspace: "Folders | None", owner: type) -> Self | Path:
        """The path in a workspace; of the class, the folder itself."""
        return self if workspace is None else workspace.home / self.name


class Folders:
    """What a home holds.

    Args:
        home: The workspace's folder, without symbolic links.
    """

    sources = Folder("sources", "both", inbox=True)
    datasets = Folder("datasets", "jobs")
    networks = Folder("networks", "people")
    tasks = Folder("tasks", "jobs")
    evaluations = Folder("evaluations", "jobs")
    weights = Folder("weights", "people")
    models = Folder("models", "jobs")
    imports = Folder("imports", "people", inbox=True)
    uploads = Folder("uploads", "people", begun=False, inbox=True)
    tracks = Folder("tracks", "people", inbox=True)
    selections = Folder("selections", "jobs")
    sweeps = Folder("sweeps", "jobs")
    logs = Folder("logs", "jobs")
    images = Folder("images", "people", begun=False, inbox=True)
    packages = Folder("packages", "jobs", begun=False, inbox=True)
    released = Folder("released", "people", begun=False, inbox=True)
    health = Folder("health", "jobs", begun=False)
    indexes = Folder("indexes", "jobs", begun=False)
    previews = Folder("previews", "jobs", begun=False)
    class_tables = Folder("class-tables", "people", begun=False)
    trash = Folder("trash", "people", begun=False, inbox=True)
    backups = Folder("backups", "people", begun=False, inbox=True)
    engines = Folder("engines", "jobs", begun=False)
    quarantine = Folder("quarantine", "people", begun=False)

    def __init__(self, home: Path) -> None:
        self.home: Final = home


FOLDERS: Final = tuple(folder for folder in vars(Folders).values() if isinstance(folder, Folder))
