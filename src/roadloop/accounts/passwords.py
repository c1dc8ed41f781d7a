"""Passwords: what one must be like, how it is kept, and how often one may try.

argon2id by pwdlib; https://www.rfc-editor.org/rfc/rfc9106. It takes 64 MiB and a tenth of a second each time, so few are computed
at once, and never in the thread that serves everybody.
"""

import secrets
import threading
from collections import OrderedDict
from functools import cache
from ipaddress import IPv6Address, ip_address
from time import monotonic
from typing import Final

from pwdlib import PasswordHash
from pwdlib.hashers.argon2 import Argon2Hasher

from roadloop.errors import InvalidValueError, Text, TooManyAttemptsError

SHORTEST: Final = 10
LONGEST: Final = 200
_HASHER: Final = PasswordHash((Argon2Hasher(),))
_AT_ONCE: Final = threading.BoundedSemaphore(2)

SECONDS: Final = 300.0  #: for which a wrong attempt counts
MOST_HERE: Final = 10  #: wrong attempts at one account from one address
MOST_ANYWHERE: Final = 50  #: wrong attempts at all accounts from one address
_MOST_KEPT: Final = 20_000  # addresses, and pairs of address and account, that are remembered


def check(password: str, name: str) -> str:
    """The password, when it can be one.

    Raises:
        InvalidValueError: It is too short or too long, or the name.
    """
    if not SHORTEST <= len(password) <= LONGEST:
        raise InvalidValueError(
            Text(
                f"密码应有 {SHORTEST} 到 {LONGEST} 个字符；几个词连成的一句话最好记。",
                f"A password has {SHORTEST} to {LONGEST} characters; a sentence of some words is easy to remember.",
            ),
            parameter="password",
        )
    if name.casefold() in password.casefold() and len(password) < len(name) + SHORTEST:
        raise InvalidValueError(
            Text("密码不能就是账号名称，请换一个。", "The password says little more than the name; choose another."),
            parameter="password",
        )
    return password


def hashed(password: str) -> str:
    """What is kept of a password."""
    with _AT_ONCE:
        return _HASHER.hash(password)


def fits(password: str, kept: str) -> bool:
    """Whether it is the one that is kept; takes as long where nothing is kept."""
    with _AT_ONCE:
        right = _HASHER.verify(password[: LONGEST + 1], kept or _nothing())
    return right and bool(kept)


@cache
def _nothing() -> str:
    return _HASHER.hash(secrets.token_urlsafe())


class Attempts:
    """Counts wrong attempts by where they come from, so that nobody can lock somebody else out from elsewhere.

    An address has few wrong attempts at one account, and some more at all of them together; of IPv6 the network counts.
    """

    def __init__(self) -> None:
        self._lock: Final = threading.Lock()
        self._wrong: Final[OrderedDict[tuple[str, ...], list[float]]] = OrderedDict()

    def check(self, address: str, name: str) -> None:
        """Refuse to try.

        Raises:
            TooManyAttemptsError: There were too many wrong attempts; says how long to wait.
        """
        now, place = monotonic(), _network(address)
        with self._lock:
            waits = [
                times[-most] + SECONDS - now
                for key, most in (((place, name.casefold()), MOST_HERE), ((place,), MOST_ANYWHERE))
                if len(times := self._recent(key, now)) >= most
            ]
        if waits:
            minutes = max(1, round(max(waits) / 60 + 0.5))
            raise TooManyAttemptsError(
                Text(
                    f"从这里输错的次数太多，请约 {minutes} 分钟后再试；别处的登录不受影响。",
                    f"Too many wrong attempts from here; wait about {minutes} min. Nobody elsewhere is kept from logging in.",
                )
            )

    def wrong(self, address: str, name: str) -> None:
        """Note a wrong attempt."""
        now, place = monotonic(), _network(address)
        with self._lock:
            for key in ((place, name.casefold()), (place,)):
                self._wrong[key] = [*self._recent(key, now), now]
                self._wrong.move_to_end(key)
            while len(self._wrong) > _MOST_KEPT:
                self._wrong.popitem(last=False)

    def _recent(self, key: tuple[str, ...], now: float) -> list[float]:
        return [at for at in self._wrong.get(key, ()) if now - at < SECONDS]


def _network(address: str) -> str:
    try:
        known = ip_address(address)
    except ValueError:
        return address
    return known.exploded[:19] if isinstance(known, IPv6Address) and known.ipv4_mapped is None else str(known)
