"""Shapes that many answers of the dialect have."""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from roadloop.clients.dialect import Ask, Ready, Reply, Sent, each_text, escape
from roadloop.errors import ConflictError, InvalidValueError, JobError, Text

#: The one type of tasks here, as the client's selects call it.
SEGMENTATION: Final = "semantic-segmentation"
MOST_ROWS: Final = 10_000  #: of a list, which that client pages itself
_PAGE: Final = 1000
_SECONDS: Final = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d):\d\d$")
STOPPED: Final = Text("任务已停止。", "The job was stopped.")

Row = Callable[[Mapping[str, Any]], Mapping[str, Any]]


def started(_ask: Ask, answer: Reply) -> Reply:
    """A job that has begun: its id stands in `data.task_id`."""
    return {"message": _with_warnings(answer), "data": {"task_id": answer["data"]}}


def done(_ask: Ask, answer: Reply) -> Reply:
    """A message alone, with the warnings that came with it."""
    return {"message": _with_warnings(answer)}


def as_text(_ask: Ask, answer: Reply) -> Reply:
    """A configuration as JSON text, in `data` and in `resp`."""
    text = Ready(json.dumps(each_text(answer["data"], escape), ensure_ascii=False, indent=1, allow_nan=False))
    return {"message": answer.get("message", "query success"), "data": text, "resp": text}


def listed(name: str, row: Row) -> Callable[[Ask, Sent], Reply]:
    """A list of all rows, or one row in a list where `task_id` says which.

    Args:
        name: Our history.
        row: From our row, every key that the client has a column for.
    """

    def answer(ask: Ask, sent: Sent) -> Reply:
        rows = [one_row(ask, name, sent)] if sent.get("task_id") else all_rows(ask, name, {})
        return {"data": [row(one) for one in rows]}

    return answer


def progress(name: str, row: Row) -> Callable[[Ask, Sent], Reply]:
    """How far a job is: one row in a list; without `task_id` all of them.

    A job that failed or was stopped lets the client go: it would wait for ever for any other status than `completed!`.
    """

    def answer(ask: Ask, sent: Sent) -> Reply:
        if not sent.get("task_id"):
            return {"data": [row(one) for one in all_rows(ask, name, {})]}
        found = one_row(ask, name, sent)
        if found["state"] in {"failed", "cancelled"} or found["status"] in {"lost", "deleted"}:
            reason = found["reason"] or ask.say(STOPPED)
            raise JobError(Text(reason, reason), task_id=found["task_id"])
        return {"data": [{**row(found), "status": _width(found)}]}

    return answer


def one_row(ask: Ask, name: str, sent: Sent) -> Mapping[str, Any]:
    """The row that `task_id` names.

    Raises:
        InvalidValueError: It names none.
    """
    if not sent.get("task_id"):
        raise InvalidValueError(
            Text("没有给出 task_id；请先在列表中勾选一行。", "No task_id was sent; tick a row of the list first."),
            parameter="task_id",
        )
    found: Mapping[str, Any] = ask(name, {"task_id": sent["task_id"]})["data"]
    return found


def all_rows(ask: Ask, name: str, more: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """The newest 10,000 rows of a history, newest first."""
    rows: list[Mapping[str, Any]] = []
    for page in range(1, MOST_ROWS // _PAGE + 1):
        found = ask(name, {**more, "page": page, "page_size": _PAGE})
        rows += found["data"]
        if len(rows) >= found["total"] or not found["data"]:
            break
    return rows


def plain(one: Mapping[str, Any]) -> Mapping[str, Any]:
    """Our row, with the machine that it runs on."""
    return {**one, "machine_id": one["host"] or ""}


def minutes(*times: str | None) -> str:
    """The first time that there is, without seconds."""
    first = next((one for one in times if one), "")
    return _SECONDS.sub(r"\1", first)


def check_type(sent: Sent) -> None:
    """Refuse task types other than semantic segmentation.

    Raises:
        InvalidValueError: `types` says another one.
    """
    said = sent.get("types", SEGMENTATION)
    if said != SEGMENTATION:
        raise other_type(str(said))


def other_type(said: str) -> InvalidValueError:
    """There are no tasks of that type here."""
    return InvalidValueError(
        Text(
            f"这里只做语义分割（{SEGMENTATION}），没有任务类型 {said[:80]}；请改选 {SEGMENTATION}。",
            f"Only semantic segmentation is done here ({SEGMENTATION}); there is no task type {said[:80]}. Choose"
            f" {SEGMENTATION}.",
        ),
        parameter="types",
    )


def need_ticked(sent: Sent) -> None:
    """Refuse a form in which nothing was ticked, which that client also sends by mistake.

    Raises:
        ConflictError: `dicts` names no file.
    """
    dicts = sent.get("dicts")
    if not dicts or (isinstance(dicts, Mapping) and not any(dicts.values())):
        raise ConflictError(
            Text(
                "没有勾选任何模型文件，没有开始任何任务；请先勾选模型再提交。",
                "No model file is ticked, and nothing was started. Tick one, then submit again.",
            ),
            parameter="dicts",
        )


def names_of(values: Iterable[str]) -> Reply:
    """A list of texts to choose from."""
    return {"data": list(values)}


def _width(row: Mapping[str, Any]) -> str:
    """The status, of which that client makes the width of a bar."""
    return "completed!" if row["state"] == "succeeded" else f"{min(int(100 * row['progress']), 99)}%"


def _with_warnings(answer: Reply) -> str:
    return " ".join([answer["message"], *answer.get("warnings", ())])
