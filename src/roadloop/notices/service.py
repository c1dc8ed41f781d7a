"""Telling people and programs what happens to jobs: each target at its own pace, in order, one message at a time.

What happened is in the rows of `job_events` already, written in the transactions that made it happen; a target's row says how
far it was told. A message is claimed in that row before it is sent, so that of several servers one sends it; it is told as
sent once the receiver has taken it, else it is sent again, later and later, under the same id. What is a day old is not news.
"""

import hashlib
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from roadloop.errors import RoadloopError, Text
from roadloop.notices import store
from roadloop.notices.forms import Change, fitting, refusal, write
from roadloop.notices.post import UnreachedError, post
from roadloop.notices.store import Mark
from roadloop.notices.targets import Target, read_targets
from roadloop.storage import installation
from roadloop.storage.platform import Platform

log: Final = logging.getLogger(__name__)

LOOK_SECONDS: Final = 1.0
CLAIM_SECONDS: Final = 90.0  #: longer than any try to send takes
FIRST_PAUSE: Final = 5.0  #: after a failed try; twice as long after each further one
LONGEST_PAUSE: Final = 3600.0
NEWS_SECONDS: Final = 86_400.0
LOOKED_AT: Final = 500  #: events of one look
#: PostgreSQL numbers events before it commits them, and may commit a later one first: what is younger than this waits.
SETTLED_SECONDS: Final = 5.0


class TargetRow(NamedTuple):
    """A target as people may see it, and how far it was told.

    Attributes:
        target: Who.
        waiting: Whether a message is being sent, or tried again.
        mark: How far; None: it has not begun.
    """

    target: Target
    waiting: bool
    mark: Mark | None


class Courier:
    """Tells the targets, in a thread for each.

    Args:
        platform: The installation.

    Raises:
        InvalidValueError: The file of targets cannot be read or understood.
    """

    def __init__(self, platform: Platform) -> None:
        self._platform: Final = platform
        self._targets: Final = read_targets(platform.settings.notices)
        self._stop: Final = threading.Event()
        self._threads: Final = [
            threading.Thread(target=self._tell, args=(target,), name="notices", daemon=True) for target in self._targets
        ]

    def start(self) -> None:
        """Begin."""
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End; a message on its way is sent again by the next server unless its answer still comes."""
        self._stop.set()
        for thread in self._threads:
            thread.join(LOOK_SECONDS)

    def _tell(self, target: Target) -> None:
        while not self._stop.is_set():
            try:
                more = tell(self._platform, target)
            except RoadloopError as error:  # the rows are away: again in a moment
                log.warning("notices: %s", error.text.en)
                more = False
            except Exception:  # one message's fault is in the log, and is not the end of all
                log.exception("notices: unexpected error")
                more = False
            if not more:
                self._stop.wait(LOOK_SECONDS)


def tell(platform: Platform, target: Target) -> bool:
    """Send a target one message, if something has happened that it hears and nobody else is at it.

    Returns:
        Whether there may be more to tell at once.
    """
    now = time.time()
    with platform.database.reading() as db:
        mark = store.mark_of(db, target.name)
        settled = now if db.dialect.name == "sqlite" else now - SETTLED_SECONDS
        ending = (mark.until or None) if mark else None
        found = store.changes(db, mark.seq, ending, settled, LOOKED_AT) if mark and mark.next_at <= now else []
    if mark is None:
        with platform.database.transaction() as db:
            store.begin(db, target.name)
        return True
    heard = [change for change in found if target.hears(change.kind, change.state) and change.at > now - NEWS_SECONDS]
    end = mark.until or (found[-1].seq if found else 0)
    if not heard:
        passed = {"seq": end, "until": 0, "tries": 0, "next_at": 0.0}
        return end > 0 and mark.next_at <= now and _moved(platform, mark, passed)
    told = heard[: fitting(target, heard)]
    until = end if len(told) == len(heard) else told[-1].seq
    claim = {"until": until, "tries": mark.tries + 1, "next_at": now + CLAIM_SECONDS}
    if not _moved(platform, mark, claim):
        return False
    claimed = mark._replace(until=until, tries=mark.tries + 1, next_at=now + CLAIM_SECONDS)
    return _send(platform, target, claimed, told)


def send_test(platform: Platform, target: Target) -> None:
    """Send a target a message that says it is a test.

    Raises:
        UnreachedError: It did not arrive, or the receiver did not take it.
    """
    now = time.time()
    title = Text("这是一条测试通知", "this is a test").pick(target.language)
    change = Change(0, "test", "rehearsal", title, "succeeded", None, None, now)
    _post(target, f"test-{_installation(platform)}-{int(now * 1000)}", [change])


def rows(platform: Platform) -> list[TargetRow]:
    """The targets as the file names them now, and how far each was told."""
    targets = read_targets(platform.settings.notices)
    with platform.database.reading() as db:
        marks = {target.name: store.mark_of(db, target.name) for target in targets}
    return [TargetRow(one, bool((mark := marks[one.name]) and mark.until), mark) for one in targets]


def _send(platform: Platform, target: Target, mark: Mark, told: list[Change]) -> bool:
    notice_id = f"{_installation(platform)}-{mark.seq}-{mark.until}"
    try:
        _post(target, notice_id, told)
    except UnreachedError as error:
        pause = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (mark.tries - 1))
        log.warning("notices: %s: try %d: %s; again in %.0f s", target.name, mark.tries, error.text.en, pause)
        _moved(platform, mark, {"next_at": time.time() + pause, "problem": list(error.text)})
        return False
    done = {"seq": mark.until, "until": 0, "tries": 0, "next_at": 0.0, "told": mark.told + 1, "told_at": time.time()}
    return _moved(platform, mark, {**done, "problem": None})


def _post(target: Target, notice_id: str, told: list[Change]) -> None:
    status, answer = post(write(target, notice_id, told, time.time()), private=target.private)
    why = refusal(target, status, answer)
    if why is not None:
        raise UnreachedError(Text(f"{target.host} 未接受：{why}", f"{target.host} did not take it: {why}"))


def _moved(platform: Platform, mark: Mark, values: Mapping[str, Any]) -> bool:
    with platform.database.transaction() as db:
        return store.move(db, mark, values)


def _installation(platform: Platform) -> str:
    return hashlib.sha256((installation.stored(platform.database) or "").encode()).hexdigest()[:8]
