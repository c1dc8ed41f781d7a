"""Who is told of what: the targets of notices, in a file that the setting `notices` names."""

import json
import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Final, Literal
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, StringConstraints, ValidationError, field_validator

from roadloop.errors import InvalidValueError, Text
from roadloop.notices.words import GROUPS, KINDS, STATES
from roadloop.storage import reading

#: What is told to who names nothing.
USUAL: Final = ("failed", "release:succeeded")

Form = Literal["feishu", "dingtalk", "wecom", "json"]


class Target(BaseModel):
    """One receiver.

    Attributes:
        name: Of the person, the group or the program.
        form: Of its messages: those of a robot in Feishu, DingTalk or WeCom, or JSON.
        url: Where they are posted to. It holds the robot's key, so nobody is shown more of it than the host.
        secret: What they are signed with; empty: they are not.
        hear: What it is told: a state, a kind of job or a group of kinds, or `KIND:STATE`; `*` stands for all.
        language: Of the messages.
        private: Whether its address may be one of a private network, or this machine's.
        page: Address of roadloop's page as its readers reach it, for links; empty: no links.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, StringConstraints(min_length=1, max_length=60, pattern=r"^[^/\x00-\x1f]+$")]
    form: Form
    url: SecretStr
    secret: SecretStr = SecretStr("")
    hear: tuple[str, ...] = Field(USUAL, strict=False)
    language: Literal["zh", "en"] = "zh"
    private: bool = False
    page: str = ""

    @field_validator("url")
    @classmethod
    def _is_url(cls, url: SecretStr) -> SecretStr:
        parts = urlsplit(url.get_secret_value())
        if parts.scheme not in ("http", "https") or not parts.hostname or parts.username is not None:
            raise ValueError
        _ = parts.port  # raises where it is none
        return url

    @field_validator("hear")
    @classmethod
    def _are_known(cls, hear: tuple[str, ...]) -> tuple[str, ...]:
        for one in hear:
            kind, colon, state = one.partition(":")
            if colon:
                known = (kind == "*" or kind in KINDS or kind in GROUPS) and (state == "*" or state in STATES)
            else:
                known = one == "*" or one in KINDS or one in GROUPS or one in STATES
            if not known:
                raise ValueError(one)
        return hear

    @property
    def host(self) -> str:
        """The part of its address that people may see."""
        return urlsplit(self.url.get_secret_value()).hostname or ""

    def hears(self, kind: str, state: str) -> bool:
        """Whether it is told that a job of a kind has come into a state."""
        return state in STATES and any(_fits(one, kind, state) for one in self.hear)


def read_targets(path: str) -> tuple[Target, ...]:
    """The targets that a file names.

    Args:
        path: Of a TOML file with a table `[[target]]` for each; empty: there is none.

    Raises:
        InvalidValueError: It cannot be read, or says something that is not understood.
    """
    if not path:
        return ()
    try:
        found = tomllib.loads(reading.read_bytes(Path(path)).decode())
    except OSError as error:
        raise _refused(path, reading.complaint(error)) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise _refused(path, Text(f"不是有效的 TOML：{error}", f"it is no valid TOML: {error}")) from error
    entries = found.pop("target", [])
    if found or not isinstance(entries, list):
        what = ", ".join(found) or "target"
        why = Text(
            f"只应有若干 [[target]] 表，却有 {what}", f"it may hold tables [[target]] only, and not these: {what}"
        )
        raise _refused(path, why)
    targets = tuple(_target(path, number, entry) for number, entry in enumerate(entries, start=1))
    _refuse_doubles(path, targets)
    return targets


def _target(path: str, number: int, entry: Any) -> Target:
    try:
        return Target.model_validate(entry)
    except ValidationError as error:
        # Neither value nor pydantic's words are repeated: an address and a secret are what is most often wrong here.
        wrong = sorted({".".join(str(part) for part in one["loc"][:1]) or "target" for one in error.errors()})
        known = json.dumps([*STATES, *GROUPS, *KINDS])
        why = Text(
            f"第 {number} 个 [[target]] 的 {'、'.join(wrong)} 不对。name：名称；form：feishu、dingtalk、wecom 或 json；"
            f"url：http(s) 地址；secret：签名密钥；language：zh 或 en；private：true 或 false；page：网页地址；hear：以下各项、"
            f"它们的 KIND:STATE 组合或 *：{known}",
            f"in [[target]] number {number} {', '.join(wrong)} is wrong. name: text; form: feishu, dingtalk, wecom or json; url:"
            " an http(s) address; secret: text to sign with; language: zh or en; private: true or false; page: the page's"
            f" address; hear: a list of these, of KIND:STATE, or *: {known}",
        )
        raise _refused(path, why) from None


def _refuse_doubles(path: str, targets: Sequence[Target]) -> None:
    names = [target.name for target in targets]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        what = ", ".join(twice)
        raise _refused(path, Text(f"名称重复：{what}", f"these names stand there twice: {what}"))


def _fits(one: str, kind: str, state: str) -> bool:
    what, colon, when = one.partition(":")
    if not colon and one in STATES:
        what, when = "*", one
    of_kind = what in ("*", kind) or kind in GROUPS.get(what, ())
    return of_kind and when in ("", "*", state)


def _refused(path: str, why: Text) -> InvalidValueError:
    return InvalidValueError(
        Text(f"ROADLOOP_NOTICES 所指的文件 {path}：{why.zh}。", f"The file {path} of ROADLOOP_NOTICES: {why.en}.")
    )
