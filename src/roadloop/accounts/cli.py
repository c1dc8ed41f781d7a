"""`roadloop user`, `roadloop token`, `roadloop audit`: people, programs and the record, without a server."""

import getpass
import re
import sys
import time
from collections.abc import Mapping
from typing import Annotated, Any, Final

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from roadloop.accounts import service, sign_on
from roadloop.audit import record
from roadloop.console import Home, language, on_one_line, say, settings_of, terminal
from roadloop.errors import InvalidValueError, Text, many
from roadloop.storage import installation
from roadloop.storage.database import Write
from roadloop.storage.platform import Platform, opened
from roadloop.storage.sheets import Sheet
from roadloop.web.rights import Role

console = terminal()
user = typer.Typer(no_args_is_help=True, help="Who may log in, and what they may do 账号.")
token = typer.Typer(no_args_is_help=True, help="Tokens for programs 程序用的令牌.")
audit = typer.Typer(no_args_is_help=True, help="The record of who did what 操作记录.")

Name = Annotated[str, typer.Argument(help="Name of the account 账号名称.")]
RoleOption = Annotated[Role, typer.Option(help="What they may do 角色.")]
Stdin = Annotated[bool, typer.Option("--stdin", help="Read the password from standard input 从标准输入读取密码.")]

_COLUMNS: Final = ("name 名称", "role 角色", "state 状态", "last log-in 最近登录")
_TOKENS: Final = ("id", "name 名称", "owner 所属", "scope 范围", "until 到期", "last use 最近使用")
_BEGUN: Final = Text("新建了工作区：{}", "A new workspace: {}")
_DONE: Final = Text("完成：{}。", "Done: {}.")


@user.command("add")
def add_user(
    name: Name,
    role: RoleOption = "engineer",
    stdin: Stdin = False,
    no_password: Annotated[
        bool, typer.Option("--no-password", help="They log in by the provider only 只用统一登录.")
    ] = False,
    home: Home = None,
) -> None:
    """Make an account 添加账号. The first one should be an admin's, and begins a workspace in an empty folder 首个应为管理员账号，可在空文件夹里新建工作区."""
    settings = settings_of(home)
    # For others `serve` listens only once there is an account, so in a container this is the first command of all.
    begins = role == "admin" and installation.is_bare(settings.home)
    with opened(settings, upgrade=begins) as platform:
        if begins:
            say(_BEGUN.pick(language()).format(platform.workspace.home))
        password = None if no_password else _password(name, stdin=stdin)
        _do(platform, "add_account", {"name": name, "role": role}, service.add(name, role, password))


@user.command("list")
def list_users(home: Home = None) -> None:
    """List the accounts 列出账号."""
    with opened(settings_of(home)) as platform, platform.database.reading() as db:
        rows = service.people(db)
    table = _table(_COLUMNS)
    for row in rows:
        state = Text("停用", "disabled") if row["disabled"] else Text("可登录", "can log in")
        table.add_row(*_cells(row["name"], row["role"], state.pick(language()), _day(row["seen_at"])))
    console.print(table)


@user.command("passwd")
def set_password(name: Name, stdin: Stdin = False, home: Home = None) -> None:
    """Set a new password, which ends the sessions of the account 修改密码，已有的登录随即失效."""
    with opened(settings_of(home)) as platform:
        password = _password(name, stdin=stdin)
        _do(platform, "change_account", {"name": name, "password": "***"}, service.change(name, password=password))


@user.command("disable")
def disable_user(
    name: Name,
    undo: Annotated[bool, typer.Option("--undo", help="Enable it again 重新启用.")] = False,
    home: Home = None,
) -> None:
    """Let an account do nothing any more; what it did stays its own 停用账号，其记录保留."""
    with opened(settings_of(home)) as platform:
        facts = {"name": name, "disabled": not undo}
        _do(platform, "change_account", facts, service.change(name, disabled=not undo))


@user.command("role")
def set_role(
    name: Name, role: Annotated[Role, typer.Argument(help="What they may do 角色.")], home: Home = None
) -> None:
    """Let an account do more, or less 修改角色."""
    with opened(settings_of(home)) as platform:
        change = service.change(name, role=role)
        _do(platform, "change_account", {"name": name, "role": role}, change)


@user.command("unlink")
def unlink_user(name: Name, home: Home = None) -> None:
    """Forget who somebody is at the OpenID Connect provider, and end their sessions 解除统一登录的关联."""
    with opened(settings_of(home)) as platform:
        _do(platform, "unlink_sign_on", {"name": name}, sign_on.unlink(name))


