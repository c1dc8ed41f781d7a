"""Routes of accounts: log-in and log-out, people, tokens, and the record of what was done."""

import io
from collections.abc import Iterator, Mapping
from typing import Any, Final

import sqlalchemy as sa
from fastapi import APIRouter
from pydantic import BaseModel, Field
from starlette.responses import JSONResponse, Response, StreamingResponse

from roadloop.accounts import logins, service, sign_on
from roadloop.accounts.gate import Gate
from roadloop.accounts.provider import Provider
from roadloop.accounts.recipe import (
    BeginSignOn,
    ChangeAccount,
    ChangePassword,
    FirstAccount,
    ListTokens,
    LogIn,
    NewAccount,
    NewToken,
    OneToken,
    ReadAudit,
    SignOn,
)
from roadloop.accounts.service import Session
from roadloop.audit import record
from roadloop.errors import (
    AccessRefusedError,
    BrokenDatabaseError,
    ConflictError,
    InvalidNameError,
    InvalidValueError,
    Language,
    LogInNeededError,
    NameTakenError,
    NotFoundError,
    Text,
    TooManyAttemptsError,
)
from roadloop.jobs.history import format_time
from roadloop.parameters import NoParameters
from roadloop.storage.platform import Platform
from roadloop.storage.sheets import Sheet
from roadloop.web.call import Call
from roadloop.web.endpoint import RIGHT_OF, SUMMARIES, Answer, Endpoints, Success
from roadloop.web.reference import in_chinese
from roadloop.web.rights import RIGHTS

_PIECE: Final = 64 * 1024  # characters of a table that are sent at once
_WORDS: Final[Mapping[str, Text]] = {
    "log_in_refused": Text("登录被拒绝", "A log-in was refused"),
    "serve": Text("启动服务", "The server was started"),
    "unlink_sign_on": Text("解除统一登录的关联", "An account and the provider's person were parted"),
}
_TIMES: Final = ("created_at", "seen_at", "expires_at", "used_at")


class Me(BaseModel):
    """Who calls."""

    accounts: bool = Field(
        description="Whether somebody has an account: without one everybody on this machine may all."
    )
    name: str | None = Field(description="Of the account; null when nobody is logged in.")
    role: str | None = Field(description="viewer, annotator, engineer or admin; null when nobody is logged in.")
    rights: list[str] = Field(description="What they may: open, self, package, see, work, rule.")
    refused: list[str] = Field(description="The calls that do something and are not for them: method and path.")
    token: bool = Field(description="Whether a program calls, by a token.")
    sign_on: str | None = Field(
        description="What the provider is called by which people log in; null: by password only."
    )


class MeReply(Success):
    """Who calls."""

    data: Me


class PersonRow(BaseModel):
    """An account."""

    name: str
    role: str
    disabled: bool
    created_at: str | None
    seen_at: str | None = Field(description="Last log-in.")


class People(Success):
    """The accounts, in the order in which they were made."""

    data: list[PersonRow]


class TokenRow(BaseModel):
    """A token, without itself."""

    id: int
    name: str
    owner: str
    scope: str
    created_at: str | None
    expires_at: str | None
    used_at: str | None = Field(description="Last use, to the minute.")
    revoked: bool


class Tokens(Success):
    """Tokens, the newest first."""

    data: list[TokenRow]


class AuditRow(BaseModel):
    """A line of the record."""

    seq: int
    at: str | None
    who: str = Field(description="Name of the account; empty: this machine, where nobody had an account.")
    what: str = Field(description="Name of the endpoint or of the command.")
    text: str = Field(description="The same in words.")
    facts: dict[str, Any] = Field(description="What was said and made.")
    hash: str = Field(description="sha256 over this line and the hash before it.")


class AuditLines(Success):
    """Lines of the record, the newest first."""

    data: list[AuditRow]


_DONE: Final[Mapping[str, Any]] = {"data": "li"}
_HEAD: Final[Mapping[str, Any]] = {"data": {"lines": 1, "hash": "0" * 64}}


def routes(platform: Platform, gate: Gate | None = None) -> APIRouter:
    """All routes of this feature.

    Args:
        platform: The installation.
        gate: The one that the application carries; None: its own.
    """
    router, gate = Endpoints(platform, tag="accounts"), gate or Gate(platform)
    provider = Provider(platform.settings) if platform.settings.oidc_issuer else None
    _sessions(router, gate, provider)
    _sign_on(router, gate, provider)
    _people(router, gate, provider)
    _tokens(router)
    _audit(router)
    return router.api


