"""What a notice looks like: of a robot in Feishu, DingTalk or WeCom, or JSON for programs; signed, and read back.

Sources: the custom robots of Feishu (text messages, `timestamp` and `sign` in the body), DingTalk (markdown, `timestamp` and
`sign` in the address) and WeCom (markdown; its key in the address is all it knows); for JSON the specification "Standard
Webhooks" 1.0 (headers `webhook-id`, `webhook-timestamp`, `webhook-signature`).
"""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple
from urllib.parse import quote_plus

from roadloop.console import on_one_line
from roadloop.errors import Language, Text
from roadloop.notices.targets import Target
from roadloop.notices.words import KINDS, STATES

TITLE: Final = 100  #: characters of a name
REASON: Final = 300  #: of a reason
#: Bytes of a robot's message. WeCom takes 4,096, the others more.
MESSAGE: Final = 3_800
AT_ONCE: Final = 10  #: changes told in one message
#: What robots take for a mention, a link, code or a heading, and what is shown for it.
_MARKS: Final = str.maketrans("<>[]*`#@", "＜＞［］＊｀＃＠")


class Change(NamedTuple):
    """One thing that happened to a job.

    Attributes:
        seq: Number of the event.
        task_id: The job.
        kind: Of the job.
        title: What people call it.
        state: One of `words.STATES`.
        reason: Why, for people; None: there is nothing to say.
        error: Stable code of a failure.
        at: When, seconds since 1970.
    """

    seq: int
    task_id: str
    kind: str
    title: str
    state: str
    reason: Text | None
    error: str | None
    at: float


class Letter(NamedTuple):
    """What is posted."""

    url: str
    headers: Mapping[str, str]
    body: bytes


def fitting(target: Target, changes: Sequence[Change]) -> int:
    """How many of some changes, from the first on, one message takes; one at least."""
    size = 0
    for number, change in enumerate(changes[:AT_ONCE]):
        size += len(_line(target, change).encode()) + 2
        if size > MESSAGE and number:
            return number
    return min(len(changes), AT_ONCE)


def write(target: Target, notice_id: str, changes: Sequence[Change], now: float) -> Letter:
    """The message that tells a target of some changes.

    Args:
        target: Who is told.
        notice_id: The same each time that this message is sent.
        changes: In their order; as many as fit.
        now: Seconds since 1970.
    """
    url, secret = target.url.get_secret_value(), target.secret.get_secret_value()
    if target.form == "json":
        return _as_json(target, notice_id, changes, now)
    text = "\n".join(_line(target, change) for change in changes)
    body: dict[str, Any]
    if target.form == "feishu":
        body = {"msg_type": "text", "content": {"text": text}}
        if secret:
            at = str(int(now))
            sign = base64.b64encode(hmac.digest(f"{at}\n{secret}".encode(), b"", hashlib.sha256)).decode()
            body = {"timestamp": at, "sign": sign, **body}
    elif target.form == "dingtalk":
        body = {"msgtype": "markdown", "markdown": {"title": _first(text), "text": text.replace("\n", "\n\n")}}
        if secret:
            at = str(int(now * 1000))
            sign = base64.b64encode(hmac.digest(secret.encode(), f"{at}\n{secret}".encode(), hashlib.sha256)).decode()
            url += f"{'&' if '?' in url else '?'}timestamp={at}&sign={quote_plus(sign)}"
    else:
        body = {"msgtype": "markdown", "markdown": {"content": text}}
    return Letter(url, {"content-type": "application/json; charset=utf-8"}, _dump(body))


def refusal(target: Target, status: int, answer: bytes) -> str | None:
    """What a receiver says is wrong; None: it has taken the message.

    Robots answer 200 whatever is wrong, with a code in the body.
    """
    if not 200 <= status < 300:
        return f"HTTP {status}"
    if target.form == "json":
        return None
    try:
        said = json.loads(answer)
        code = next(said[key] for key in ("errcode", "code", "StatusCode") if key in said)
    except (ValueError, TypeError, StopIteration, RecursionError):
        return f"HTTP {status}, and not the answer of a {target.form} robot"
    if code == 0:
        return None
    why = str(next((said[key] for key in ("errmsg", "msg", "StatusMessage") if key in said), ""))
    return on_one_line(f"{code} {why}")[:200]


def _as_json(target: Target, notice_id: str, changes: Sequence[Change], now: float) -> Letter:
    told = [
        {
            "task_id": change.task_id,
            "kind": change.kind,
            "title": change.title,
            "state": change.state,
            "reason": None if change.reason is None else change.reason.pick(target.language),
            "error": change.error,
            "at": datetime.fromtimestamp(change.at).astimezone().isoformat(timespec="milliseconds"),
        }
        for change in changes
    ]
    body = _dump({"type": "roadloop.jobs", "id": notice_id, "data": told})
    at = str(int(now))
    headers = {"content-type": "application/json", "webhook-id": notice_id, "webhook-timestamp": at}
    secret = target.secret.get_secret_value()
    if secret:
        signed = hmac.digest(secret.encode(), f"{notice_id}.{at}.".encode() + body, hashlib.sha256)
        headers["webhook-signature"] = "v1," + base64.b64encode(signed).decode()
    return Letter(target.url.get_secret_value(), headers, body)


def _line(target: Target, change: Change) -> str:
    language: Language = target.language
    kind, state = (
        KINDS.get(change.kind, Text(change.kind, change.kind)).pick(language),
        STATES[change.state].pick(language),
    )
    title = _plain(change.title, TITLE)
    line = f"roadloop：{kind}「{title}」{state}" if language == "zh" else f'roadloop: {kind} "{title}" {state}'
    if change.reason is not None and change.state in ("failed", "lost"):
        line += ("：" if language == "zh" else ": ") + _plain(change.reason.pick(language), REASON)
    if target.page:
        line += f" {target.page.rstrip('/')}/#/jobs/{change.task_id}"
    return line


def _plain(text: str, longest: int) -> str:
    text = on_one_line(text).translate(_MARKS)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _first(text: str) -> str:
    return text.partition("\n")[0][:60]


def _dump(body: Mapping[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False).encode()
