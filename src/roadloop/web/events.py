"""Server-sent events: what a stream says, as bytes.

Source of the format: https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

import json
from collections.abc import Mapping
from typing import Any, Final

from fastapi.sse import format_sse_event

#: Nothing has happened: shows either end that the other one is there; a comment would not reach a page's code.
ALIVE: Final = format_sse_event(event="alive", data_str="{}")
AGAIN_AFTER: Final = 3000  #: milliseconds, until a browser comes back when its stream has ended


def begin() -> bytes:
    """The first event."""
    return format_sse_event(event="ready", data_str="{}", retry=AGAIN_AFTER)


def event(name: str, data: Mapping[str, Any]) -> bytes:
    """An event with a name and data."""
    return format_sse_event(event=name, data_str=json.dumps(data, ensure_ascii=False, separators=(",", ":")))
