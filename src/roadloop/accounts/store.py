"""Rows of accounts, sessions, tokens and given packages. No decisions here.

Of a session and of a token only the sha256 stands here: both are 32 random bytes, which nobody finds by trying. Passwords are
few and short, so what stands here of them is argon2's.
"""

import hashlib
import time
from collections.abc import Sequence
from typing import Any, Final, NamedTuple, cast

import sqlalchemy as sa

from roadloop.storage.database import metadata
from roadloop.web.rights import Role

accounts: Final = sa.Table(
    "accounts",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column(
        "folded", sa.Text, nullable=False, unique=True
    ),  # the name without capitals: nobody is somebody else's twin
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("password", sa.Text, nullable=False),  # argon2's text; "": no log-in with a password
    sa.Column("disabled", sa.Boolean, nullable=False, default=False),
    sa.Column("created_at", sa.Float, nullable=False, default=time.time),
    sa.Column("seen_at", sa.Float),  # last log-in
    sa.CheckConstraint("role IN ('viewer', 'annotator', 'engineer', 'admin')", name="role_known"),
    sqlite_autoincrement=True,
)

sessions: Final = sa.Table(
    "sessions",
    metadata,
    sa.Column("hash", sa.String(64), primary_key=True),  # sha256 of the cookie
    sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("created_at", sa.Float, nullable=False, default=time.time),
    sa.Column("expires_at", sa.Float, nullable=False, index=True),
)

tokens: Final = sa.Table(
    "tokens",
    metadata,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("name", sa.Text, nullable=False),  # of the program
    sa.Column("scope", sa.String(20), nullable=False),  # the role that it is limited to
    sa.Column("hash", sa.String(64), nullable=False, unique=True),  # sha256 of the token
    sa.Column("created_at", sa.Float, nullable=False, default=time.time),
    sa.Column("expires_at", sa.Float, nullable=False),
    sa.Column("used_at", sa.Float),
    sa.Column("revoked", sa.Boolean, nullable=False, default=False),
    sa.CheckConstraint("scope IN ('viewer', 'annotator', 'engineer', 'admin')", name="scope_known"),
    sqlite_autoincrement=True,
)

given: Final = sa.Table(
    "given_packages",
    metadata,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),  # of the package
    sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False, index=True),
    sa.Column("given_at", sa.Float, nullable=False, default=time.time),
)


identities: Final = sa.Table(
    "identities",
    metadata,
    sa.Column("issuer", sa.Text, primary_key=True),  # an OpenID Connect provider
    sa.Column("subject", sa.Text, primary_key=True),  # whom it calls so, for ever
    sa.Column("account", sa.Integer, sa.ForeignKey("accounts.id"), nullable=False, unique=True),
    sa.Column("by_claim", sa.Boolean, nullable=False),  # the provider's claim has made the account, and says its role
    sa.Column("created_at", sa.Float, nullable=False, default=time.time),
)


class Account(NamedTuple):
    """Who somebody is, as the row stood when it was read."""

    id: int
    name: str
    role: Role
    disabled: bool


class Identity(NamedTuple):
    """Whose account it is that a provider's person has, and whether the provider's claim has made it."""

    account: Account
    by_claim: bool


class Entry(NamedTuple):
    """What lets a request in: a session of a browser, or a token.

    Attributes:
        account: Whose it is.
        scope: A token's; None for a session.
        token: Its row; 0 for a session.
        used_at: When the token was used last.
    """

    account: Account
    scope: Role | None = None
    token: int = 0
    used_at: float | None = None


_WHO: Final = (accounts.c.id, accounts.c.name, accounts.c.role, accounts.c.disabled)


