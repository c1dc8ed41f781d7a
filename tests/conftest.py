"""Fixtures that every part shares: a migrated workspace, jobs run in this process, a real server."""

import gc
import hashlib
import os
import pkgutil
import random
import shutil
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import sqlalchemy as sa
from fastapi import FastAPI, Request
from fastapi.responses import Response
from fastapi.testclient import TestClient

# Two OpenMP threads on a busy machine are slower than one, and change sums. Before anything imports torch.
os.environ["OMP_NUM_THREADS"] = "1"

import stillness
from approved import approve_at_home
from live import LiveServer
from postgres import Cluster, installed
from roadloop.accounts.gate import Gate
from roadloop.errors import RoadloopError
from roadloop.jobs import queue, run
from roadloop.models.files import save_model
from roadloop.settings import PREFIX, Settings
from roadloop.storage import objects, postgresql
from roadloop.storage.platform import Platform, open_platform
from roadloop.web import errors
from s3_server import KEYS, Bucket, S3Server

SHARED = Path(__file__).parents[2] / "shared" / "data"


def pytest_addoption(parser: pytest.Parser) -> None:
    """What the tests can be told; the Makefile and tests/training/test_golden.py say when."""
    parser.addoption("--full", action="store_true", help="kill tests at their first figure, not N = 3")
    parser.addoption("--long", action="store_true", help="with --full: lengths that only make endurance has time for")
    parser.addoption("--seed", type=int, default=0, help="of the reliability programmes' random choices")
    parser.addoption("--database", choices=("sqlite", "postgresql"), default="sqlite", help="what the tests run on")
    parser.addoption("--write-curves", action="store_true", help="write the golden loss curves anew")
    parser.addoption("--write-sums", action="store_true", help="write the recorded sums of files anew")
    parser.addoption(
        "--no-skips",
        action="store_true",
        help="fail when a test is skipped, except for want of a GPU, cgroup or Node 20",
    )


def pytest_configure() -> None:
    """Watch every transaction of this process, and of those that it starts with `stillness.watched`."""
    stillness.begin()


def pytest_collection_finish() -> None:
    """What the tests and what they test have loaded stays: no full collection of garbage looks through it each time."""
    gc.collect()
    gc.freeze()


def pytest_unconfigure() -> None:
    """Take the watch's report away."""
    stillness.end()


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Some tests run only when asked for (make test-services, test-cluster, reliability), or on SQLite alone."""
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.reliability)
    asked = {
        "services": "services" in str(config.option.markexpr),
        "cluster": "cluster" in str(config.option.markexpr),
        "slow": bool(config.getoption("--full")),
        "sqlite": config.getoption("--database") == "sqlite",
    }
    left_out = [item for item in items if any(item.get_closest_marker(mark) and not on for mark, on in asked.items())]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if item not in left_out]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Name the skips that `--no-skips` does not excuse."""
    for report in _unexcused(terminalreporter, config):
        terminalreporter.write_line(f"SKIPPED although --no-skips: {report.nodeid}", red=True)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Fail the run for skips that `--no-skips` does not excuse."""
    reporter = session.config.pluginmanager.get_plugin("terminalreporter")
    if reporter is not None and _unexcused(reporter, session.config) and session.exitstatus == 0:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def _unexcused(reporter: pytest.TerminalReporter, config: pytest.Config) -> list[pytest.TestReport]:
    if not config.getoption("--no-skips"):
        return []
    excuses = ("GPU", "cgroup", "Node 20")
    skipped = reporter.stats.get("skipped", [])
    return [report for report in skipped if not any(excuse in str(report.longrepr) for excuse in excuses)]


@pytest.fixture
def times(request: pytest.FixtureRequest) -> Callable[[int], int]:
    """How often a kill test kills: its first figure with --full, else 3."""
    full = bool(request.config.getoption("--full"))
    return lambda first_figure: first_figure if full else min(3, first_figure)


@pytest.fixture
def rng(request: pytest.FixtureRequest) -> random.Random:
    """Random choices of a programme: the same for each test and `--seed`."""
    return random.Random(f"{request.node.name} {request.config.getoption('--seed')}")


@pytest.fixture(autouse=True)
def clean_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of the machine reaches a test."""
    for name in [name for name in os.environ if name.startswith(PREFIX)]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def still() -> Iterator[None]:
    """No transaction, here or in a process that the test started, touches a file or works for long."""
    yield
    assert not (found := stillness.found()), found


