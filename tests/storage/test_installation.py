"""A home and its database belong together; what is damaged, missing or somebody else's is refused by name."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from fastapi.testclient import TestClient
from typer.testing import CliRunner

from roadloop.cli.main import app
from roadloop.errors import AccessRefusedError, BrokenDatabaseError, ConflictError
from roadloop.jobs import queue
from roadloop.server import create_app
from roadloop.settings import Settings
from roadloop.storage import installation
from roadloop.storage.platform import Platform, open_platform


@contextmanager
def opened(settings: Settings, *, upgrade: bool = True, anew: bool = False) -> Iterator[Platform]:
    platform = open_platform(settings, upgrade=upgrade, anew=anew)
    try:
        yield platform
    finally:
        platform.database.close()


@pytest.fixture
def used(settings: Settings) -> Settings:
    """A home in which a server has been, with one job."""
    with opened(settings) as platform, platform.database.transaction() as db:
        queue.submit(db, queue.Submission("rehearsal", {}, "x"))
    return settings


@pytest.mark.sqlite
@pytest.mark.parametrize("upgrade", [True, False])
@pytest.mark.parametrize("empty", [True, False])
def test_a_used_home_gets_no_empty_database(used: Settings, upgrade: bool, empty: bool) -> None:
    for file in used.home.glob("roadloop.db*"):
        file.unlink()
    if empty:
        (used.home / "roadloop.db").touch()
    with pytest.raises(ConflictError, match=r"is (missing|empty)\. None was begun.*begin-anew"):
        open_platform(used, upgrade=upgrade)
    if not empty:
        assert not (used.home / "roadloop.db").exists()
    before = (used.home / installation.FILE).read_text()
    with opened(used, anew=True) as platform, platform.database.reading() as db:
        assert db.execute(sa.select(queue.jobs)).all() == []
        assert f"{db.scalar(sa.select(installation.installation.c.id))}\n" == before


def test_a_home_that_only_people_have_filled_gets_one(settings: Settings) -> None:
    (settings.home / "sources" / "town" / "1").mkdir(parents=True)
    with opened(settings) as platform:
        assert (platform.workspace.home / installation.FILE).read_text().strip()


@pytest.mark.sqlite
@pytest.mark.parametrize("damage", ["no database", "page", "schema"])
def test_a_damaged_database_is_named(used: Settings, damage: str) -> None:
    file = used.home / "roadloop.db"
    data = bytearray(file.read_bytes())
    if damage == "no database":
        data[:] = b"\0" * len(data)
    elif damage == "page":
        data[4096:] = b"\xff" * (len(data) - 4096)
    else:
        data[100:4096] = b"\x55" * 3996
    file.write_bytes(data)
    with pytest.raises(BrokenDatabaseError, match=r"put roadloop\.db back from a backup"):
        open_platform(used, upgrade=True)
    with opened(used, anew=True) as platform, platform.database.reading() as db:
        assert db.execute(sa.select(queue.jobs)).all() == []
    [kept] = used.home.glob("quarantine/*/roadloop.db")
    assert kept.read_bytes() == data
    assert "quarantine" in (used.home / "logs" / "repairs.log").read_text()


@pytest.mark.sqlite
def test_a_database_that_breaks_while_the_server_runs_is_named_in_the_answer(used: Settings) -> None:
    with opened(used) as platform:
        file = platform.workspace.home / "roadloop.db"
        with TestClient(create_app(platform, 8600), base_url="http://127.0.0.1:8600") as client:
            assert client.get("/v1/jobs").status_code == 200
            platform.database.close()  # the cached pages go
            file.write_bytes(b"\xff" * file.stat().st_size)
            answer = client.get("/v1/jobs", headers={"accept-language": "en"})
    assert (answer.status_code, answer.json()["error"]) == (500, "broken_database")
    assert "is damaged" in answer.json()["message"]


@pytest.mark.sqlite
def test_two_homes_never_share_a_database(used: Settings, tmp_path: Path) -> None:
    first = (used.home / installation.FILE).read_text().strip()
    url = f"sqlite:///{used.home / 'roadloop.db'}"
    other = used.model_copy(update={"home": tmp_path / "other", "database_url": url})
    with pytest.raises(ConflictError, match=rf"{first}: they are no pair"):
        open_platform(other, upgrade=True)
    with opened(used.model_copy(update={"database_url": url})) as platform:  # its own home, named the long way
        assert platform.upgraded == ()
    strange = used.model_copy(update={"home": tmp_path / "strange"})
    with opened(strange):
        pass
    second = (strange.home / installation.FILE).read_text().strip()
    shutil.copy(used.home / "roadloop.db", strange.home / "roadloop.db")
    for upgrade in (True, False):
        with pytest.raises(ConflictError, match=rf"installation {second}.*{first}"):
            open_platform(strange, upgrade=upgrade)


@pytest.mark.sqlite
def test_a_home_without_the_file_takes_the_id_of_its_own_database(used: Settings) -> None:
    file = used.home / installation.FILE
    before = file.read_text()
    file.unlink()
    with opened(used, upgrade=False):
        assert not file.exists()
    with opened(used):
        assert file.read_text() == before


def test_a_database_without_an_id_takes_that_of_its_home(used: Settings) -> None:
    """As after a kill between the two, and as a home of an older version does."""
    before = (used.home / installation.FILE).read_text()
    with opened(used) as platform, platform.database.transaction() as db:
        db.execute(installation.installation.delete())
    with pytest.raises(ConflictError, match="no pair"):
        open_platform(used)
    with opened(used) as platform, platform.database.reading() as db:
        assert f"{db.scalar(sa.select(installation.installation.c.id))}\n" == before


LOOK = """
import sys
from roadloop.jobs.fsck import inspect
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform
for home in sys.argv[1:]:
    report = inspect(open_platform(Settings(home=home)), hashes=True)
    print(report.jobs, "jobs", len(report.problems), "problems")
