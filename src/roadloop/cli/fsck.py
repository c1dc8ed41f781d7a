"""The command that checks a workspace, and mends what can be mended."""

import json
from contextlib import closing
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn

from roadloop.cli.operate import Roots
from roadloop.console import Home, language, settings_of, terminal
from roadloop.errors import RoadloopError, Text, many
from roadloop.jobs.findings import Problem, Repair, Report
from roadloop.jobs.fsck import inspect
from roadloop.jobs.lock import alone
from roadloop.storage.platform import Platform, opened

console = terminal()
asking = terminal(stderr=True)


def fsck(
    *,
    home: Home = None,
    quick: Annotated[
        bool, typer.Option("--quick", help="Look at presence and sizes only; else every published file is read.")
    ] = False,
    root: Roots = None,
    repair: Annotated[bool, typer.Option("--repair", help="Offer what can be done about each problem.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="With --repair: do it all without asking.")] = False,
    unverified: Annotated[
        bool, typer.Option("--unverified", help="Also list what has no sums: older work, and sets that people made.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object for programs.")] = False,
) -> None:
    """Check the workspace, changing nothing 只读检查工作区, or mend it with --repair.

    The database itself, rows and their life cycles, leases, processes, what every finished job has left, folders that no
    row knows, orphan temporary files, and the sha256 of every published file. Give it the roots that `serve` has. Leaves
    with 1 when something is wrong. Repairs delete nothing: what they take away is in quarantine/, what they did in
    logs/repairs.log.
    """
    with opened(settings_of(home, roots=tuple(root) if root else None)) as platform:
        if repair:
            with closing(alone(platform)):  # no server begins meanwhile
                report = _inspect(platform, hashes=not quick, quiet=as_json)
                _mend(platform, report, yes=yes)
        else:
            report = _inspect(platform, hashes=not quick, quiet=as_json)
    if as_json:
        print(json.dumps(_plain(report), ensure_ascii=False, indent=1))  # noqa: T201 - the answer
    else:
        _show(report, unverified=unverified)
    if report.problems:
        raise typer.Exit(1)


def _inspect(platform: Platform, *, hashes: bool, quiet: bool) -> Report:
    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=asking, disable=quiet, transient=True) as bar:
        line = bar.add_task("fsck", total=None)
        return inspect(platform, hashes=hashes, progress=lambda n, total: bar.update(line, completed=n, total=total))


def _mend(platform: Platform, report: Report, *, yes: bool) -> None:
    """Offer each cure once; what was mended leaves the report, what a cure brought to light is offered, too."""
    run, answers = Repair(platform), dict[str, bool]()
    seen, fresh = set[Text](), [*report.problems, *report.notes]
    while fresh:
        seen |= {problem.text for problem in fresh}
        for problem in fresh:
            if problem.cure is not None and problem.cure.key not in answers:
                answers[problem.cure.key] = _offered(run, problem, yes=yes)
        if not any(answers.get(problem.cure.key) for problem in fresh if problem.cure):
            break
        fresh = [problem for problem in inspect(platform, hashes=False).problems if problem.text not in seen]
        report.problems += fresh
    for problems in (report.problems, report.notes):
        problems[:] = [p for p in problems if p.cure is None or not answers.get(p.cure.key)]


def _offered(run: Repair, problem: Problem, *, yes: bool) -> bool:
    """Ask, and apply; whether it was done."""
    assert problem.cure is not None
    asking.print(f"[red]✗[/] {escape(problem.text.pick(language()))}")
    question = problem.cure.offer.pick(language())
    if yes:
        asking.print(f"  → {escape(question)}")
    elif not typer.confirm(f"  → {question}?", err=True):
        return False
    try:
        problem.cure.apply(run)
    except RoadloopError as error:
        asking.print(f"  [red]✗[/] {escape(error.text.pick(language()))}")
        return False
    return True


def _show(report: Report, *, unverified: bool) -> None:
    for problem in report.problems:
        console.print(f"[red]✗[/] {escape(problem.text.pick(language()))}")
    for note in report.notes:
        console.print(f"[yellow]·[/] {escape(note.text.pick(language()))}")
    if report.edits:
        words = Text("与 roadloop 写入时不同：有人改过，或已损坏", "Not as roadloop wrote them: edited, or damaged")
        console.print(f"[yellow]·[/] {words.pick(language())}:")
    for edit in report.edits:
        console.print(f"    {escape(edit.pick(language()))}")
    for place in report.unverified if unverified else ():
        words = Text("没有校验值，无法验证", "has no sums and cannot be verified")
        console.print(f"[yellow]·[/] {escape(str(place))}: {words.pick(language())}")
    counts = f"{many(len(report.problems), 'problem')}, {many(len(report.notes), 'note')}"
    console.print(f"{many(report.jobs, 'job')}, {many(report.files, 'file')} checked: {counts}")
    if any(problem.cure for problem in report.problems):
        console.print(
            Text(
                "roadloop fsck --repair 会逐个询问如何处理。",
                "roadloop fsck --repair offers what can be done, one by one.",
            ).pick(language())
        )


def _plain(report: Report) -> dict[str, Any]:
    def lines(problems: list[Problem]) -> list[dict[str, Any]]:
        return [{**p.text._asdict(), "repair": None if p.cure is None else p.cure.offer._asdict()} for p in problems]

    return {
        "jobs": report.jobs,
        "files": report.files,
        "problems": lines(report.problems),
        "notes": lines(report.notes),
        "edits": [edit._asdict() for edit in report.edits],
        "unverified": [str(place) for place in report.unverified],
    }