def hash_of(secret: str) -> str:
    """What stands in the rows of a session or a token."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def any_account(db: sa.Connection) -> bool:
    """Whether somebody has an account, disabled or not."""
    return db.scalar(sa.select(accounts.c.id).limit(1)) is not None


def find(db: sa.Connection, name: str) -> sa.Row[Any] | None:
    """The row of an account, by its name in whatever capitals."""
    return db.execute(sa.select(accounts).where(accounts.c.folded == fold(name))).first()


def fold(name: str) -> str:
    """A name without capitals."""
    return name.casefold()


def all_accounts(db: sa.Connection) -> list[sa.Row[Any]]:
    """Every account, in the order in which they were made."""
    return list(db.execute(sa.select(accounts).order_by(accounts.c.id)))


def other_admins(db: sa.Connection, account: int) -> int:
    """How many admins can log in, besides one."""
    a = accounts.c
    query = sa.select(sa.func.count()).where(a.role == "admin", ~a.disabled, a.id != account)
    return db.scalar(query) or 0


def session(db: sa.Connection, hashed: str, now: float) -> Entry | None:
    """Who has a session that has not ended."""
    s = sessions.c
    query = sa.select(*_WHO).join(sessions, s.account == accounts.c.id).where(s.hash == hashed, s.expires_at > now)
    row = db.execute(query).first()
    return None if row is None else Entry(_account(row))


def token(db: sa.Connection, hashed: str, now: float) -> Entry | None:
    """Whose a token is that is valid still."""
    t = tokens.c
    query = sa.select(*_WHO, t.scope, t.id.label("token"), t.used_at).join(tokens, t.account == accounts.c.id)
    row = db.execute(query.where(t.hash == hashed, t.expires_at > now, ~t.revoked)).first()
    return None if row is None else Entry(_account(row), cast("Role", row.scope), row.token, row.used_at)


def identity(db: sa.Connection, issuer: str, subject: str) -> Identity | None:
    """The account of a provider's person."""
    i = identities.c
    query = sa.select(*_WHO, i.by_claim).join(identities, i.account == accounts.c.id)
    row = db.execute(query.where(i.issuer == issuer, i.subject == subject)).first()
    return None if row is None else Identity(_account(row), row.by_claim)


def has_identity(db: sa.Connection, account: int) -> bool:
    """Whether an account is a provider's person's."""
    return db.scalar(sa.select(identities.c.account).where(identities.c.account == account)) is not None


def identify(db: sa.Connection, issuer: str, subject: str, account: int, *, by_claim: bool) -> None:
    """Say whose account it is; whoever had it before at a provider has it no more."""
    forget_identity(db, account)
    db.execute(identities.delete().where(identities.c.issuer == issuer, identities.c.subject == subject))
    row = {"issuer": issuer, "subject": subject, "account": account, "by_claim": by_claim}
    db.execute(identities.insert().values(**row))


def forget_identity(db: sa.Connection, account: int) -> None:
    """No provider's person has the account any more."""
    db.execute(identities.delete().where(identities.c.account == account))


def end_sessions(db: sa.Connection, account: int, *, but: str = "") -> None:
    """End the sessions of an account, all but one."""
    db.execute(sessions.delete().where(sessions.c.account == account, sessions.c.hash != but))


def tokens_of(db: sa.Connection, account: int | None) -> list[sa.Row[Any]]:
    """The tokens of an account, or of all, the newest first."""
    query = sa.select(tokens, accounts.c.name.label("owner")).join(accounts, accounts.c.id == tokens.c.account)
    query = query if account is None else query.where(tokens.c.account == account)
    return list(db.execute(query.order_by(tokens.c.id.desc())))


def is_given(db: sa.Connection, number: int, account: int) -> bool:
    """Whether a package was given to somebody."""
    return db.scalar(sa.select(given.c.account).where(given.c.number == number)) == account


def holders(db: sa.Connection, numbers: Sequence[int] | None = None) -> dict[int, str]:
    """To whom packages were given: number -> name."""
    query = sa.select(given.c.number, accounts.c.name).join(accounts, accounts.c.id == given.c.account)
    query = query if numbers is None else query.where(given.c.number.in_(numbers))
    return {row.number: row.name for row in db.execute(query)}


def given_times(db: sa.Connection) -> dict[int, float]:
    """When packages were given to whom they are given now: number -> Unix seconds."""
    return {row.number: row.given_at for row in db.execute(sa.select(given.c.number, given.c.given_at))}


def _account(row: Any) -> Account:
    return Account(row.id, row.name, row.role, row.disabled)
