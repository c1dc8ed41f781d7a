"""Logging in and out, and the first account: passwords and codes are tried here, each attempt counted and recorded."""

from dataclasses import replace
from typing import Protocol

import sqlalchemy as sa

from roadloop.accounts import service
from roadloop.accounts.passwords import Attempts
from roadloop.accounts.recipe import ChangePassword, FirstAccount, LogIn
from roadloop.accounts.service import Session
from roadloop.accounts.store import Account
from roadloop.errors import AccessRefusedError, LogInNeededError, Text
from roadloop.web.call import Call


class Codes(Protocol):
    """Knows the code of the first account, and the wrong attempts."""

    @property
    def attempts(self) -> Attempts:
        """The wrong attempts of late."""

    def is_first_code(self, said: str) -> bool:
        """Whether it is that code."""


def log_in(call: Call, attempts: Attempts, said: LogIn) -> Session:
    """Begin a session.

    Raises:
        LogInNeededError: Name or password is wrong.
        TooManyAttemptsError: Too many were, from there.
    """
    address = call.caller.visit.address
    account = _tried(call, attempts, said.name, said.password.get_secret_value())
    call.caller = replace(call.caller, name=account.name)

    def write(db: sa.Connection) -> Session:
        call.note_in(db, name=account.name, address=address)
        return begin(call, db, account)

    return call.platform.database.write(lambda: write)


def log_out(call: Call) -> None:
    """End the session that calls."""

    def write(db: sa.Connection) -> None:
        service.end_session(db, call.caller.session)
        call.note_in(db)

    call.platform.database.write(lambda: write)


def change_password(call: Call, attempts: Attempts, said: ChangePassword) -> Session:
    """Change the caller's password, end their sessions, and begin a new one.

    Raises:
        AccessRefusedError: The old one is wrong, or a program asks.
        TooManyAttemptsError: Too many were wrong, from there.
    """
    caller = call.caller
    if not caller.session:
        raise by_browser_only()
    try:
        account = _tried(call, attempts, caller.name, said.old.get_secret_value())
    except LogInNeededError as error:
        raise AccessRefusedError(Text("原密码不对。", "The old password is wrong.")) from error
    change = service.change(caller.name, password=said.password.get_secret_value())

    def write(db: sa.Connection) -> Session:
        change(db)
        call.note_in(db)
        return begin(call, db, account)

    return call.platform.database.write(lambda: write)


def first_account(call: Call, codes: Codes, said: FirstAccount) -> Session:
    """Make the first account, an admin's, and begin its session.

    Raises:
        AccessRefusedError: The code is wrong.
        ConflictError: Somebody has an account.
        TooManyAttemptsError: Too many codes were wrong, from there.
    """
    address = call.caller.visit.address
    codes.attempts.check(address, "")
    if not codes.is_first_code(said.code.get_secret_value()):
        codes.attempts.wrong(address, "")
        raise AccessRefusedError(
            Text(
                "代码不对。它印在启动 roadloop serve 的终端里（“第一个账号”一行），每次启动都不同。",
                'The code is wrong. It stands in the terminal where roadloop serve was started ("first account"), and is'
                " another one at each start.",
            )
        )
    add = service.add(said.name, "admin", said.password.get_secret_value(), first=True)

    def write(db: sa.Connection) -> Session:
        name = add(db)
        call.caller = replace(call.caller, name=name)
        call.note_in(db, role="admin")
        return begin(call, db, service.named(db, name))

    return call.platform.database.write(lambda: write)


def by_browser_only() -> AccessRefusedError:
    """The refusal of what a token may not do, so that one that was stolen makes no others."""
    return AccessRefusedError(
        Text(
            "请在浏览器中登录后操作：令牌不能用来修改密码或生成令牌。",
            "Do this in a browser, logged in: a token changes no password and makes no token.",
        )
    )


def _tried(call: Call, attempts: Attempts, name: str, password: str) -> Account:
    """Who has that name and password; a wrong one is counted and recorded."""
    address = call.caller.visit.address
    attempts.check(address, name)
    try:
        return service.identify(call.platform.database, name, password)
    except LogInNeededError:
        attempts.wrong(address, name)
        known = service.is_known(call.platform.database, name)  # else it may be a password in the wrong field
        refused = replace(call, what="log_in_refused", facts={"name": name if known else "?"})
        refused.note(address=address)
        raise


def begin(call: Call, db: sa.Connection, account: Account) -> Session:
    """Begin a session instead of the one that calls, inside the caller's transaction."""
    days = call.platform.settings.session_days
    return service.begin_session(db, account, days, instead=call.caller.session)
