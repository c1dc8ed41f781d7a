"""What one path of the dialect is: a record that says what is sent, which call of ours that is, and what is read.

Texts go out escaped and come in unescaped, because that client puts what it gets into its page as HTML and sends it back.
"""

import html
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, Literal

from pydantic import ConfigDict

from roadloop.errors import Text
from roadloop.parameters import JsonProblemError, Parameters, load_json
from roadloop.storage.platform import Platform
from roadloop.web.call import Call
from roadloop.web.endpoint import Handled
from roadloop.web.rights import Right
from roadloop.web.share import Waiting

#: What the client sends, by its names, and what it reads beside `errno`.
Sent = Mapping[str, Any]
Reply = Mapping[str, Any]
#: JSON that may arrive as text.
_JSON: Final = ("train_con", "data_con", "map_value", "dicts")
_ESCAPES: Final = (("&lt;", "<"), ("&gt;", ">"), ("&quot;", '"'), ("&#x27;", "'"), ("&amp;", "&"))


class Whatever(Parameters):
    """Whatever a client sends: what it means is each record's business."""

    model_config = ConfigDict(extra="allow")

    @property
    def sent(self) -> dict[str, Any]:
        """What was sent and is not empty, with texts as they were before they were escaped."""
        sent = dict(self.model_extra or {})
        for name in _JSON:
            if isinstance(text := sent.get(name), str):
                try:
                    sent[name] = load_json(text)
                except JsonProblemError:  # our own endpoint says what is wrong with it
                    continue
        found: dict[str, Any] = each_text(sent, _unescape)
        return found


class Ready(str):
    """Text that is escaped already, or holds nothing to escape."""

    __slots__ = ()


@dataclass(frozen=True)
class Ask:
    """Asks our own endpoints on behalf of one request of the client.

    Attributes:
        call: The request.
        ours: Those of our endpoints that the record names, by method and path.
    """

    call: Call
    ours: Mapping[str, Handled]

    @property
    def platform(self) -> Platform:
        """The installation."""
        return self.call.platform

    def __call__(self, name: str, values: Mapping[str, Any] | None = None) -> Reply:
        """The answer of an endpoint that makes no one wait.

        Args:
            name: Method and path, such as `POST /maps`.
            values: Its parameters.
        """
        answer = self.ours[name].ask(self.call, values or {})
        assert isinstance(answer, Mapping)
        return answer

    def then(self, name: str, values: Mapping[str, Any], shape: Callable[[Reply], Reply]) -> Reply | Waiting[Reply]:
        """The answer of an endpoint in another shape, whether it comes at once or not."""
        answer = self.ours[name].ask(self.call, values)
        if not isinstance(answer, Waiting):
            assert isinstance(answer, Mapping)
            return shape(answer)
        return Waiting(partial(_shaped, answer.look, shape), answer.seconds, answer.late)

    def may(self, name: str) -> bool:
        """Whether who calls has the right to ask one of our endpoints."""
        return self.call.caller.may(self.ours[name].right)

    def say(self, text: Text) -> str:
        """A text in the client's language."""
        return text.pick(self.call.language)


def _shaped(look: Callable[[], Any], shape: Callable[[Reply], Reply]) -> Reply | None:
    found = look()
    return None if found is None else shape(found)


def as_it_is(_ask: Ask, answer: Reply) -> Reply:
    """Our answer, unchanged."""
    return answer


@dataclass(frozen=True)
class Path:
    """One path of the dialect, a row of the table in docs/clients.md.

    Attributes:
        method: HTTP's.
        path: Below /api.
        right: Who may ask; never less than our endpoints ask for.
        calls: Our endpoints, by method and path; the first one gets what is sent.
        also: Further ones, which are asked only for those who may ask them.
        sends: Each name that the client sends -> ours; "" where it changes nothing here, "?" where `prepare` or `answer` reads it.
        reads: What of the answer the client reads.
        prepare: From what is sent and what was made of it by `sends`, the parameters of ours; None: as `sends` says.
        shape: From our answer, what the client reads.
        answer: Instead of these two, where more than one call of ours is needed.
        nothing: The empty `data` of a failure, of the kind that the client goes through without a look at `errno`.
        polled: Whether the client asks again and again, so that one that finds us busy had better try again.
        note: What differs, for people.
    """

    method: Literal["GET", "POST"]
    path: str
    right: Right
    calls: tuple[str, ...]
    sends: Mapping[str, str] = field(default_factory=dict)
    reads: str = "errno, message"
    prepare: Callable[[Ask, Sent, dict[str, Any]], Mapping[str, Any]] | None = None
    shape: Callable[[Ask, Reply], Reply] = as_it_is
    answer: Callable[[Ask, Sent], Reply | Waiting[Reply]] | None = None
    nothing: Any = None
    polled: bool = False
    note: Text | None = None
    also: tuple[str, ...] = ()

    def ask(self, ask: Ask, sent: Sent) -> Reply | Waiting[Reply]:
        """The client's answer to one request."""
        if self.answer is not None:
            return self.answer(ask, sent)
        values = {ours: sent[theirs] for theirs, ours in self.sends.items() if ours not in {"", "?"} and theirs in sent}
        prepared = values if self.prepare is None else self.prepare(ask, sent, values)
        return ask.then(self.calls[0], prepared, partial(self.shape, ask))


def same(*names: str) -> dict[str, str]:
    """Names that are the same on both sides."""
    return {name: name for name in names}


def unused(*names: str) -> dict[str, str]:
    """Names that change nothing here."""
    return dict.fromkeys(names, "")


def read_by_hand(*names: str) -> dict[str, str]:
    """Names that `prepare` or `answer` reads."""
    return dict.fromkeys(names, "?")


def each_text(value: Any, change: Callable[[str], str]) -> Any:
    """A JSON value with every text in it changed, the names of fields too."""
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {each_text(key, change): each_text(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [each_text(inner, change) for inner in value]
    return value


def escape(text: str) -> str:
    """A text that a page may show as HTML."""
    return text if isinstance(text, Ready) else html.escape(text)


def _unescape(text: str) -> str:
    for written, meant in _ESCAPES:
        text = text.replace(written, meant)
    return text
