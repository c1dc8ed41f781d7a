"""Which networks' code may run here. No torch here.

A model file carries the source of its network, and running that is running a program. So a source runs only when its
sha256 is that of a shipped template (of this version or an earlier one), of a finished network in `networks/`, of a
training of this installation, or of one that an operator has read and approved; and nothing runs that lies where
others put files. `load.load_source`, the one place where a source becomes code, asks.
"""

import os
import pwd
import shlex
import time
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

import sqlalchemy as sa

from roadloop.errors import NotFoundError, RoadloopError, Text, UntrustedCodeError, many
from roadloop.networks import service, store
from roadloop.networks.folder import digest, network_folder, read_source
from roadloop.settings import Settings
from roadloop.storage import reading
from roadloop.storage.folders import FOLDERS
from roadloop.storage.platform import Platform, opened

#: A line for each version of each template that was ever shipped: sha256 of its `network.py`, name.
VERSIONS: Final = Path(__file__).parent / "shipped.txt"

Origin = Literal["trained", "imported", "approved"]


@dataclass(frozen=True)
class Trust:
    """Which sources may run.

    Attributes:
        digests: Their sha256, as `folder.digest` takes it.
        inboxes: Nothing below these folders runs, whatever its digest.
        home: The workspace, for messages.
    """

    digests: frozenset[str]
    inboxes: tuple[Path, ...] = ()
    home: Path | None = None

    @classmethod
    def of(cls, source: str) -> "Trust":
        """Only this one: for code that may run because of where it stands, such as a folder of `networks/`."""
        return cls(frozenset((digest(source),)))

    def require(self, source: str, file: Path | str) -> None:
        """Refuse a source that may not run.

        Args:
            source: Text of a `network.py`: exactly what is going to run.
            file: The file that carries it; a text where it is no file.

        Raises:
            UntrustedCodeError: Nobody has approved it, or the file lies in an inbox; says what to do.
        """
        if isinstance(file, Path):
            self.require_place(file)
        found = digest(source)
        if found in self.digests:
            return
        command = f"roadloop weights trust {shlex.quote(str(file))}"
        command += f" --home {shlex.quote(str(self.home))}" if self.home else ""
        name = file.name if isinstance(file, Path) else file
        raise UntrustedCodeError(
            Text(
                f"{name} 带有 Python 代码（其网络的源码，sha256 {found}），它既不是内置模板或 networks/ 中的网络，也不来自本处的训练，"
                f"且没有人批准过。没有运行其中的任何代码。请管理员查看源码后决定是否批准：{command}",
                f"{name} carries Python code (its network's source, sha256 {found}) that is neither a shipped template's, nor"
                " that of a network in networks/ or of a training here, and that nobody has approved. Nothing of it was"
                f" run. An operator can read and approve it: {command}",
            ),
            file=str(file),
            digest=found,
        )

    def require_place(self, file: Path) -> None:
        """Refuse a file that lies in an inbox, by itself or behind a link.

        Raises:
            UntrustedCodeError: It does; says where it belongs.
        """
        real = file.resolve()
        inbox = next((folder for folder in self.inboxes if real.is_relative_to(folder)), None)
        if inbox is not None:
            raise UntrustedCodeError(
                Text(
                    f"{file.name} 在 {inbox} 中：那里是收图片与标注的地方，其中的模型一律不运行，也没有运行任何代码。"
                    "请管理员确认来源后，把 .params 与 .json 一起移到工作区的 weights/，再使用那里的文件。",
                    f"{file.name} lies in {inbox}, where pictures and annotations come in: no model in it is run, and nothing of"
                    " this one was. Once an operator knows where it is from, move the .params and its .json to weights/ in"
                    " the workspace, and use it there.",
                ),
                file=str(file),
            )


def shipped() -> dict[str, str]:
    """sha256 -> name of every template's source, of this version and of earlier ones."""
    lines = (line.split() for line in reading.read_text(VERSIONS).splitlines())
    return {line[0]: line[1] for line in lines}


#: What may run everywhere.
SHIPPED: Final = Trust(frozenset(shipped()))


