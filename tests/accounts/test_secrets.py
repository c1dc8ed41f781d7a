"""S12: planted passwords, tokens, codes and cookies stand nowhere where somebody reads them.

A real server, real commands; then every row of the database, every file of the home, and all that was printed and answered is
searched.
"""

import re
import subprocess
import sys
import time
from pathlib import Path

import httpx2 as httpx
import pytest
import sqlalchemy as sa

from live import LiveServer
from roadloop.settings import Settings
from roadloop.storage.platform import Platform

FIRST = "planted-first-Ärger-1"
WRONG = "planted-wrong-2222"
NEXT = "planted-next-333333"
COMMAND = "planted-command-44"
SET_TOKEN = "planted-label-studio-0123456789"
SET_SECRET = "planted-provider-0123456789"
ODD = ("planted-short", "planted-too-long" + "x" * 300)


LOOKED_AT = (
    "/v1/audit?page_size=1000",
    "/v1/audit/table",
    "/v1/accounts",
    "/v1/tokens?all=1",
    "/metrics",
    "/v1/me",
    "/v1/settings",
)


def code_of(server: LiveServer) -> str:
    """The code of the first account, which the server prints after its address."""
    until = time.monotonic() + 20
    while time.monotonic() < until:
        for line in list(server.output):
            if found := re.search(r"code 代码 ([0-9a-f-]{14})", line):
                return found[1]
        time.sleep(0.05)
    raise AssertionError("no code was printed:\n" + "".join(server.output))


def begin(client: httpx.Client, code: str) -> str:
    """Make the first account, wrongly at first; the cookie."""
    first = {"name": "li", "password": FIRST, "code": code}
    client.post("/v1/accounts/first", json={**first, "password": ODD[0][:9]})
    client.post("/v1/accounts/first", params=first)
    client.post("/v1/accounts/first", json={**first, "code": [FIRST]})
    assert client.post("/v1/accounts/first", json=first, headers={"idempotency-key": "one"}).status_code == 200
    return next(iter(client.cookies.values()))


def mistype(client: httpx.Client) -> None:
    """Passwords that are wrong, too short, too long, no text, in the wrong field, in the address, in a broken body."""
    for password in (WRONG, *ODD, {"x": WRONG}, [WRONG]):
        client.post("/v1/log_in", json={"name": "li", "password": password})
        client.post("/v1/accounts", json={"name": "li", "role": "viewer", "password": password})
    client.post("/v1/log_in", json={"name": WRONG, "password": "x"})
    client.post("/v1/log_in", params={"name": "li", "password": WRONG})
    client.post("/v1/log_in", content=f'{{"name": "li", "password": "{WRONG}"', headers={"content-type": "text/json"})


def command(settings: Settings, *words: str, said: str = "") -> str:
    """What a command prints."""
    done = subprocess.run(
        [sys.executable, "-P", "-m", "roadloop", *words],
        env=settings.child_environment(),
        input=said,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout + done.stderr


@pytest.fixture
def told(settings: Settings) -> Settings:
    return settings.model_copy(update={"label_studio_token": SET_TOKEN, "oidc_client_secret": SET_SECRET})


@pytest.mark.slow
def test_secrets__that_were_planted_stand_in_no_row_file_log_answer_or_record(
    told: Settings, platform: Platform
) -> None:
    server, answers = LiveServer(told), list[str]()
    try:
        server.start()
        client = server.client(check=False)
        client.headers["origin"] = server.url
        client.event_hooks["response"].append(lambda answer: answers.append((answer.read() or b"").decode()))
        code = code_of(server)
        cookie = begin(client, code)
        mistype(client)
        assert client.post("/v1/me/password", json={"old": FIRST, "password": NEXT}).status_code == 200
        newer = next(iter(client.cookies.values()))
        token = client.post("/v1/tokens", json={"name": "script", "scope": "admin"}).json()["data"]
        answers.pop()  # the one answer that shows it
        client.get("/v1/jobs", headers={"authorization": f"Bearer {token}"})
        client.get("/v1/jobs", headers={"authorization": f"Bearer {token}x"})
        command(told, "user", "add", "wang", "--role", "engineer", "--stdin", said=f"{COMMAND}\n")
        command(told, "user", "passwd", "wang", "--stdin", said=ODD[0][:9])
        shown = command(told, "user", "list") + command(told, "token", "list") + command(told, "audit", "export")
        made = command(told, "token", "add", "cron", "--user", "wang").strip().splitlines()[-1]
        server.wait("/v1/jobs", client.post("/v1/demo/pictures", json={}).json()["data"], client=client)
        answers += [client.get(path).text for path in LOOKED_AT]
        printed = "".join(server.output) + server.stop()
    finally:
        server.close()
    secrets = {
        FIRST,
        WRONG,
        NEXT,
        COMMAND,
        SET_TOKEN,
        SET_SECRET,
        cookie,
        newer,
        token,
        made,
        ODD[1],
        token[9:],
        made[9:],
    }
    assert len(secrets) == 13
    assert min(map(len, secrets)) > 12
    places = {"answers": "\n".join(answers), "printed": printed, "commands": shown, "rows": rows_of(platform)}
    places |= {str(path): path.read_bytes().decode("utf-8", "replace") for path in files_of(told.home)}
    leaks = [(secret, place) for place, text in places.items() for secret in secrets if secret in text]
    assert leaks == []
    assert all(code not in text for place, text in places.items() if place != "printed")
    assert "log_in_refused" in places["rows"]
    assert "argon2id" in places["rows"]
    print(f"\n{len(secrets)} secrets, {len(answers)} answers, {len(places)} places, no leak")


def rows_of(platform: Platform) -> str:
    with platform.database.reading() as db:
        tables = [name for name in sa.inspect(db).get_table_names() if name != "search"]  # its words stand in others
        return "\n".join(str(row) for name in tables for row in db.execute(sa.text(f'SELECT * FROM "{name}"')))


def files_of(home: Path) -> list[Path]:
    return [path for path in home.rglob("*") if path.is_file() and path.suffix not in {".jpg", ".png"}]
