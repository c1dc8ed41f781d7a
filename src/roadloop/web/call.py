"""One request as a handler sees it, and the one way in which a request writes."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import sqlalchemy as sa

from roadloop.audit import record
from roadloop.errors import IdempotencyMismatchError, Language, OvertakenError, RoadloopError, Text
from roadloop.storage import trash
from roadloop.storage.database import Write, metadata, sign
from roadloop.storage.platform import Platform
from roadloop.web.rights import ANYBODY, Caller

T = TypeVar("T")

#: First replies, kept under their Idempotency-Key in the transaction that did the work.
idempotency: Final = sa.Table(
    "idempotency",
    metadata,
    sa.Column("key", sa.String(200), primary_key=True),
    sa.Column("request", sa.String(64), nullable=False),  # sha256 of method, path and parameters
    sa.Column("reply", sa.JSON, nullable=False),
    sa.Column("created_at", sa.Float, nullable=False, index=True),
)


@dataclass
class Call:
    """One request: what the handler may ask about it.

    Attributes:
        platform: The installation.
        language: Of texts.
        key: Its Idempotency-Key.
        digest: Of the request, for the key.
        caller: Who calls.
        what: Name of the endpoint, for the record.
        facts: What the record says of it.
        recorded: It stands in the record, or an earlier one with its key does.
    """

    platform: Platform
    language: Language
    key: str
    digest: str
    caller: Caller = ANYBODY
    what: str = ""
    facts: Mapping[str, Any] = field(default_factory=dict)
    recorded: bool = False

    def write(self, prepare: Callable[[], Write[T]], reply: Callable[[T], Mapping[str, Any]]) -> Mapping[str, Any]:
        """Prepare a write, do it in one transaction, and build the reply from its result.

        With an `Idempotency-Key` the reply is stored in that same transaction; the same request with the same key
        gets it again, and nothing is prepared or done twice. Whose doing it is stands in the record, in that transaction
        too.

        Args:
            prepare: Reads and checks, outside of the transaction; what it returns is run in it.
            reply: Makes the JSON answer from what the write returned.

        Raises:
            IdempotencyMismatchError: The key was used with another request.
        """
        answered = self._answered()
        if answered is None:
            try:
                answered = self.platform.database.write(lambda: self._prepared(prepare, reply))
            except RoadloopError:
                answered = self._answered()  # the same request, done just now, may be what is in the way
                if answered is None:
                    raise
        self.recorded = True
        return answered

    def note(self, **facts: Any) -> None:
        """Put what was done into the record, by itself: for what writes files, or rows in its own way."""
        with self.platform.database.transaction() as db:
            self.note_in(db, **facts)

    def note_in(self, db: sa.Connection, **facts: Any) -> None:
        """Put what is done into the record, in the transaction that does it."""
        record.add(db, self.caller.name, self.what, {**self.facts, **facts})
        self.recorded = True

    def submit(self, prepare: Callable[[], Write[str]], message: str = "success") -> Mapping[str, Any]:
        """`write` for a job: the reply has a message, and the job's id as `data`."""
        return self.write(prepare, lambda task_id: {"message": message, "data": task_id})

    def _prepared(
        self, prepare: Callable[[], Write[T]], reply: Callable[[T], Mapping[str, Any]]
    ) -> Write[Mapping[str, Any]]:
        """What is prepared looks at things that may be deleted before it is written: then it is prepared again."""
        with self.platform.database.reading() as db:
            deletions = trash.stamp(db)
        work = prepare()

        def write(db: sa.Connection) -> T:
            if trash.stamp(db) != deletions:
                raise OvertakenError
            return work(db)

        return self._once(write, reply)

    def _once(self, work: Write[T], reply: Callable[[T], Mapping[str, Any]]) -> Write[Mapping[str, Any]]:
        def write(db: sa.Connection) -> Mapping[str, Any]:
            answered = self._stored(db)
            if answered is not None:
                return answered
            sign(db, self.caller.name)
            answer = reply(work(db))
            self.note_in(db, **_done(answer))
            if self.key:
                row = {"key": self.key, "request": self.digest, "reply": dict(answer), "created_at": time.time()}
                db.execute(idempotency.insert().values(**row))
            return answer

        return write

    def _answered(self) -> Mapping[str, Any] | None:
        """The stored reply of this very request; None when it was not answered yet, or has no key."""
        if not self.key:
            return None
        with self.platform.database.reading() as db:
            return self._stored(db)

    def _stored(self, db: sa.Connection) -> dict[str, Any] | None:
        if not self.key:
            return None
        stored = db.execute(sa.select(idempotency).where(idempotency.c.key == self.key)).first()
        if stored is None:
            return None
        if stored.request != self.digest:
            raise IdempotencyMismatchError(
                Text(
                    "这个 Idempotency-Key 已用于另一个请求；请换一个新的键。",
                    "This Idempotency-Key was used with another request; use a new key.",
                )
            )
        return dict(stored.reply)


def _done(answer: Mapping[str, Any]) -> dict[str, str]:
    """What an answer says that was made: the id of a job."""
    made = answer.get("data")
    return {"answer": made} if isinstance(made, str) else {}
