"""Answers by gzip, for who takes them so: text shrinks to a fifth. Made where an answer is made, never on the loop."""

import gzip
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

LEAST_BYTES: Final = 1000  #: smaller ones gain nothing
LEVEL: Final = 5  #: of an answer that is made once: three times as fast as 9, and 3 % larger


def takes_gzip(request: Request) -> bool:
    """Whether the client unpacks what was packed by gzip."""
    return "gzip" in request.headers.get("accept-encoding", "")


def packed(request: Request, answer: Response) -> Response:
    """The answer, packed where that is worth it and the client takes it."""
    answer.headers["vary"] = "accept-encoding"
    if len(answer.body) >= LEAST_BYTES and takes_gzip(request):
        answer.body = gzip.compress(answer.body, LEVEL, mtime=0)
        answer.headers["content-encoding"] = "gzip"
        answer.headers["content-length"] = str(len(answer.body))
    return answer
