"""`roadloop user`, `token` and `audit`: people and programs without a server."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from typer.testing import CliRunner

from roadloop.accounts import service, store
from roadloop.cli.main import app
from roadloop.errors import ConflictError, InvalidValueError, NotFoundError, RoadloopError
from roadloop.storage.platform import Platform
from signed_in import PASSWORD, Team, audit

Words = Callable[..., str]


@pytest.fixture
def run(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> Words:
    """Runs a command on the workspace; what it prints."""
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("COLUMNS", "200")

    def words(*given: str, said: str = "", home: Path = platform.settings.home) -> str:
        done = CliRunner().invoke(app, [*given, "--home", str(home)], input=said, catch_exceptions=False)
        assert done.exit_code == 0, done.output
        return done.output

    return words


def test_user__add_list_passwd_role_and_disable(run: Words, platform: Platform) -> None:
    with pytest.raises(ConflictError, match="first account"):
        run("user", "add", "wang", "--stdin", said=f"{PASSWORD}\n")
    run("user", "add", "li", "--role", "admin", "--stdin", said=f"{PASSWORD}\n")
    run("user", "add", "wang", "--stdin", said=f"{PASSWORD}\n")
    browser = Team(platform).browser("wang")
    assert browser.get("/v1/jobs").status_code == 200
    run("user", "passwd", "wang", "--stdin", said="quite another sentence\n")
    assert browser.get("/v1/jobs").status_code == 401
    run("user", "role", "wang", "viewer")
    run("user", "disable", "wang")
    listed = run("user", "list")
    assert re.search(r"li +admin +can log in +-", listed)
    assert re.search(r"wang +viewer +disabled +20", listed)
    run("user", "disable", "wang", "--undo")
    assert Team(platform).browser("wang", "quite another sentence").post("/create_data").status_code == 403
    whats = [what for who, what in audit(platform, "who", "what") if who == ""]
    assert whats == ["add_account"] * 2 + ["change_account"] * 4
    assert "command_line" in audit(platform, "facts")[0][0]


def test_user__the_first_admin_begins_a_workspace_where_nothing_lies(
    run: Words, platform: Platform, tmp_path: Path
) -> None:
    """As on a fresh server: its folder is made for it, on a disk of its own."""
    disk = tmp_path / "srv"
    (disk / "lost+found").mkdir(parents=True)
    assert run("user", "add", "li", "--role", "admin", "--no-password", home=disk).startswith(
        f"A new workspace: {disk}"
    )
    assert "li" in run("user", "list", home=disk)
    run("user", "add", "li", "--role", "admin", "--no-password", home=tmp_path / "absent")


@pytest.mark.parametrize("role", ["admin", "engineer"])
def test_user__no_workspace_is_begun_elsewhere(run: Words, platform: Platform, tmp_path: Path, role: str) -> None:
    """Not among other people's files; and a later account's folder was mistyped."""
    home = tmp_path / "other"
    home.mkdir()
    if role == "admin":
        (home / "letters.txt").touch()
    with pytest.raises(NotFoundError, match="no workspace"):
        run("user", "add", "li", "--role", role, "--no-password", home=home)
    assert len(list(home.iterdir())) == (role == "admin")


def test_user__without_a_password_and_parted_from_the_provider_s_person(run: Words, platform: Platform) -> None:
    run("user", "add", "li", "--role", "admin", "--no-password")
    with platform.database.transaction() as db:
        account = service.named(db, "li")
        store.identify(db, "https://sso.example", "subject", account.id, by_claim=False)
        service.begin_session(db, account, 1)
    assert Team(platform).browser().post("/v1/log_in", json={"name": "li", "password": PASSWORD}).status_code == 401
    run("user", "unlink", "li")
    with platform.database.reading() as db:
        assert store.identity(db, "https://sso.example", "subject") is None
        assert db.scalar(sa.select(sa.func.count()).select_from(store.sessions)) == 0
    assert [what for (what,) in audit(platform, "what")] == ["add_account", "log_in_refused", "unlink_sign_on"]
    with pytest.raises(NotFoundError):
        run("user", "unlink", "nobody")


def test_user__refusals(run: Words) -> None:
    run("user", "add", "li", "--role", "admin", "--stdin", said=f"{PASSWORD}\n")
    with pytest.raises(InvalidValueError, match="10 to 200"):
        run("user", "passwd", "li", "--stdin", said="short\n")
    with pytest.raises(InvalidValueError, match="no terminal"):
        run("user", "passwd", "li")
    with pytest.raises(NotFoundError, match="Nobody is called"):
        run("user", "disable", "wang")
    with pytest.raises(ConflictError, match="only admin"):
        run("user", "role", "li", "viewer")


def test_token__add_list_and_revoke(run: Words, platform: Platform) -> None:
    run("user", "add", "li", "--role", "admin", "--stdin", said=f"{PASSWORD}\n")
    token = run("token", "add", "nightly", "--user", "LI", "--scope", "engineer", "--days", "30").strip()
    program = Team(platform).program(token)
    assert program.get("/v1/jobs").status_code == 200
    listed = run("token", "list")
    assert re.search(r"1 +nightly +li +engineer +20.* 20", listed)
    assert token not in listed
    run("token", "revoke", "1")
    assert "revoked" in run("token", "list")
    assert program.get("/v1/jobs").status_code == 401
    with pytest.raises(NotFoundError):
        run("token", "revoke", "2")


def test_audit__verify_with_a_line_that_was_kept_and_export(run: Words, platform: Platform) -> None:
    run("user", "add", "li", "--role", "admin", "--stdin", said=f"{PASSWORD}\n")
    said = run("audit", "verify")
    assert "1 line, the chain of hashes is whole" in said
    kept = said.strip().splitlines()[-1]
    run("token", "add", "nightly", "--user", "li")
    assert run("audit", "verify", "--head", kept).strip().splitlines()[-1].startswith("2:")
    with pytest.raises(RoadloopError, match="does not fit its chain"):
        run("audit", "verify", "--head", "2:" + "0" * 64)
    with pytest.raises(InvalidValueError, match="NUMBER:HASH"):
        run("audit", "verify", "--head", "x")
    table = run("audit", "export").splitlines()
    assert table[0] == "seq,at,who,what,facts,hash"
    assert len(table) == 3
