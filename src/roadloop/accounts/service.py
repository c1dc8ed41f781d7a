"""What can be done with accounts: make and change them, log in and out, give tokens, and give packages to people."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

import sqlalchemy as sa

from roadloop.accounts import passwords, store
from roadloop.accounts.store import accounts, given, sessions, tokens
from roadloop.errors import ConflictError, InvalidValueError, LogInNeededError, NameTakenError, NotFoundError, Text
from roadloop.storage.database import Database, Write, insert_new
from roadloop.storage.paths import check_name
from roadloop.web.rights import HOLDERS, Role

TOKEN: Final = "roadloop_"  # noqa: S105 - how every token begins, so that scanners of files know one
_DAY: Final = 86400.0
_MOST_NAME: Final = 64

any_account = store.any_account
holders = store.holders
given_times = store.given_times


class Session(NamedTuple):
    """A session that was begun.

    Attributes:
        name: Of the account.
        cookie: What the browser keeps; it stands nowhere else.
        seconds: It ends after so many.
    """

    name: str
    cookie: str
    seconds: int


def add(name: str, role: Role, password: str | None, *, first: bool = False) -> Write[str]:
    """Check a new account. Takes a tenth of a second.

    Args:
        name: Of the account.
        role: What they may do.
        password: Theirs; None: they log in by the provider only, and the first of that name there has the account.
        first: Refuse where somebody has an account already.

    Returns:
        Writes its row; answers its name.

    Raises:
        InvalidNameError: Nobody can be called that.
        InvalidValueError: The password is too short or too long.
    """
    name = check_name(name, "name")[:_MOST_NAME].strip()
    kept = "" if password is None else passwords.hashed(passwords.check(password, name))

    def write(db: sa.Connection) -> str:
        if first and store.any_account(db):
            raise ConflictError(
                Text(
                    "已经有账号了；请登录，由管理员添加账号。",
                    "There are accounts already; log in, and let an admin add more.",
                )
            )
        if role != "admin" and not store.any_account(db):
            raise ConflictError(
                Text(
                    "第一个账号必须是管理员（--role admin），否则没有人能管理其他账号。",
                    "The first account must be an admin's (--role admin), or nobody could manage the others.",
                )
            )
        values = {"name": name, "folded": store.fold(name), "role": role, "password": kept, "disabled": False}
        if not insert_new(db, accounts, values):
            raise NameTakenError(
                Text(
                    f"已有名为 {name} 的账号（不分大小写）。",
                    f"Somebody is called {name} already, in whatever capitals.",
                ),
                parameter="name",
            )
        return name

    return write


def change(
    name: str, *, role: Role | None = None, disabled: bool | None = None, password: str | None = None
) -> Write[str]:
    """Check what is to be different about an account. A new password, or being disabled, ends its sessions.

    Returns:
        Writes it; answers the name.

    Raises:
        NotFoundError: Nobody is called that.
        ConflictError: Nobody could rule any more.
        InvalidValueError: The password is too short or too long.
    """
    kept = None if password is None else passwords.hashed(passwords.check(password, name))

    def write(db: sa.Connection) -> str:
        row = _find(db, name)
        less = disabled or (role not in {None, "admin"})
        if less and row.role == "admin" and not row.disabled and not store.other_admins(db, row.id):
            raise ConflictError(
                Text(
                    f"{row.name} 是唯一的管理员，不能停用或降级；请先添加另一个管理员。",
                    f"{row.name} is the only admin and cannot be disabled or demoted; make another admin first.",
                )
            )
        wanted = {"role": role, "disabled": disabled, "password": kept}
        values = {key: value for key, value in wanted.items() if value is not None}
        if values:
            db.execute(accounts.update().where(accounts.c.id == row.id).values(**values))
        if kept is not None or disabled:
            store.end_sessions(db, row.id)
        return str(row.name)

    return write


def identify(database: Database, name: str, password: str) -> store.Account:
    """Who has that name and password; takes as long where nobody has.

    Raises:
        LogInNeededError: Nobody has, or they are disabled.
    """
    with database.reading() as db:
        row = store.find(db, name)
    right = passwords.fits(password, "" if row is None else row.password)
    if row is None or not right or row.disabled:
        raise LogInNeededError(
            Text("账号或密码不对，或账号已停用。", "Name or password is wrong, or the account is disabled.")
        )
    return store.Account(row.id, row.name, row.role, row.disabled)


def is_known(database: Database, name: str) -> bool:
    """Whether somebody is called that."""
    with database.reading() as db:
        return store.find(db, name) is not None


def named(db: sa.Connection, name: str) -> store.Account:
    """The account of that name.

    Raises:
        NotFoundError: There is none.
    """
    row = _find(db, name)
    return store.Account(row.id, row.name, row.role, row.disabled)


def begin_session(db: sa.Connection, account: store.Account, days: float, *, instead: str = "") -> Session:
    """Begin a session; another one of the same browser ends, and so do those whose time is over.

    Args:
        db: The transaction.
        account: Whose.
        days: It ends after so many.
        instead: The session that the browser had, as it stands in the rows.
    """
    now, cookie = time.time(), secrets.token_urlsafe(32)
    db.execute(sessions.delete().where((sessions.c.expires_at <= now) | (sessions.c.hash == instead)))
    values = {"hash": store.hash_of(cookie), "account": account.id, "created_at": now, "expires_at": now + days * _DAY}
    db.execute(sessions.insert().values(**values))
    db.execute(accounts.update().where(accounts.c.id == account.id).values(seen_at=now))
    return Session(account.name, cookie, round(days * _DAY))


def end_session(db: sa.Connection, session: str) -> None:
    """End a session, named as it stands in the rows."""
    db.execute(sessions.delete().where(sessions.c.hash == session))


def add_token(db: sa.Connection, owner: str, name: str, scope: Role, days: int) -> str:
    """Make a token for a program of somebody's.

    Returns:
        The token; it stands nowhere, and is seen this once.

    Raises:
        NotFoundError: Nobody is called that.
        InvalidValueError: Its owner has fewer rights than the scope.
    """
    row, name = _find(db, owner), check_name(name, "name")
    lacking = [right for right, roles in HOLDERS.items() if scope in roles and row.role not in roles]
    if lacking:
        raise InvalidValueError(
            Text(
                f"{row.name} 的角色是 {row.role}，不能给出范围为 {scope} 的令牌。",
                f"{row.name} is {row.role} and cannot give a token the rights of {scope}.",
            ),
            parameter="scope",
        )
    token, now = TOKEN + secrets.token_urlsafe(32), time.time()
    values = {"account": row.id, "name": name, "scope": scope, "hash": store.hash_of(token), "created_at": now}
    db.execute(tokens.insert().values(**values, expires_at=now + days * _DAY, revoked=False))
    return token


def revoke(db: sa.Connection, token: int, owner: int | None = None) -> str:
    """End a token; answers its name.

    Args:
        db: The transaction.
        token: Its number.
        owner: Whose it must be; None: anybody's.

    Raises:
        NotFoundError: There is none.
    """
    mine = sa.true() if owner is None else tokens.c.account == owner
    name = db.scalar(sa.select(tokens.c.name).where(tokens.c.id == token, mine))
    if name is None:
        raise NotFoundError(Text(f"没有编号为 {token} 的令牌。", f"There is no token number {token}."))
    db.execute(tokens.update().where(tokens.c.id == token).values(revoked=True))
    return str(name)


def give(db: sa.Connection, number: int, person: str) -> str:
    """Give a package to somebody, who then sees it; "" takes it back.

    Raises:
        NotFoundError: Nobody is called that.
    """
    account = _find(db, person) if person else None
    db.execute(given.delete().where(given.c.number == number))
    if account is None:
        return ""
    db.execute(given.insert().values(number=number, account=account.id, given_at=time.time()))
    return str(account.name)


def given_to(db: sa.Connection, account: int) -> frozenset[int]:
    """The numbers of the packages that were given to somebody."""
    return frozenset(db.scalars(sa.select(given.c.number).where(given.c.account == account)))


def people(db: sa.Connection) -> Sequence[Mapping[str, Any]]:
    """Every account: what others may know of it."""
    return [
        {
            "name": row.name,
            "role": row.role,
            "disabled": row.disabled,
            "created_at": row.created_at,
            "seen_at": row.seen_at,
        }
        for row in store.all_accounts(db)
    ]


def programs(db: sa.Connection, account: int | None) -> Sequence[Mapping[str, Any]]:
    """The tokens of somebody, or of all: everything but the tokens."""
    fields = ("id", "name", "owner", "scope", "created_at", "expires_at", "used_at", "revoked")
    return [{name: getattr(row, name) for name in fields} for row in store.tokens_of(db, account)]


def _find(db: sa.Connection, name: str) -> sa.Row[Any]:
    row = store.find(db, name)
    if row is None:
        raise NotFoundError(Text(f"没有名为 {name[:80]!r} 的账号。", f"Nobody is called {name[:80]!r}."))
    return row
