"""The gate: who calls, by session or token, and whether they may. One indexed look at the rows for each request.

As long as nobody has an account everybody who reaches the server may do everything: it listens on this machine only. The rows
are asked about that once a second; once there is an account, there is one for ever.
"""

import hmac
import re
import secrets
import time
from typing import Final

import sqlalchemy as sa

from roadloop.accounts import store
from roadloop.accounts.passwords import Attempts
from roadloop.errors import AccessRefusedError, LogInNeededError, Text
from roadloop.storage.installation import installation
from roadloop.storage.platform import Platform
from roadloop.web.rights import Caller, Right, Visit

_NOBODY_SECONDS: Final = 1.0  # for so long it is believed that nobody has an account
_USED_SECONDS: Final = 60.0  # a token's last use is noted so often
_SECURE: Final = "__Host-"  # browsers take such a cookie over TLS only, and from no other host
_NUMBER: Final = re.compile(r"[0-9]{1,9}")


class Gate:
    """Lets requests in; see `web.rights.Gate`.

    Args:
        platform: The installation.

    Attributes:
        attempts: The wrong passwords of late.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform: Final = platform
        self._cookie = ""
        self._peopled = False
        self._asked = float("-inf")
        self._code: Final = "-".join(secrets.token_hex(2) for _ in range(3))
        self.attempts: Final = Attempts()

    def first_code(self) -> str:
        """The code by which the first account is made on the page; "" where there are accounts."""
        return self._code if self.nobody() else ""

    def is_first_code(self, said: str) -> bool:
        """Whether it is that code."""
        return hmac.compare_digest(said.strip().lower().encode("utf-8", "replace"), self._code.encode())

    def nobody(self) -> bool:
        """Whether nobody has an account."""
        return self._nobody(ask=True)

    def peopled(self) -> None:
        """Somebody has an account now."""
        self._peopled = True

    def at_once(self, visit: Visit, right: Right) -> Caller | None:
        """Who calls, where no row has to be looked at."""
        if self._nobody(ask=False):
            return _anybody(visit)
        if right == "open" and self._peopled and visit.bearer is None and not visit.cookies:
            return Caller(visit=visit)
        return None

    def admit(self, visit: Visit, right: Right) -> Caller:
        """Who calls; see `web.rights.Gate`."""
        if self.nobody():
            return _anybody(visit)
        caller = self._known(visit)
        if caller is None:
            if right == "open":
                return Caller(visit=visit)
            raise _log_in()
        if caller.session and not visit.reads and not visit.ours:
            raise AccessRefusedError(
                Text(
                    "浏览器会话只接受来自本服务页面的写请求；程序请使用令牌（Authorization: Bearer …）。",
                    "A browser's session writes from this server's own pages only; programs use a token"
                    " (Authorization: Bearer ...).",
                )
            )
        if not caller.may(right):
            raise AccessRefusedError(
                Text(
                    f"{caller.name}（{caller.scope or caller.role}）没有这项权限；需要时请找管理员。",
                    f"{caller.name} ({caller.scope or caller.role}) has not the right to do this; ask an admin for it.",
                )
            )
        if right == "package" and visit.package is not None and caller.only_given:
            self._check_given(caller, visit.package)
        return caller

    def cookie_name(self, *, secure: bool) -> str:
        """What this installation's cookie is called: cookies of one host know no ports, and there may be two servers."""
        if not self._cookie:
            with self._platform.database.reading() as db:
                self._cookie = f"roadloop-{str(db.scalar(sa.select(installation.c.id)))[:8]}"
        return f"{_SECURE}{self._cookie}" if secure else self._cookie

    def _nobody(self, *, ask: bool) -> bool:
        if self._peopled:
            return False
        if time.monotonic() - self._asked < _NOBODY_SECONDS:
            return True
        if not ask:
            return False
        with self._platform.database.reading() as db:
            self._peopled = store.any_account(db)
        self._asked = time.monotonic()
        return not self._peopled

    def _session_of(self, visit: Visit) -> str:
        return (visit.cookies or {}).get(self.cookie_name(secure=visit.secure), "") if visit.cookies else ""

    def _known(self, visit: Visit) -> Caller | None:
        """Who calls, where that is known. A token that is named has to be right: the cookie does not help it."""
        cookie, now = self._session_of(visit), time.time()
        secret = visit.bearer if visit.bearer is not None else cookie
        if not secret:
            return None
        hashed = store.hash_of(secret)
        with self._platform.database.reading() as db:
            find = store.session if visit.bearer is None else store.token
            entry = find(db, hashed, now)
        if entry is None or entry.account.disabled:
            return None
        if entry.token and (entry.used_at is None or now - entry.used_at > _USED_SECONDS):
            self._note_use(entry.token, now)
        account = entry.account
        session = "" if entry.token else hashed
        return Caller(account.name, account.role, account.id, entry.scope, session, visit)

    def _note_use(self, token: int, now: float) -> None:
        row = store.tokens.update().where(store.tokens.c.id == token)
        with self._platform.database.transaction(turn=False) as db:
            db.execute(row.values(used_at=now))

    def _check_given(self, caller: Caller, number: str) -> None:
        with self._platform.database.reading() as db:
            if _NUMBER.fullmatch(number) and store.is_given(db, int(number), caller.account):
                return
        raise AccessRefusedError(
            Text(
                f"任务包 {number[:20]} 没有分给 {caller.name}。",
                f"The package {number[:20]} was not given to {caller.name}.",
            )
        )


def _anybody(visit: Visit) -> Caller:
    return Caller(role="admin", visit=visit)


def _log_in() -> LogInNeededError:
    return LogInNeededError(
        Text(
            "请先登录；程序请在请求头中带上令牌：Authorization: Bearer <令牌>。",
            "Log in first; a program sends its token in a header: Authorization: Bearer <token>.",
        )
    )
