"""Commands for operators: serve, status, migrate, rehearse."""

import contextlib
import gc
import http.client
import logging
import signal
import socket
import sys
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer
import uvicorn
from rich import box
from rich.console import Group
from rich.live import Live
from rich.markup import escape
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from sqlalchemy import make_url

from roadloop.accounts import service as accounts
from roadloop.accounts.gate import Gate
from roadloop.accounts.provider import check as check_provider
from roadloop.audit import record
from roadloop.cluster.hosts import Cluster
from roadloop.console import Home, language, on_one_line, settings_of, terminal
from roadloop.errors import AccessRefusedError, ConflictError, Text, many
from roadloop.jobs import confine, nodes, queue
from roadloop.jobs.feed import Feed
from roadloop.jobs.history import status_text
from roadloop.jobs.hosts import Hosts, OneHost
from roadloop.jobs.keeping import remove_old
from roadloop.jobs.lock import alone
from roadloop.jobs.metrics import Metrics
from roadloop.jobs.nodes import NodeRow
from roadloop.jobs.registry import SECRETS
from roadloop.jobs.rehearsal import Rehearsal
from roadloop.jobs.rules import days_of
from roadloop.jobs.states import ENDED, JobState
from roadloop.jobs.store import from_row, jobs
from roadloop.jobs.supervisor import Supervisor
from roadloop.journal import start_log
from roadloop.notices.service import Courier
from roadloop.server import create_app
from roadloop.settings import Settings
from roadloop.storage import migrate as schema
from roadloop.storage import objects
from roadloop.storage.database import Database
from roadloop.storage.move import move
from roadloop.storage.platform import FILE, Platform, open_platform, opened
from roadloop.web.door import DoorServer, connections_within, raise_file_limit

console = terminal()
LOOPBACK = {"127.0.0.1", "localhost", "::1"}
Roots = Annotated[
    list[str] | None,
    typer.Option(
        help="A folder outside the workspace that requests may name; `DIR:ro` read-only; or `s3://bucket/prefix`."
    ),
]
STATE_COLORS = {"running": "blue", "succeeded": "green", "failed": "red", "queued": "bright_black"}


def serve(
    home: Home = None,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on; another than loopback needs accounts (roadloop user add).")
    ] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 picks a free one (default 8600).")] = None,
    root: Roots = None,
    stop_jobs: Annotated[
        bool, typer.Option("--stop-jobs", help="When the server stops, stop the running jobs too.")
    ] = False,
    log_format: Annotated[
        str | None, typer.Option(help="Lines of the server's log: text, or json for programs.")
    ] = None,
) -> None:
    """Start the server: the page, the interface and the jobs 启动服务.

    A fresh workspace is set up by itself. Stopping the server (Ctrl-C) leaves running jobs at work; the next start
    finds them again.
    """
    settings = settings_of(home, host=host, port=port, roots=tuple(root or ()) or None, log_format=log_format)
    _refuse_unless_peopled(settings, None)
    check_provider(settings)
    start_log(settings.log_format, Path(settings.log_file) if settings.log_file else None)
    logging.getLogger("alembic").setLevel(logging.WARNING)
    objects.BRIEFLY.set()
    listener = _listen(settings)
    platform = _open_peopled(settings, listener)
    courier = Courier(platform)
    supervisor = Supervisor(platform, _hosts(platform))
    try:
        courier.start()
        with contextlib.suppress(KeyboardInterrupt):
            _serve_until_stopped(platform, supervisor, listener)
    finally:
        courier.close()
        left = supervisor.close(stop_jobs=stop_jobs)
        listener.close()
        platform.database.close()
    _say_goodbye(left, stopped=stop_jobs)


def _open_peopled(settings: Settings, listener: socket.socket) -> Platform:
    with contextlib.ExitStack() as stack:  # nothing stays open when it is refused
        stack.enter_context(listener)
        platform = _open_upgraded(settings)
        stack.callback(platform.database.close)
        _refuse_unless_peopled(settings, platform)
        stack.pop_all()
        return platform


