"""`roadloop notices`: who is told what, and a message to try it."""

from datetime import datetime
from typing import Annotated

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from roadloop.console import Home, language, on_one_line, say, settings_of, terminal
from roadloop.errors import NotFoundError, Text
from roadloop.notices import service
from roadloop.notices.service import TargetRow
from roadloop.storage.platform import opened


def notices(
    home: Home = None,
    test: Annotated[str, typer.Option(help="Send this target a message that says it is a test 发送测试通知.")] = "",
) -> None:
    """Show who is told what happens, as the file of ROADLOOP_NOTICES says 通知对象与送达情况.

    A running server reads the file when it starts.
    """
    with opened(settings_of(home)) as platform:
        found = service.rows(platform)
        if test:
            names = [row.target.name for row in found]
            if test not in names:
                there = ", ".join(names) or "-"
                raise NotFoundError(
                    Text(f"没有通知对象“{test}”；现有：{there}。", f"There is no target {test}; there are: {there}.")
                )
            target = found[names.index(test)].target
            service.send_test(platform, target)
            say(Text(f"测试通知已送达 {target.host}。", f"{target.host} has taken the message.").pick(language()))
            return
    if not found:
        say(
            Text("没有通知对象；见 docs/notices.zh.md。", "There are no targets; see docs/notices.md.").pick(language())
        )
        return
    terminal().print(_table(found))


def _table(found: list[TargetRow]) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("name 名称", "form 形式", "host 主机", "hears 接收", "told 已送达", "last 最近"):
        table.add_column(column)
    table.add_column("problem 问题", overflow="fold")
    for row in found:
        mark, target = row.mark, row.target
        last = mark.told_at if mark else None
        when = "" if last is None else datetime.fromtimestamp(last).astimezone().strftime("%m-%d %H:%M")
        problem = mark.problem.pick(language()) if mark and mark.problem else ""
        cells = (target.name, target.form, target.host, ", ".join(target.hear), str(mark.told if mark else 0), when)
        table.add_row(*(escape(on_one_line(cell)) for cell in (*cells, problem)))
    return table