@pytest.fixture(scope="session")
def cluster(request: pytest.FixtureRequest) -> Iterator[Cluster | None]:
    """The PostgreSQL server of these tests; None with SQLite."""
    if request.config.getoption("--database") == "sqlite":
        yield None
        return
    with Cluster() as started:
        yield started


@pytest.fixture(scope="session")
def rows_server() -> Iterator[Cluster]:
    """A PostgreSQL server that writes through, as people run it, whatever the other tests run on."""
    if not installed():
        pytest.skip("needs the distribution's package postgresql")
    with Cluster(durable=True) as started:
        yield started


@pytest.fixture
def there(settings: Settings, rows_server: Cluster) -> Settings:
    """Settings of a fresh workspace whose rows are to be in PostgreSQL."""
    return settings.model_copy(update={"database_url": rows_server.create("there")})


@pytest.fixture
def database_url(cluster: Cluster | None, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """An empty database of this test's, which commands find too; "" is SQLite in the workspace."""
    if cluster is None:
        yield ""
        return
    name = uuid.uuid4().hex
    url = cluster.create(name)
    monkeypatch.setenv(f"{PREFIX}DATABASE_URL", url)
    opened: list[sa.Engine] = []
    connect = postgresql.connect

    def noted(*given: Any) -> sa.Engine:
        opened.append(connect(*given))
        return opened[-1]

    monkeypatch.setattr(postgresql, "connect", noted)
    yield url
    for engine in opened:  # psycopg, unlike SQLite's driver, warns of connections that nobody closes
        engine.dispose()
    cluster.drop(name)


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    """An object store that speaks S3."""
    server = S3Server()
    yield server
    server.close()


@pytest.fixture
def use_store(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Callable[[dict[str, str]], None]]:
    """Lets this process, and what it starts, find another object store, by variables of the environment."""
    nobody = {"AWS_CONFIG_FILE": str(tmp_path / "none"), "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none")}

    def use(variables: dict[str, str]) -> None:
        forget()
        for name, value in (KEYS | nobody | {"AWS_EC2_METADATA_DISABLED": "true"} | variables).items():
            monkeypatch.setenv(name, value)

    def forget() -> None:
        if objects._made.cache_info().currsize:
            objects._client().close()
        objects._made.cache_clear()

    yield use
    forget()


@pytest.fixture
def bucket(s3_server: S3Server, use_store: Callable[[dict[str, str]], None]) -> Iterator[Bucket]:
    """An empty bucket in a store that this process finds."""
    made = s3_server.bucket()
    use_store(made.environment)
    yield made
    made.client.close()


@pytest.fixture
def settings(tmp_path: Path, database_url: str) -> Settings:
    """Settings of a fresh workspace, with short leases."""
    return Settings(
        home=tmp_path / "home",
        database_url=database_url,
        port=0,
        lease_seconds=1,
        sweep_seconds=0.5,
        poll_seconds=0.05,
        min_free_mib=0,
        torch_threads=1,
    )


@pytest.fixture(scope="session")
def fresh_home(tmp_path_factory: pytest.TempPathFactory, cluster: Cluster | None) -> Path:
    """A workspace in which nothing has happened; to be copied, because migrating a database takes a while."""
    home = tmp_path_factory.mktemp("fresh") / "home"
    url = cluster.create("fresh") if cluster is not None else ""
    open_platform(Settings(home=home, port=0, database_url=url), upgrade=True).database.close()
    return home


@pytest.fixture
def platform(settings: Settings, fresh_home: Path, cluster: Cluster | None) -> Iterator[Platform]:
    """A fresh workspace with a migrated database."""
    shutil.copytree(fresh_home, settings.home, dirs_exist_ok=True)
    if cluster is not None:
        cluster.create(settings.database_url.rpartition("/")[2], "fresh")
    opened = open_platform(settings)
    yield opened
    opened.database.close()


@pytest.fixture
def served(request: pytest.FixtureRequest) -> tuple[str, ...]:
    """The features whose routes `client` reaches: that whose tests these are, where a module does not name others."""
    return (request.path.relative_to(Path(__file__).parent).parts[0],)