def _sessions(router: Endpoints, gate: Gate, provider: Provider | None) -> None:
    wrong = (LogInNeededError, TooManyAttemptsError)

    @router.get("/v1/me", NoParameters, "open", reply=MeReply)
    def me(call: Call, _: NoParameters) -> Answer:
        """Who calls, and what they may do."""
        caller = call.caller
        known = {"name": caller.name or None, "role": caller.role, "token": caller.scope is not None}
        known["sign_on"] = None if provider is None else provider.title
        rights = [right for right in RIGHTS if caller.may(right)]
        calls = ((f"{method} {path}", right) for (method, path), right in RIGHT_OF.items() if method != "GET")
        refused = [name for name, right in calls if not caller.may(right)]
        return {"data": {"accounts": not gate.nobody(), "rights": rights, "refused": refused, **known}}

    @router.post("/v1/log_in", LogIn, "open", reply=_DONE, errors=wrong)
    def log_in(call: Call, p: LogIn) -> Answer:
        """Begin a session of a browser, in a cookie that pages cannot read."""
        return _begun(call, gate, logins.log_in(call, gate.attempts, p))

    @router.post("/v1/log_out", NoParameters, "self", reply=_DONE)
    def log_out(call: Call, _: NoParameters) -> Answer:
        """End the session."""
        logins.log_out(call)
        return _begun(call, gate, Session(call.caller.name, "", 0))

    @router.post("/v1/me/password", ChangePassword, "self", reply=_DONE, errors=wrong)
    def change_password(call: Call, p: ChangePassword) -> Answer:
        """Change one's own password. All sessions end; this browser gets a new one."""
        return _begun(call, gate, logins.change_password(call, gate.attempts, p))

    @router.post(
        "/v1/accounts/first",
        FirstAccount,
        "open",
        reply=_DONE,
        errors=(ConflictError, InvalidNameError, TooManyAttemptsError),
    )
    def first_account(call: Call, p: FirstAccount) -> Answer:
        """Make the first account, an admin's, with the code that `roadloop serve` has printed. From then on all log in."""
        session = logins.first_account(call, gate, p)
        gate.peopled()
        return _begun(call, gate, session)


def _sign_on(router: Endpoints, gate: Gate, provider: Provider | None) -> None:
    wrong = (ConflictError, LogInNeededError, TooManyAttemptsError)

    def begun_with(call: Call) -> str:
        return (call.caller.visit.cookies or {}).get(_begun_name(call, gate), "")

    @router.post("/v1/sign_on/begin", BeginSignOn, "open", reply={"data": "https://..."}, errors=(ConflictError,))
    def begin_sign_on(call: Call, p: BeginSignOn) -> Answer:
        """Begin a log-in by the OpenID Connect provider: the answer says where the browser goes for it."""
        begun = sign_on.begin(call, provider, p)
        response = JSONResponse({"errno": 1, "data": begun.address}, headers={"cache-control": "no-store"})
        _set_cookie(response, call, _begun_name(call, gate), begun.cookie, sign_on.SECONDS)
        return response

    @router.post("/v1/sign_on", SignOn, "open", reply=_DONE, errors=wrong)
    def log_in_by_provider(call: Call, p: SignOn) -> Answer:
        """Begin a session of a browser that comes back from the OpenID Connect provider."""
        response = _begun(call, gate, sign_on.finish(call, provider, gate.attempts, p, begun_with(call)))
        _set_cookie(response, call, _begun_name(call, gate), "", 0)
        return response

    @router.post("/v1/me/sign_on", SignOn, "self", reply=_DONE, errors=wrong)
    def connect_sign_on(call: Call, p: SignOn) -> Answer:
        """Let the person who comes back from the OpenID Connect provider log in by it as this account."""
        name = sign_on.connect(call, provider, gate.attempts, p, begun_with(call))
        response = JSONResponse({"errno": 1, "data": name})
        _set_cookie(response, call, _begun_name(call, gate), "", 0)
        return response


def _people(router: Endpoints, gate: Gate, provider: Provider | None) -> None:
    platform = router.platform

    @router.get("/v1/accounts", NoParameters, "work", reply=People)
    def accounts(_call: Call, _: NoParameters) -> Answer:
        """The people who have an account."""
        with platform.database.reading() as db:
            return {"data": [_shown(row) for row in service.people(db)]}

    @router.post(
        "/v1/accounts", NewAccount, "rule", reply=_DONE, errors=(ConflictError, NameTakenError, InvalidNameError)
    )
    def add_account(call: Call, p: NewAccount) -> Answer:
        """Add an account. Who is the first with one is made by /v1/accounts/first."""
        if gate.nobody():
            raise ConflictError(
                Text(
                    "还没有账号：第一个账号请用 /v1/accounts/first 或 roadloop user add 创建。",
                    "Nobody has an account yet: make the first one by /v1/accounts/first or roadloop user add.",
                )
            )
        if p.password is None and provider is None:
            raise InvalidValueError(
                Text("请给出密码：这里没有设置统一登录。", "Give a password: no provider is set up here to log in by."),
                parameter="password",
            )
        password = None if p.password is None else p.password.get_secret_value()
        return call.write(lambda: service.add(p.name, p.role, password), lambda name: {"data": name})

    @router.post("/v1/accounts/change", ChangeAccount, "rule", reply=_DONE, errors=(ConflictError, NotFoundError))
    def change_account(call: Call, p: ChangeAccount) -> Answer:
        """Change an account: its role, whether it is disabled, its password. The last two end its sessions."""
        password = None if p.password is None else p.password.get_secret_value()
        return call.write(
            lambda: service.change(p.name, role=p.role, disabled=p.disabled, password=password),
            lambda name: {"data": name},
        )