"""


@pytest.mark.sqlite
def test_a_read_only_home_is_read_with_what_stands_in_its_journal(used: Settings, tmp_path: Path) -> None:
    copy = tmp_path / "snapshot"
    with opened(used) as platform:
        with platform.database.transaction() as db:
            queue.submit(db, queue.Submission("rehearsal", {}, "in the journal"))
        assert (used.home / "roadloop.db-wal").stat().st_size
        shutil.copytree(used.home, copy)
    homes = (copy, used.home)  # with and without a journal
    before = [sorted(p.name for p in home.iterdir()) for home in homes]
    look = [sys.executable, "-c", LOOK, *map(str, homes)]
    if os.geteuid():
        _chmod(homes, "a-w")
        done = subprocess.run(look, capture_output=True, text=True, timeout=120, check=False)
        _chmod(homes, "u+w")
    else:  # whom no mode keeps from writing
        mounts = " && ".join(f"mount --bind {home} {home} && mount -o remount,ro,bind {home}" for home in homes)
        command = ["unshare", "-m", "sh", "-c", f'{mounts} && exec "$@"', "sh", *look]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        if "unshare" in done.stderr or "mount:" in done.stderr:
            pytest.skip("this system lets nobody mount")
    assert done.stdout == "2 jobs 0 problems\n" * 2, done.stderr
    assert [sorted(p.name for p in home.iterdir()) for home in homes] == before


def _chmod(homes: Sequence[Path], mode: str) -> None:
    subprocess.run(["chmod", "-R", mode, *homes], check=True)


@pytest.mark.sqlite
@pytest.mark.parametrize(
    ("shut", "said"), [("home", "belongs to root"), ("roadloop.db", "belongs to root"), ("", "as the user")]
)
def test_open__another_user_s_workspace_is_refused_with_the_way_to_open_it(
    settings: Settings, shut: str, said: str
) -> None:
    """By the commands too, the one that may begin a workspace among them."""
    if os.geteuid():
        pytest.skip("needs root, to be somebody else")
    with tempfile.TemporaryDirectory() as above:
        mine = settings.model_copy(update={"home": Path(above) / "home"})
        command = ["user", "add", "li", "--role", "admin", "--no-password", "--home", str(mine.home)]
        assert (
            CliRunner().invoke(app, command).exit_code == 0
        )  # and has loaded what somebody else may not be able to load
        assert mine.home.owner() == "root"
        for path in (Path(above), mine.home, mine.home / "roadloop.db"):
            path.chmod(0o700 if path.name == (shut or Path(above).name) else 0o755)
        os.seteuid(65534)
        try:
            for upgrade in (False, True):
                with pytest.raises(AccessRefusedError, match=said):
                    open_platform(mine, upgrade=upgrade)
            with pytest.raises(AccessRefusedError, match=said):
                CliRunner().invoke(app, command, catch_exceptions=False)
        finally:
            os.seteuid(0)