def trust_of(platform: Platform) -> Trust:
    """What may run in an installation, as it stands now: ask anew for every job."""
    table = store.trusted_sources
    with platform.database.reading() as db:
        rows = frozenset(db.scalars(sa.select(table.c.digest).where(table.c.revoked_at.is_(None))))
    home = platform.workspace.home
    inboxes = (*(home / f.name for f in FOLDERS if f.inbox), home / platform.settings.annotation_inbox)
    return Trust(SHIPPED.digests | own(platform).keys() | rows, tuple(f.resolve() for f in inboxes), home)


def trust_at(settings: Settings) -> Trust:
    """The same for a command that also works without an installation, where nobody names one: then only templates run.

    Raises:
        NotFoundError: A workspace was named, and is none.
        ConflictError: The installation's database has another schema.
    """
    try:
        with opened(settings) as platform:
            return trust_of(platform)
    except NotFoundError:
        if "home" in settings.model_fields_set:
            raise
        return SHIPPED


def own(platform: Platform) -> dict[str, str]:
    """sha256 -> name of the finished networks in `networks/`, as their files stand now."""
    found = {}
    for name in service.list_networks(platform):
        with suppress(RoadloopError):  # gone, or no text: it cannot run anyway
            found[digest(read_source(network_folder(platform.workspace, name)))] = name
    return found


def why(db: sa.Connection, platform: Platform, found: str) -> Text | None:
    """Why a source may run; None when it may not."""
    if name := shipped().get(found):
        return Text(f"它是内置模板 {name} 的源码", f"it is the source of the shipped template {name}")
    if name := own(platform).get(found):
        return Text(f"它是网络 networks/{name} 的源码", f"it is the source of the network networks/{name}")
    row = store.find_source(db, found)
    if row is None or row.revoked_at is not None:
        return None
    origins = {
        "trained": Text("本处用它训练过", "it was trained here"),
        "imported": Text("本处导入权重时用过它", "weights were imported for it here"),
        "approved": Text(f"{row.approved_by} 批准过", f"{row.approved_by} approved it"),
    }
    return origins[row.origin]


def note(db: sa.Connection, found: str, name: str, origin: Origin) -> None:
    """Remember a source of `networks/` that models are made with, so that they run when the network is edited later.

    What an operator has revoked stays revoked.
    """
    store.add_source(db, found, name=name, origin=origin, since=time.time(), approved_by="")


def approve(db: sa.Connection, found: str, name: str) -> None:
    """Let a source run."""
    values: dict[str, Any] = {"name": name, "origin": "approved", "since": time.time(), "approved_by": _account()}
    if not store.add_source(db, found, **values):
        store.change_source(db, found, **values, revoked_at=None, revoked_by=None)


def revoke(db: sa.Connection, beginning: str) -> sa.Row[Any]:
    """Take back what `approve`, a training or an import has let run; counts from the next job on.

    Args:
        db: The transaction.
        beginning: The digest, or as much of it as names one source.

    Raises:
        NotFoundError: No such source, or several.
    """
    rows = [row for row in listed(db) if row.revoked_at is None and row.digest.startswith(beginning.lower())]
    if len(rows) != 1 or not beginning:
        raise NotFoundError(
            Text(
                f"以 {beginning[:64]!r} 开头的已批准源码有 {len(rows)} 个，应恰有一个；roadloop weights trust --list 会列出它们。",
                f"{many(len(rows), 'approved source')} begin with {beginning[:64]!r}, one is needed; roadloop weights trust --list"
                " shows them.",
            )
        )
    store.change_source(db, rows[0].digest, revoked_at=time.time(), revoked_by=_account())
    return rows[0]


def listed(db: sa.Connection) -> list[sa.Row[Any]]:
    """The rows of every source that was ever brought in, newest first."""
    table = store.trusted_sources
    return list(db.execute(sa.select(table).order_by(table.c.since.desc(), table.c.digest)))


def _account() -> str:
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:  # a container's number without a name
        return f"uid {os.getuid()}"