@token.command("add")
def add_token(
    name: Annotated[str, typer.Argument(help="What the program is called 程序名称.")],
    owner: Annotated[str, typer.Option("--user", help="Whose program it is 所属账号.")],
    scope: RoleOption = "viewer",
    days: Annotated[int, typer.Option(min=1, max=3650, help="It ends after so many days 有效天数.")] = 90,
    home: Home = None,
) -> None:
    """Make a token for a program, and show it this once 生成令牌，只显示这一次."""
    with opened(settings_of(home)) as platform, platform.database.transaction() as db:
        made = service.add_token(db, owner, name, scope, days)
        _note(db, "add_token", {"name": name, "owner": owner, "scope": scope, "days": days})
    console.print(made, soft_wrap=True, highlight=False)


@token.command("list")
def list_tokens(home: Home = None) -> None:
    """List the tokens, without themselves 列出令牌."""
    with opened(settings_of(home)) as platform, platform.database.reading() as db:
        rows = service.programs(db, None)
    table = _table(_TOKENS)
    for row in rows:
        until = Text("已撤销", "revoked").pick(language()) if row["revoked"] else _day(row["expires_at"])
        table.add_row(*_cells(str(row["id"]), row["name"], row["owner"], row["scope"], until, _day(row["used_at"])))
    console.print(table)


@token.command("revoke")
def revoke_token(number: Annotated[int, typer.Argument(help="Its id 编号.")], home: Home = None) -> None:
    """End a token 撤销令牌."""
    with opened(settings_of(home)) as platform:
        _do(platform, "revoke_token", {"token": number}, lambda db: service.revoke(db, number))


@audit.command("verify")
def verify_audit(
    head: Annotated[
        str, typer.Option(help="A line noted earlier, NUMBER:HASH; it must be there still 此前记下的一行.")
    ] = "",
    home: Home = None,
) -> None:
    """Compute every hash of the record anew, and show the last line's 校验操作记录.

    Keep what it prints outside of this machine: with `--head` it shows later that nothing before was changed, and nothing
    cut off.
    """
    known = _head(head) if head else None
    with opened(settings_of(home)) as platform, platform.database.reading() as db:
        found = record.verify(db, known)
    text = Text(f"{found.seq} 行，校验链完整。", f"{many(found.seq, 'line')}, the chain of hashes is whole.")
    console.print(f"{text.pick(language())}\n{found.seq}:{found.hash}", soft_wrap=True, highlight=False)


@audit.command("export")
def export_audit(home: Home = None) -> None:
    """Write the whole record as a table (CSV) to standard output 导出操作记录."""
    with opened(settings_of(home)) as platform, platform.database.reading() as db:
        Sheet(sys.stdout).add_all(record.cells(db))


def _do(platform: Platform, what: str, facts: Mapping[str, Any], write: Write[str]) -> None:
    with platform.database.transaction() as db:
        name = write(db)
        _note(db, what, facts)
    say(_DONE.pick(language()).format(name))


def _note(db: Any, what: str, facts: Mapping[str, Any]) -> None:
    record.add(db, "", what, {**facts, "command_line": getpass.getuser()})


def _password(name: str, *, stdin: bool) -> str:
    if stdin:
        return sys.stdin.readline().rstrip("\r\n")
    if not sys.stdin.isatty():
        raise InvalidValueError(
            Text(
                "这里不是终端，无法询问密码；请用 --stdin 从标准输入给出。",
                "This is no terminal to ask for the password; give it on standard input, with --stdin.",
            )
        )
    question = Text(f"{name} 的密码", f"Password of {name}").pick(language())
    return str(typer.prompt(question, hide_input=True, confirmation_prompt=True))


def _head(text: str) -> record.Head:
    found = re.fullmatch(r"([0-9]{1,12}):([0-9a-f]{64})", text.strip())
    if found is None:
        raise InvalidValueError(
            Text("--head 应为 verify 打印的“行号:校验值”。", "--head is the NUMBER:HASH that verify has printed."),
            parameter="head",
        )
    return record.Head(int(found[1]), found[2])


def _table(columns: tuple[str, ...]) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _cells(*values: str) -> list[str]:
    return [escape(on_one_line(value)) for value in values]


def _day(at: float | None) -> str:
    return "-" if at is None else time.strftime("%Y-%m-%d %H:%M", time.localtime(at))
