"""Logging in by an OpenID Connect provider: begin, come back, and whose account it is.

Somebody is known by the provider's `issuer` and `subject`, never by a name alone: names change hands. The first time an account
of that name is taken where it has no password, since it was made to be taken so; or one is made where a claim gives a role. Who
has an account with a password connects it while they are logged in.
"""

import hashlib
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, NamedTuple, TypeVar, cast
from urllib.parse import urlsplit

import sqlalchemy as sa

from roadloop.accounts import logins, service, store
from roadloop.accounts.passwords import Attempts
from roadloop.accounts.provider import Person, Provider, Way, role_of
from roadloop.accounts.recipe import BeginSignOn, SignOn
from roadloop.accounts.service import Session
from roadloop.errors import (
    ConflictError,
    InvalidValueError,
    LogInNeededError,
    Text,
)
from roadloop.storage.database import Write
from roadloop.web.call import Call
from roadloop.web.rights import ROLES, Role

T = TypeVar("T")

SECONDS: Final = 600  #: A log-in that was begun ends so much later.


class Begun(NamedTuple):
    """A log-in that was begun.

    Attributes:
        address: Where the browser goes.
        cookie: What it keeps meanwhile; nobody else ever has it.
    """

    address: str
    cookie: str


def begin(call: Call, provider: Provider | None, said: BeginSignOn) -> Begun:
    """Begin a log-in.

    Raises:
        ConflictError: There is no provider.
        InvalidValueError: That is no page of this server.
        BusyError: The provider does not answer.
    """
    cookie = secrets.token_urlsafe(32)
    return Begun(_set_up(provider).address(_way(call, said.page, cookie)), cookie)


def finish(call: Call, provider: Provider | None, attempts: Attempts, said: SignOn, cookie: str) -> Session:
    """Begin a session for who comes back.

    Raises:
        ConflictError: There is no provider.
        LogInNeededError: It was not begun here, the provider did not agree, or nobody has that account.
        TooManyAttemptsError: Too much was wrong, from there.
        BusyError: The provider does not answer.
    """
    provider = _set_up(provider)
    address = call.caller.visit.address

    def begun() -> Session:
        person = _person(call, provider, said, cookie)
        admit = _admitted(provider, person)

        def write(db: sa.Connection) -> Session:
            account, facts = admit(db)
            call.caller = replace(call.caller, name=account.name)
            call.facts = {"name": account.name}
            call.note_in(db, subject=person.subject, address=address, **facts)
            return logins.begin(call, db, account)

        return call.platform.database.write(lambda: write)

    return _counted(call, attempts, begun)


def connect(call: Call, provider: Provider | None, attempts: Attempts, said: SignOn, cookie: str) -> str:
    """Let who is logged in log in by the provider from now on.

    Raises:
        As `finish`; ConflictError: Somebody else here is that person.
    """
    provider, caller = _set_up(provider), call.caller
    if not caller.session:
        raise logins.by_browser_only()

    def connected() -> str:
        person = _person(call, provider, said, cookie)

        def write(db: sa.Connection) -> str:
            known = store.identity(db, provider.issuer, person.subject)
            if known is not None and known.account.id != caller.account:
                raise ConflictError(
                    Text(
                        f"这个人在这里已是账号 {known.account.name}。请管理员先运行 roadloop user unlink {known.account.name}。",
                        f"That person is {known.account.name} here already. Let an admin run roadloop user unlink"
                        f" {known.account.name} first.",
                    )
                )
            store.identify(db, provider.issuer, person.subject, caller.account, by_claim=False)
            call.facts = {}
            call.note_in(db, subject=person.subject)
            return caller.name

        return call.platform.database.write(lambda: write)

    return _counted(call, attempts, connected)


def unlink(name: str) -> Write[str]:
    """Forget who somebody is at the provider; answers the account's name."""

    def write(db: sa.Connection) -> str:
        account = service.named(db, name)
        store.forget_identity(db, account.id)
        store.end_sessions(db, account.id)
        return account.name

    return write


def _counted(call: Call, attempts: Attempts, work: Callable[[], T]) -> T:
    """Do it; what is wrong is counted and recorded."""
    address = call.caller.visit.address
    attempts.check(address, "")
    try:
        return work()
    except LogInNeededError as error:
        attempts.wrong(address, "")
        refused = replace(call, what="log_in_refused", facts={"why": error.text.en})
        refused.note(address=address)
        raise


def _person(call: Call, provider: Provider, said: SignOn, cookie: str) -> Person:
    """Who comes back, when it is the browser that was sent out."""
    way = _way(call, said.page, cookie)
    if not cookie or not secrets.compare_digest(said.state.encode("utf-8", "replace"), way.state.encode()):
        raise LogInNeededError(
            Text(
                "这次登录不是在这个浏览器里开始的，或已超过 10 分钟；请回到登录页重新开始。",
                "This log-in was not begun in this browser, or more than 10 minutes ago; begin again on the log-in page.",
            )
        )
    if said.error:
        raise provider.refused(said.error, said.error_description)
    if said.iss and said.iss != provider.issuer:
        raise provider.refused("wrong_issuer", said.iss)
    return provider.person(way, said.code.get_secret_value())