def _tokens(router: Endpoints) -> None:
    platform = router.platform

    @router.get("/v1/tokens", ListTokens, "self", reply=Tokens)
    def tokens(call: Call, p: ListTokens) -> Answer:
        """The tokens of one's own programs; an admin sees everybody's with `all`."""
        everybody = p.all and call.caller.may("rule")
        with platform.database.reading() as db:
            found = service.programs(db, None if everybody else call.caller.account)
        return {"data": [_shown(row) for row in found]}

    @router.post(
        "/v1/tokens", NewToken, "self", reply={"data": "roadloop_..."}, errors=(AccessRefusedError, NotFoundError)
    )
    def add_token(call: Call, p: NewToken) -> Answer:
        """Make a token for a program. The answer is the only place where it is ever seen."""
        if not call.caller.session:
            raise logins.by_browser_only()

        def write(db: sa.Connection) -> str:
            call.note_in(db)
            return service.add_token(db, call.caller.name, p.name, p.scope, p.days)

        made = platform.database.write(lambda: write)
        return JSONResponse({"errno": 1, "data": made}, headers={"cache-control": "no-store"})

    @router.post("/v1/tokens/{token}/revoke", OneToken, "self", reply=_DONE, errors=(NotFoundError,))
    def revoke_token(call: Call, p: OneToken) -> Answer:
        """End a token of one's own; an admin ends anybody's."""
        owner = None if call.caller.may("rule") else call.caller.account
        return call.write(lambda: lambda db: service.revoke(db, p.token, owner), lambda name: {"data": name})


def _audit(router: Endpoints) -> None:
    platform = router.platform

    @router.get("/v1/audit", ReadAudit, "rule", reply=AuditLines)
    def audit(call: Call, p: ReadAudit) -> Answer:
        """What was done, by whom and when: log-ins, submissions, releases, deletions, rights, settings."""
        with platform.database.reading() as db:
            found = list(record.lines(db, who=p.who, what=p.what, before=p.before, limit=p.page_size))
        shown = ({**row, "at": format_time(row["at"]), "text": _words(row["what"], call.language)} for row in found)
        return {"data": list(shown)}

    @router.get("/v1/audit/table", NoParameters, "rule", reply="text/csv")
    def audit_table(_call: Call, _: NoParameters) -> Answer:
        """The whole record as a table, the newest lines first."""
        headers = {"content-disposition": 'attachment; filename="audit.csv"'}
        return StreamingResponse(_csv(platform), media_type="text/csv; charset=utf-8", headers=headers)

    @router.get("/v1/audit/verify", NoParameters, "rule", reply=_HEAD, errors=(BrokenDatabaseError,))
    def audit_verify(_call: Call, _: NoParameters) -> Answer:
        """Compute the hashes of all lines anew. Who keeps the last one elsewhere sees later whether lines are missing."""
        with platform.database.reading() as db:
            head = record.verify(db)
        return {"data": {"lines": head.seq, "hash": head.hash}}


def _csv(platform: Platform) -> Iterator[str]:
    buffer = io.StringIO()
    sheet = Sheet(buffer)
    with platform.database.reading() as db:
        for row in record.cells(db):
            sheet.add(row)
            if buffer.tell() > _PIECE:
                yield buffer.getvalue()
                buffer.seek(0)
                buffer.truncate()
    yield buffer.getvalue()


def _shown(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: format_time(value) if name in _TIMES else value for name, value in row.items()}


def _words(what: str, language: Language) -> str:
    """An endpoint, or a command, in words."""
    said = _WORDS.get(what)
    if said is not None:
        return said.pick(language)
    english = SUMMARIES.get(what, what)
    if language == "zh":
        return in_chinese(english).partition("。")[0]
    return english.partition(". ")[0].rstrip(".")


def _begun(call: Call, gate: Gate, session: Session) -> Response:
    response = JSONResponse({"errno": 1, "data": session.name}, headers={"cache-control": "no-store"})
    _set_cookie(response, call, gate.cookie_name(secure=call.caller.visit.secure), session.cookie, session.seconds)
    return response


def _begun_name(call: Call, gate: Gate) -> str:
    """The cookie of a log-in that was begun at the provider."""
    return f"{gate.cookie_name(secure=call.caller.visit.secure)}-begun"


def _set_cookie(response: Response, call: Call, name: str, value: str, seconds: int) -> None:
    secure = call.caller.visit.secure
    response.set_cookie(name, value, max_age=seconds, httponly=True, samesite="lax", secure=secure, path="/")