def _refuse_unless_peopled(settings: Settings, platform: Platform | None) -> None:
    """Refuse to be reached from elsewhere where nobody has an account; before anything is made, where that can be known."""
    if settings.host in LOOPBACK:
        return
    if platform is not None:
        with platform.database.reading() as db:
            peopled = accounts.any_account(db)
    else:
        peopled = bool(settings.database_url) or (settings.home / FILE).exists()
    if not peopled:
        raise AccessRefusedError(
            Text(
                f"拒绝监听 {settings.host}：还没有人有账号，任何人都能做任何事。请先运行 roadloop user add 名称 --role admin，或只监听"
                " 127.0.0.1 并用 SSH 隧道访问：ssh -L 8600:127.0.0.1:8600 服务器",
                f"Refusing to listen on {settings.host}: nobody has an account yet, so anybody could do anything. First run"
                " roadloop user add NAME --role admin; or stay on 127.0.0.1 and use a tunnel:"
                " ssh -L 8600:127.0.0.1:8600 SERVER",
            )
        )


def _hosts(platform: Platform) -> Hosts:
    confinement = confine.settle()
    return Cluster(platform, confinement) if platform.settings.ray_address else OneHost(platform, confinement)


def _open_upgraded(settings: Settings, *, anew: bool = False) -> Platform:
    platform = open_platform(settings, upgrade=True, anew=anew)
    for text in platform.upgraded:
        console.print(escape(text.pick(language())))
    return platform


def _listen(settings: Settings) -> socket.socket:
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    # Only on a socket that says TCP does asyncio send small pieces at once; else every answer waits 40 ms.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as error:
        listener.close()
        raise ConflictError(
            Text(
                f"端口 {settings.port} 无法使用（{error.strerror}）。请停止占用它的程序，或用 --port 指定别的端口（0 = 自动）。",
                f"Port {settings.port} cannot be used ({error.strerror}). Stop what holds it, or choose another with"
                " --port (0 = any free one).",
            )
        ) from error
    return listener


