"""What an operator is shown before a model's code may run: its source, and how it differs from the nearest known one."""

import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from difflib import SequenceMatcher, unified_diff
from pathlib import Path
from typing import Final

import typer

from roadloop.console import language, on_one_line, say, visible
from roadloop.errors import InvalidValueError, RoadloopError, Text, UntrustedCodeError
from roadloop.models.files import PARAMS, NetworkPart, load_description
from roadloop.models.service import model_files
from roadloop.networks import trust
from roadloop.networks.folder import SOURCE, digest, list_templates, read_source, template_folder
from roadloop.storage.platform import Platform

ALIKE: Final = 0.4  #: share of equal lines from which a difference tells more than it hides


def carried(path: Path) -> NetworkPart:
    """The code of a model file, or of a `network.py` such as a training task keeps in `conf/`; nothing of it is run.

    Args:
        path: A `.params` with its `.json` beside it, that `.json`, or a file named `network.py`.

    Raises:
        NotFoundError: It, or the other half of the pair, is missing.
        BrokenFileError: The `.json` is not valid.
        InvalidValueError: It is of another kind.
    """
    if path.name == SOURCE:
        source = read_source(path.parent)
        return NetworkPart(name=path.parent.name, digest=digest(source), settings={}, source=source)
    if path.suffix not in (PARAMS, ".json"):
        raise InvalidValueError(
            Text(
                f"{path.name} 不是模型文件（.params 与同名 .json），不带代码；.pth 与 .safetensors 只有张量，无需批准。",
                f"{path.name} is no model file (.params with its .json) and carries no code; .pth and .safetensors are tensors"
                " alone and need no approval.",
            ),
            parameter="file",
        )
    return load_description(path.with_suffix(PARAMS)).network


def templates() -> dict[str, str]:
    """Name -> source of the shipped templates."""
    return {name: read_source(template_folder(name)) for name in list_templates()}


def nearest(source: str, known: Mapping[str, str]) -> str | None:
    """The name of the known source that has most lines in common; None where none is much alike."""
    lines = source.splitlines()
    shares = {
        name: SequenceMatcher(None, text.splitlines(), lines, autojunk=False).ratio() for name, text in known.items()
    }
    best = max(shares, key=lambda name: shares[name], default=None)
    return best if best is not None and shares[best] >= ALIKE else None


def shown(source: str) -> list[str]:
    """Its lines as Python reads them, for a terminal: what would not be seen, or would move the cursor, is escaped.

    A carriage return alone ends a line of Python, too, so that it stands at the end of one here.
    """
    return [visible(line) for line in _lines(source)]


def differences(before: str, after: str, name: str) -> Iterator[str]:
    """A unified difference from the known source of that name, for a terminal."""
    return unified_diff(shown(before), shown(after), on_one_line(name), "-", lineterm="")


def ask(platform: Platform, file: Path, yes: str) -> None:
    """Print the code that a file carries, and approve it if an operator says so.

    Args:
        platform: The installation.
        file: As `carried` takes it.
        yes: The sha256 to be approved without a question, or "".

    Raises:
        InvalidValueError: `yes` is the sha256 of something else.
        Exit: It was not approved.
    """
    code = carried(file)
    with platform.database.reading() as db:
        known = trust.why(db, platform, code.digest)
    if known is not None:
        _say(
            f"{on_one_line(file.name)} 的代码可以运行：{known.zh}。",
            f"The code of {on_one_line(file.name)} may run: {known.en}.",
        )
        _say_place(platform, file)
        return
    networks = platform.workspace.networks
    own = {f"networks/{name}": read_source(networks / name) for name in trust.own(platform).values()}
    sources = own | templates()
    for line in shown(code.source):
        say(line)
    near = nearest(code.source, sources)
    if near is None:
        _say("── 与任何已知的网络都不相近。", "── It is like no network that is known here.")
    else:
        _say(f"── 与最相近的 {near} 的差异：", f"── Its differences from the nearest known network, {near}:")
        for line in differences(sources[near], code.source, near):
            say(line)
    name = on_one_line(code.name)[:100]
    _say(f"── 网络 {name}，sha256 {code.digest}", f"── Network {name}, sha256 {code.digest}")
    if yes and yes.lower() != code.digest:
        raise InvalidValueError(
            Text("--yes 给出的 sha256 与此不同；没有批准。", "--yes gives another sha256; nothing was approved."),
            parameter="yes",
        )
    question = Text("允许它以服务器的用户身份运行吗？", "May it run, as the server's user?")
    if not yes and not typer.confirm(question.pick(language())):
        _say("没有批准。", "It was not approved.")
        raise typer.Exit(1)
    with platform.database.transaction() as db:
        trust.approve(db, code.digest, name)
    _say("已批准，从下一个任务起生效。", "Approved, from the next job on.")
    _say_place(platform, file)


def list_sources(platform: Platform) -> None:
    """Print what was trained, imported or approved, what was revoked, and which files in weights/ carry other code."""
    origins = {
        "trained": Text("在此训练", "trained here"),
        "imported": Text("导入权重", "weights imported"),
        "approved": Text("已批准", "approved by"),
    }
    with platform.database.reading() as db:
        rows = trust.listed(db)
    for row in rows:
        origin = origins[row.origin].pick(language())
        line = f"{row.digest}  {_time(row.since)}  {origin} {row.approved_by}  {on_one_line(row.name)}"
        if row.revoked_at is not None:
            word = Text("已撤回", "revoked by").pick(language())
            line += f"  ({word} {row.revoked_by}, {_time(row.revoked_at)})"
        say(line)
    waiting = _waiting(platform)
    word = Text("未批准", "not approved").pick(language())
    for found, name in waiting:
        say(f"{found}  weights/{on_one_line(name)}  {word}")
    if not rows and not waiting:
        _say(
            "还没有；内置模板与 networks/ 中的网络无需批准。", "None so far; templates and networks/ need no approval."
        )


def _waiting(platform: Platform) -> list[tuple[str, str]]:
    """Digest and file of the models in weights/ whose code may not run."""
    may_run, found = trust.trust_of(platform).digests, []
    for path in model_files(platform.workspace.weights):
        with suppress(RoadloopError):  # a broken file cannot run either
            code = load_description(path).network.digest
            found += [] if code in may_run else [(code, path.name)]
    return found


def revoke(platform: Platform, beginning: str) -> None:
    """Take an approval back, and say whether the code runs nevertheless."""
    with platform.database.transaction() as db:
        row = trust.revoke(db, beginning)
    with platform.database.reading() as db:
        still = trust.why(db, platform, row.digest)
    _say(f"已撤回 {row.digest}，从下一个任务起生效。", f"Revoked {row.digest}, from the next job on.")
    if still is not None:
        _say(f"它仍可运行，因为{still.zh}。", f"It still runs, because {still.en}.")


def _say_place(platform: Platform, file: Path) -> None:
    """Say so where a file lies from which nothing runs, approved or not."""
    try:
        trust.trust_of(platform).require_place(file)
    except UntrustedCodeError as error:
        say(error.text.pick(language()))


def _time(seconds: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def _say(zh: str, en: str) -> None:
    say(Text(zh, en).pick(language()))


def _lines(source: str) -> Iterator[str]:
    for line in source.replace("\r\n", "\n").removesuffix("\n").split("\n"):
        parts = line.split("\r")
        yield from (f"{part}\r" for part in parts[:-1])
        yield parts[-1]