@pytest.fixture
def client(platform: Platform, served: tuple[str, ...]) -> Iterator[TestClient]:
    """A client in this process; the whole application would take half a second for each test."""
    app = FastAPI()
    app.state.gate = Gate(platform)
    for feature in served:
        app.include_router(pkgutil.resolve_name(f"roadloop.{feature}.api:routes")(platform))
    app.add_exception_handler(RoadloopError, _answer)
    with TestClient(app) as opened:
        yield opened


def _answer(request: Request, error: Exception) -> Response:
    assert isinstance(error, RoadloopError)
    return errors.answer(request, error)


RunJob = Callable[[Platform, str], queue.Job]


@pytest.fixture
def run_job() -> RunJob:
    """Run a queued job in this process, through the real context; returns its row afterwards."""

    def run_now(platform: Platform, task_id: str) -> queue.Job:
        with platform.database.transaction() as db:
            job = queue.claim(db, task_id, (), "test")
        run.run(platform, job)
        with platform.database.reading() as db:
            return queue.get(db, task_id)

    return run_now


def shared_data(name: str) -> Path:
    """A folder of real data beside the project; the test is skipped where it is absent."""
    path = SHARED / name
    if not path.exists():
        pytest.skip(f"{name} is not beside the project (../shared/data/{name})")
    return path


@pytest.fixture
def gpu() -> Any:
    """The first NVIDIA GPU, a `torch.device`; the test is skipped where there is none."""
    import torch  # noqa: PLC0415 - most tests need none, and it takes seconds

    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU")
    return torch.device("cuda", 0)


BRIGHTEST = "import torch\n\n\ndef build(num_classes):\n    return torch.nn.Conv2d(3, num_classes, 1, bias=False)\n"

WriteModel = Callable[..., Path]


@pytest.fixture(scope="session")
def write_model() -> WriteModel:
    """Write a model file pair, approved where it is in a workspace, whose prediction is the brightest of red, green and blue: train ids 0, 1 and 2.

    Its class table holds the raw ids 10 red, 20 green and 30 blue in their own colours, and 40 white, ignored.
    """

    def write(
        folder: Path,
        prefix: str = "tiny",
        epoch: int = 1,
        *,
        order: tuple[int, int, int] = (0, 1, 2),
        **changes: object,
    ) -> Path:
        rows = [(10, "red", "红", (255, 0, 0)), (20, "green", "绿", (0, 255, 0)), (30, "blue", "蓝", (0, 0, 255))]
        table = [
            {"raw_id": raw, "name_en": en, "name_zh": zh, "color": list(color), "train_id": i}
            for i, (raw, en, zh, color) in enumerate([*rows, (40, "white", "白", (255, 255, 255))])
        ]
        description = {
            "task": "苏州",
            "network": {
                "name": "brightest",
                "digest": hashlib.sha256(BRIGHTEST.encode()).hexdigest(),
                "settings": {},
                "source": BRIGHTEST,
            },
            "num_classes": 3,
            "classes": [
                {"train_id": i, "name_en": en, "name_zh": zh, "color": color}
                for i, (_, en, zh, color) in enumerate(rows)
            ],
            "class_table": table,
            "label_map": {"entries": {str(raw): [i, en, zh] for i, (raw, en, zh, _) in enumerate(rows)}},
            "normalisation": {"mean": [0.0, 0.0, 0.0], "std": [1.0, 1.0, 1.0]},
            "input": {"crop": [8, 8], "size": [8, 8]},
            "training": {"miou": 0.5},
            **changes,
        }
        weight = np.eye(int(str(description["num_classes"])), 3, dtype=np.float32)
        weight[:3] = weight[list(order)]
        folder.mkdir(parents=True, exist_ok=True)
        moves = save_model(folder, prefix, epoch, {"weight": weight[:, :, None, None]}, description)
        for scratch, target in moves:
            scratch.rename(target)
        return approve_at_home(moves[0][1])

    return write


@pytest.fixture
def server(settings: Settings) -> Iterator[LiveServer]:
    """A real `roadloop serve` on a fresh workspace; its client holds every answer against the API description."""
    live = LiveServer(settings)
    live.start()
    yield live
    live.close()