def _serve_until_stopped(platform: Platform, supervisor: Supervisor, listener: socket.socket) -> None:
    port = listener.getsockname()[1]
    # A short question to the database asks for the interpreter ten times; behind a thread that computes each waits so long.
    sys.setswitchinterval(0.0005)
    connections = connections_within(platform.settings.max_connections, raise_file_limit())
    metrics = Metrics(platform)
    feed = Feed(platform, connections // 2)
    gate = Gate(platform)
    app = create_app(platform, port, metrics, feed, gate)
    _note_start(platform, port)
    server = DoorServer(app, connections, leaving=feed.close, timeout_graceful_shutdown=3)
    metrics.watch(server.open_connections, connections, supervisor.silent_for)
    supervisor.start()
    address = platform.settings.host, port
    said = (server, address, platform.workspace.home, gate.first_code())
    announced = threading.Thread(target=_announce, args=said, daemon=True)
    announced.start()
    # uvicorn shuts down on SIGINT and SIGTERM, then raises the signal again for us.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    signal.signal(signal.SIGHUP, lambda *_: server.handle_exit(signal.SIGINT, None))
    server.run(sockets=[listener])


def _note_start(platform: Platform, port: int) -> None:
    """Put the start, and what is set otherwise than by default, into the record; of secrets only that they are set."""
    settings = platform.settings
    secret = {*SECRETS, "database_url"}
    changed = {
        name: "***" if name in secret else str(value)
        for name, field in type(settings).model_fields.items()
        if (value := getattr(settings, name)) != field.default
    }
    with platform.database.transaction() as db:
        record.add(db, "", "serve", {**changed, "port": port})


def _announce(server: uvicorn.Server, address: tuple[str, int], home: Path, code: str) -> None:
    """Say where the server is once it has answered: the first answer takes twenty times as long as those that follow.

    What it has made stays. A full collection of garbage would look through all of it each time, 130 ms for nobody.
    """
    while not server.started and not server.should_exit:
        time.sleep(0.01)
    if server.started:
        first = http.client.HTTPConnection(*address, timeout=10)
        with contextlib.suppress(OSError, http.client.HTTPException), contextlib.closing(first):
            first.request("GET", "/v1/health")
            first.getresponse().read()
        gc.freeze()
        url = "http://{}:{}".format(*address)
        console.print(f"roadloop  {url}   (page 网页; {url}/docs interface 接口说明)")
        console.print(f"workspace 工作区 {home}\nCtrl-C stops the server; jobs go on. 停止服务不影响运行中的任务。")
        if code:
            console.print(f"nobody has an account 尚无账号; first account 第一个账号: {url}/#/people  code 代码 {code}")


def _say_goodbye(left: list[queue.Job], *, stopped: bool) -> None:
    if stopped or not left:
        console.print("Stopped; no jobs are running. 服务已停止，没有运行中的任务。")
        return
    names = ", ".join(job.title for job in left[:5])
    console.print(
        f"Stopped; {len(left)} job(s) go on without the server: {names}. The next `roadloop serve` finds them again;"
        f" `--stop-jobs` would end them.\n服务已停止；{len(left)} 个任务仍在运行，下次启动服务时会接管。"
    )


def status(
    home: Home = None,
    once: Annotated[bool, typer.Option("--once", help="Show it once and leave.")] = False,
    rows: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest jobs.")] = 20,
) -> None:
    """Show the jobs in a live table 实时任务表. Works with and without a running server; in a pipe, once."""
    with opened(settings_of(home)) as platform:
        if once or not console.is_terminal:
            console.print(_job_table(platform, rows))
            return
        with Live(_job_table(platform, rows), console=console, refresh_per_second=2) as live:
            while True:
                time.sleep(1)
                live.update(_job_table(platform, rows))


def _job_table(platform: Platform, rows: int) -> Group:
    with platform.database.reading() as db:
        newest = [from_row(row) for row in db.execute(jobs.select().order_by(jobs.c.seq.desc()).limit(rows))]
        known, running = nodes.all_nodes(db), queue.running(db)
    table, reasons = Table(box=box.SIMPLE, padding=(0, 1, 0, 0)), list[str]()
    for column in ("task_id", "kind", "state, left 状态, 剩余", "created 创建"):
        table.add_column(column, no_wrap=True)
    table.add_column("name 名称", overflow="fold")
    for job in newest:
        text = job.reason or job.note
        if text:
            reasons.append(f"{job.id[:8]}  [dim]{escape(on_one_line(text.pick(language())))}[/]")
        left = "" if job.eta_seconds is None else f", {job.eta_seconds:,.0f} s"
        color = STATE_COLORS.get(job.state.value, "yellow")
        created = datetime.fromtimestamp(job.created_at).astimezone().strftime("%m-%d %H:%M")
        state = f"[{color}]{status_text(job)}{left}[/]"
        table.add_row(job.id[:8], job.kind, state, created, escape(on_one_line(job.title)))
    cluster = [_node_table(known, running)] if known else []
    return Group(table, *reasons, *cluster, f"{platform.workspace.home}")


def _node_table(known: list[NodeRow], running: list[queue.Job]) -> Table:
    table = Table(box=box.SIMPLE, padding=(0, 1, 0, 0))
    for column in ("node 节点", "address 地址", "CPU", "GPU"):
        table.add_column(column, no_wrap=True)
    table.add_column("runs, or what is wrong 运行中，或问题", overflow="fold")
    for node in known:
        names = ", ".join(f"{job.id[:8]} {job.title}" for job in running if node.name in job.hosts)
        problem = "" if node.problem is None else f"[red]{escape(on_one_line(node.problem.pick(language())))}[/] "
        cells = (escape(node.name), node.address, f"{node.cpus:g}", str(len(node.gpus)))
        table.add_row(*cells, problem + escape(on_one_line(names)))
    return table


def tidy(
    home: Home = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
) -> None:
    """Remove what is older than the settings keep 清理过期的记录与日志. `serve` does it by itself.

    Replies under an Idempotency-Key, logs of ended jobs (never a training's, which stands in its task's folder), what
    killed jobs have left, what was deleted long ago, and by the settings `*_keep_days` previews, checkpoints, evaluations.
    """
    with opened(settings_of(home)) as platform:
        found = remove_old(platform, dry_run=dry_run)
    console.print(
        f"{'would be removed 将删除' if dry_run else 'removed 已删除'}: {found.replies} replies, {found.logs} logs"
        f" ({found.log_bytes / 2**20:.1f} MiB), {many(found.temporary, 'temporary folder')}, {many(found.uploads, 'abandoned upload')}"
    )
    for rule, (count, size) in found.more.items():
        console.print(f"  {rule} ({days_of(platform, rule):g} d): {count}, {size / 2**20:.1f} MiB")


def migrate(
    home: Home = None,
    begin_anew: Annotated[
        bool,
        typer.Option("--begin-anew", help="Begin an empty database beside the folders; a damaged one is put aside."),
    ] = False,
    to: Annotated[
        str, typer.Option(help="Move all rows into this empty database, e.g. postgresql://user@host/roadloop.")
    ] = "",
    source: Annotated[
        str, typer.Option("--from", help="With --to: the database that has them; absent: the workspace's own.")
    ] = "",
) -> None:
    """Set up a workspace, or bring its database to this version's schema 新建工作区或升级数据库. `serve` does it by itself.

    With --to all rows go into another database, are counted and compared there, and the old one is put out of use. Stop
    the server and the jobs first.
    """
    if to:
        _move(settings_of(home), source, to)
        return
    platform = _open_upgraded(settings_of(home), anew=begin_anew)
    console.print(f"{platform.workspace.home}: schema {schema.current(platform.database)}")
    platform.database.close()


def _move(settings: Settings, source: str, to: str) -> None:
    settings = settings.model_copy(update={"database_url": source or settings.database_url})
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with opened(settings) as platform, contextlib.closing(alone(platform)):
        _refuse_running(platform)
        with contextlib.closing(Database(to)) as target, Progress(*columns, console=console, transient=True) as bar:
            line = bar.add_task("rows 记录", total=None)
            home = platform.workspace.home
            counts = move(
                platform.database, target, home, lambda done, total: bar.update(line, completed=done, total=total)
            )
    shown = make_url(to).render_as_string(hide_password=True)
    text = Text(
        f"{sum(counts.values())} 条记录（{len(counts)} 个表）已迁移并核对。请设置 ROADLOOP_DATABASE_URL 为 {shown}，再启动服务。",
        f"{many(sum(counts.values()), 'row')} of {many(len(counts), 'table was', 'tables were')} moved and compared. Set ROADLOOP_DATABASE_URL to {shown},"
        " then start the server.",
    )
    console.print(escape(text.pick(language())))


def _refuse_running(platform: Platform) -> None:
    with platform.database.reading() as db:
        active = queue.running(db)
    if active:
        raise ConflictError(
            Text(
                f"还有 {len(active)} 个任务在运行，它们仍会写入原来的数据库。请用 roadloop serve --stop-jobs 启动后停止服务，或等它们结束。",
                f"{many(len(active), 'job runs', 'jobs run')}, and would go on writing to the old database. Stop them (on the page, or leave"
                " roadloop serve --stop-jobs), or wait until they have ended.",
            )
        )


def rehearse(
    home: Home = None,
    steps: Annotated[int, typer.Option(min=1, help="How far to count.")] = 20,
) -> None:
    """Run a job that only counts, to see that queue, processes and disk work 自检. Needs a running server."""
    with opened(settings_of(home)) as platform:
        _rehearse(platform, steps)


def _rehearse(platform: Platform, steps: int) -> None:
    with platform.database.transaction() as db:
        plan = Rehearsal(steps=steps, pause=0.1, name=f"rehearsal-{time.time_ns()}")
        task_id = queue.submit(db, queue.Submission("rehearsal", plan.payload(), "rehearsal 自检", priority=10))
    columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console) as bar:
        line = bar.add_task("rehearsal", total=1.0)
        waited = time.monotonic()
        while (job := _read(platform, task_id)).state not in ENDED:
            bar.update(line, completed=job.progress, description=status_text(job))
            if job.state is JobState.QUEUED and time.monotonic() - waited > 30:
                bar.stop()
                with platform.database.transaction() as db:
                    queue.cancel(db, task_id)
                console.print("Still waiting after 30 s: is `roadloop serve` running for this home? 服务是否已启动？")
                raise typer.Exit(1)
            time.sleep(0.1)
        bar.update(line, completed=job.progress, description=status_text(job))
    if job.state is not JobState.SUCCEEDED:
        raise typer.Exit(1)


def _read(platform: Platform, task_id: str) -> queue.Job:
    with platform.database.reading() as db:
        return queue.get(db, task_id)