def _admitted(provider: Provider, person: Person) -> Write[tuple[store.Account, dict[str, Any]]]:
    """Whose account it is; makes one where a claim gives a role."""
    settings = provider.settings
    name, role = _name(provider, person), _role(provider, person)

    def write(db: sa.Connection) -> tuple[store.Account, dict[str, Any]]:
        if not store.any_account(db):
            raise ConflictError(
                Text(
                    "还没有账号：第一个管理员请用 roadloop user add 创建，然后才能用提供方登录。",
                    "Nobody has an account yet: make the first admin's with roadloop user add; then people log in by the"
                    " provider.",
                )
            )
        known = store.identity(db, settings.oidc_issuer, person.subject)
        facts: dict[str, Any] = {}
        if known is None:
            account, facts = _new(db, provider, name, role)
            store.identify(db, settings.oidc_issuer, person.subject, account.id, by_claim=bool(facts))
        else:
            account = known.account
            if known.by_claim and account.role != "admin":
                if role is None:
                    raise _without_role(provider, account.name)
                if role != account.role:
                    facts = {"role": role}
                    service.change(account.name, role=role)(db)
                    account = account._replace(role=role)
        if account.disabled:
            raise LogInNeededError(
                Text(
                    f"账号 {account.name} 已停用；请找管理员。",
                    f"The account {account.name} is disabled; ask an admin.",
                )
            )
        return account, facts

    return write


def _new(db: sa.Connection, provider: Provider, name: str, role: Role | None) -> tuple[store.Account, dict[str, Any]]:
    """The account of somebody who comes for the first time."""
    row = store.find(db, name)
    if row is None:
        if role is None:
            raise _without_role(provider, name)
        service.add(name, role, None)(db)
        return service.named(db, name), {"role": role}
    if row.password:
        raise LogInNeededError(
            Text(
                f"{row.name} 在这里有密码：请先用密码登录，再在“账号”页里关联统一登录。",
                f"{row.name} has a password here: log in with it, then connect the company's log-in on the page Accounts.",
            )
        )
    if store.has_identity(db, row.id):
        raise LogInNeededError(
            Text(
                f"账号 {row.name} 属于提供方的另一个人。若确是同一人，请管理员运行 roadloop user unlink {row.name}。",
                f"The account {row.name} is another person's of that provider. If it is the same one, let an admin run"
                f" roadloop user unlink {row.name}.",
            )
        )
    return service.named(db, name), {}


def _name(provider: Provider, person: Person) -> str:
    claim = provider.settings.oidc_name_claim
    name = person.claims.get(claim)
    if not isinstance(name, str) or not name or (claim == "email" and person.claims.get("email_verified") is not True):
        more = ("，或邮箱未经验证", ", or the address is not verified") if claim == "email" else ("", "")
        raise LogInNeededError(
            Text(
                f"提供方没有给出 {claim}{more[0]}，无法知道账号名称。请管理员核对设置 oidc_name_claim 与 oidc_scopes。",
                f"The provider says no {claim}{more[1]}, so the account is not known. Let an admin check the settings"
                " oidc_name_claim and oidc_scopes.",
            )
        )
    return name


def _role(provider: Provider, person: Person) -> Role | None:
    """The highest role that the claim gives; None: none."""
    said = person.claims.get(provider.settings.oidc_role_claim) if provider.settings.oidc_role_claim else None
    values = {str(one) for one in said} if isinstance(said, list) else {str(said)} if said is not None else set()
    given = {role for value, role in map(role_of, provider.settings.oidc_roles) if value in values}
    # Viewer and annotator see different things; who is both looks.
    found = [role for role in ("engineer", "viewer", "annotator") if role in given and role in ROLES]
    return cast("Role", found[0]) if found else None


def _way(call: Call, page: str, cookie: str) -> Way:
    """What is derived from the cookie, so that nothing has to be kept here; and the page, which must be ours."""
    place, visit = urlsplit(page), call.caller.visit
    scheme = "https" if visit.secure else "http"
    if (place.scheme, place.netloc.lower()) != (scheme, visit.host) or place.query or place.fragment:
        raise InvalidValueError(
            Text(
                f"{page[:100]} 不是本服务的页面（{scheme}://{visit.host}/…）。经反向代理访问时，代理须原样传递 Host，并设置"
                " X-Forwarded-Proto。",
                f"{page[:100]} is no page of this server ({scheme}://{visit.host}/...). A reverse proxy has to pass Host on as it"
                " is, and to set X-Forwarded-Proto.",
            ),
            parameter="page",
        )
    return Way(page, *(_derived(what, cookie) for what in ("state", "nonce", "verifier")))


def _derived(what: str, cookie: str) -> str:
    return urlsafe_b64encode(hashlib.sha256(f"{what}:{cookie}".encode()).digest()).rstrip(b"=").decode()


def _set_up(provider: Provider | None) -> Provider:
    if provider is None:
        raise ConflictError(
            Text(
                "这里没有设置统一登录；请用密码登录，或请管理员设置 ROADLOOP_OIDC_ISSUER。",
                "No provider is set up here: log in with a password, or let an admin set ROADLOOP_OIDC_ISSUER.",
            )
        )
    return provider


def _without_role(provider: Provider, name: str) -> LogInNeededError:
    claim = provider.settings.oidc_role_claim
    more = Text(
        f"，{claim} 中也没有可以进入的值（设置 oidc_roles）" if claim else "",
        f", and nothing in {claim} lets you in (setting oidc_roles)" if claim else "",
    )
    return LogInNeededError(
        Text(
            f"提供方认识你（{name[:80]}），但这里没有可用的账号{more.zh}。请管理员添加一个没有密码的账号：roadloop user add {name[:80]}"
            " --no-password。",
            f"The provider knows you as {name[:80]}, but there is no account here for you{more.en}. Let an admin add one without"
            f" a password: roadloop user add {name[:80]} --no-password.",
        )
    )
