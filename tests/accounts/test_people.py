"""Logging in and out, people, tokens, packages that are given, and who did what."""

import time
from functools import partial
from typing import Any

import pytest
from fastapi.testclient import TestClient

from roadloop.accounts import service, store
from roadloop.accounts.gate import Gate
from roadloop.accounts.passwords import MOST_HERE
from roadloop.errors import ConflictError, InvalidValueError, NameTakenError
from roadloop.jobs import queue
from roadloop.storage.platform import Platform
from signed_in import PAGE, PASSWORD, URL, Team, audit, make, make_each, token_of

OTHER = "noch ein ganz anderer Satz"


@pytest.fixture
def team(platform: Platform) -> Team:
    return Team(platform)


def name_of(client: TestClient) -> str | None:
    name: str | None = client.get("/v1/me").json()["data"]["name"]
    return name


def test_nobody__has_an_account_and_everything_is_as_before(team: Team) -> None:
    client = TestClient(team.app, base_url=URL)
    assert client.get("/v1/me").json()["data"] == {
        "accounts": False, "name": None, "role": "admin", "token": False,
        "rights": ["open", "self", "package", "see", "work", "rule"], "refused": [], "sign_on": None,
    }  # fmt: skip
    assert client.get("/v1/health").json()["data"]["jobs"]
    assert client.post("/v1/demo/pictures", json={}).status_code == 200
    assert audit(team.platform, "who", "what") == [("", "draw_pictures")]
    refused = client.post("/v1/accounts", json={"name": "li", "role": "admin", "password": PASSWORD})
    assert refused.status_code == 409


def test_first_account__with_the_code_of_the_terminal_and_never_again(team: Team) -> None:
    gate: Gate = team.app.state.gate
    first = {"name": "李", "password": PASSWORD, "code": "0000-0000-0000"}
    client = team.browser()
    assert client.post("/v1/accounts/first", json=first).status_code == 403
    assert name_of(client) is None
    code = gate.first_code()
    assert client.post("/v1/accounts/first", json={**first, "code": code}).json()["data"] == "李"
    assert name_of(client) == "李"
    assert gate.first_code() == ""
    again = team.browser().post("/v1/accounts/first", json={**first, "name": "other", "code": code})
    assert (again.status_code, again.json()["error"]) == (409, "conflict")
    assert team.browser().get("/v1/jobs").status_code == 401
    assert audit(team.platform, "who", "what") == [("李", "first_account")]


def test_first_account__codes_cannot_be_tried_one_after_another(team: Team) -> None:
    client, first = team.browser(), {"name": "li", "password": PASSWORD, "code": "x"}
    answers = [client.post("/v1/accounts/first", json=first).status_code for _ in range(MOST_HERE + 2)]
    assert answers == [403] * MOST_HERE + [429] * 2
    right = {**first, "code": team.app.state.gate.first_code()}
    assert client.post("/v1/accounts/first", json=right).status_code == 429


def test_an_account_made_on_the_command_line_closes_a_server_within_a_second(team: Team) -> None:
    client = team.browser()
    assert client.get("/v1/jobs").status_code == 200
    make(team.platform, "li", "admin")
    time.sleep(1.1)
    assert client.get("/v1/jobs").status_code == 401


def test_log_in__begins_a_session_in_a_cookie_that_scripts_and_other_sites_do_not_get(team: Team) -> None:
    make(team.platform, "Li", "admin")
    client = team.browser()
    answer = client.post("/v1/log_in", json={"name": "lI", "password": PASSWORD})
    cookie = answer.headers["set-cookie"].lower()
    assert answer.json() == {"errno": 1, "data": "Li"}
    assert all(part in cookie for part in ("httponly", "samesite=lax", "path=/", "max-age=604800"))
    assert "secure" not in cookie
    assert name_of(client) == "Li"
    tls = TestClient(team.app, base_url=URL, headers={**PAGE, "x-forwarded-proto": "https"}, client=("127.0.0.1", 1))
    cookie = tls.post("/v1/log_in", json={"name": "li", "password": PASSWORD}).headers["set-cookie"]
    assert cookie.startswith("__Host-roadloop-")
    assert "Secure" in cookie
    form = team.browser().post("/v1/log_in", data={"name": "li", "password": PASSWORD})
    assert form.status_code == 200


@pytest.mark.parametrize("said", [{"name": "li", "password": "wrong wrong"}, {"name": "nobody", "password": PASSWORD}])
def test_log_in__wrong_names_and_wrong_passwords_get_one_answer(team: Team, said: dict[str, str]) -> None:
    make(team.platform, "li", "admin")
    answer = team.browser().post("/v1/log_in", json=said)
    assert (answer.status_code, answer.json()["error"]) == (401, "log_in_needed")
    assert answer.json()["message"] == "Name or password is wrong, or the account is disabled."


def test_log_in__ends_the_session_that_the_browser_had_and_takes_none_that_was_planted(team: Team) -> None:
    make_each(team.platform)
    client = team.browser("viewer")
    old = dict(client.cookies)
    (name, planted), *_ = old.items()
    client.post("/v1/log_in", json={"name": "admin", "password": PASSWORD})
    assert client.cookies[name] != planted
    before = TestClient(team.app, base_url=URL, cookies=old)
    assert before.get("/v1/jobs").status_code == 401
    victim = TestClient(team.app, base_url=URL, headers=PAGE, cookies={name: "chosen-by-somebody"})
    answer = victim.post("/v1/log_in", json={"name": "admin", "password": PASSWORD})
    assert "chosen-by-somebody" not in answer.headers["set-cookie"]
    assert TestClient(team.app, base_url=URL, cookies={name: "chosen-by-somebody"}).get("/v1/jobs").status_code == 401


def test_sessions__end_by_log_out_new_password_being_disabled_and_time(team: Team) -> None:
    make_each(team.platform)
    one, two = team.browser("engineer"), team.browser("engineer")
    cookies = dict(one.cookies)
    assert one.post("/v1/log_out").status_code == 200
    assert TestClient(team.app, base_url=URL, cookies=cookies).get("/v1/jobs").status_code == 401
    assert two.get("/v1/jobs").status_code == 200
    three = team.browser("engineer")
    assert three.post("/v1/me/password", json={"old": "wrong", "password": OTHER}).status_code == 403
    assert three.post("/v1/me/password", json={"old": PASSWORD, "password": OTHER}).status_code == 200
    assert (two.get("/v1/jobs").status_code, three.get("/v1/jobs").status_code) == (401, 200)
    admin = team.browser("admin")
    assert admin.post("/v1/accounts/change", json={"name": "engineer", "disabled": "1"}).status_code == 200
    assert three.get("/v1/jobs").status_code == 401
    with team.platform.database.transaction() as db:
        db.execute(store.sessions.update().values(expires_at=time.time() - 1))
    assert admin.get("/v1/jobs").status_code == 401


def test_brute_force__is_slowed_down_where_it_comes_from_and_nobody_else_is_kept_out(team: Team) -> None:
    make(team.platform, "li", "admin")
    proxied = {"host": "127.0.0.1:8600", **PAGE}

    def attempt(address: str, password: str) -> Any:
        headers = {**proxied, "x-forwarded-for": f"spoofed, {address}"}
        client = TestClient(team.app, base_url=URL, headers=headers, client=("127.0.0.1", 5))
        return client.post("/v1/log_in", json={"name": "li", "password": password})

    answers = [attempt("203.0.113.9", f"wrong {n}") for n in range(MOST_HERE + 3)]
    assert [answer.status_code for answer in answers] == [401] * MOST_HERE + [429] * 3
    assert answers[-1].headers["retry-after"] == "60"
    assert "min" in answers[-1].json()["message"]
    assert attempt("203.0.113.9", PASSWORD).status_code == 429  # even the right one, from there
    assert attempt("203.0.113.10", PASSWORD).status_code == 200
    assert audit(team.platform, "what").count(("log_in_refused",)) == MOST_HERE


def test_brute_force__one_address_gets_fifty_attempts_at_all_names_and_one_network_of_ipv6_is_one(team: Team) -> None:
    attempts = team.app.state.gate.attempts
    for n in range(50):
        attempts.check(f"2001:db8:1:2::{n:x}", f"name {n}")
        attempts.wrong(f"2001:db8:1:2::{n:x}", f"name {n}")
    with pytest.raises(Exception, match="Too many wrong attempts"):
        attempts.check("2001:db8:1:2:ffff::1", "somebody")
    attempts.check("2001:db8:1:3::1", "somebody")


@pytest.mark.parametrize("password", ["", "short", "x" * 201, "li12345678"])
def test_passwords__have_a_length_and_say_more_than_the_name(platform: Platform, password: str) -> None:
    with pytest.raises(InvalidValueError):
        make(platform, "li", "admin", password)


def test_accounts__names_are_unique_in_whatever_capitals_and_one_admin_stays(platform: Platform) -> None:
    with pytest.raises(ConflictError, match="first account"):
        make(platform, "li", "engineer")
    make(platform, "Li", "admin")
    with pytest.raises(NameTakenError):
        make(platform, "lI", "viewer")
    for change in (partial(service.change, "li", role="viewer"), partial(service.change, "li", disabled=True)):
        with pytest.raises(ConflictError, match="only admin"):
            platform.database.write(change)
    make(platform, "王", "admin")
    platform.database.write(lambda: service.change("li", disabled=True))
    with pytest.raises(ConflictError, match="only admin"):
        platform.database.write(lambda: service.change("王", role="engineer"))


def test_tokens__are_shown_once_limited_ended_and_their_use_is_seen(team: Team) -> None:
    make_each(team.platform)
    browser = team.browser("engineer")
    said = {"name": "夜间脚本", "scope": "viewer", "days": 30}
    token = browser.post("/v1/tokens", json=said, headers={"idempotency-key": "k"}).json()["data"]
    assert token.startswith("roadloop_")
    listed = browser.get("/v1/tokens").json()["data"]
    assert [(row["name"], row["scope"], row["used_at"]) for row in listed] == [("夜间脚本", "viewer", None)]
    assert token not in str(listed)
    program = team.program(token)
    assert program.post("/train_history", json={}).status_code == 200
    assert program.post("/create_train", json={}).status_code == 403
    assert browser.get("/v1/tokens").json()["data"][0]["used_at"]
    assert program.post("/v1/tokens", json=said).status_code == 403
    assert program.post("/v1/me/password", json={"old": PASSWORD, "password": OTHER}).status_code == 403
    too_much = browser.post("/v1/tokens", json={**said, "scope": "admin"})
    assert too_much.status_code == 422
    assert team.browser("viewer").post(f"/v1/tokens/{listed[0]['id']}/revoke").status_code == 404
    assert browser.post(f"/v1/tokens/{listed[0]['id']}/revoke").status_code == 200
    assert program.get("/v1/jobs").status_code == 401
    assert [row["owner"] for row in team.browser("admin").get("/v1/tokens?all=1").json()["data"]] == ["engineer"]
    assert team.browser("admin").get("/v1/tokens").json()["data"] == []


def test_tokens__a_wrong_one_is_not_helped_by_a_cookie_and_an_old_one_ends(team: Team) -> None:
    make_each(team.platform)
    browser = team.browser("admin")
    assert browser.get("/v1/jobs", headers={"authorization": "Bearer roadloop_wrong"}).status_code == 401
    token = token_of(team.platform, "admin", "admin")
    assert team.program(token).get("/v1/jobs").status_code == 200
    with team.platform.database.transaction() as db:
        db.execute(store.tokens.update().values(expires_at=time.time() - 1))
    assert team.program(token).get("/v1/jobs").status_code == 401


FOREIGN = [
    {},  # a form of another page in an old browser, which says nothing
    {"sec-fetch-site": "cross-site"},
    {"sec-fetch-site": "same-site"},  # another port of this host
    {"origin": "http://127.0.0.1:9000"},
    {"origin": "null"},
    {"origin": "http://evil.example", "sec-fetch-site": "same-origin"},
]


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("path", ["/create_data", "/endtask", "/v1/log_out", "/v1/tokens", "/v1/accounts"])
def test_cookie__writes_for_pages_of_this_server_only_the_documented_posts_too(
    team: Team, headers: dict[str, str], path: str
) -> None:
    make_each(team.platform)
    cookies = dict(team.browser("admin").cookies)
    client = TestClient(team.app, base_url=URL, cookies=cookies)
    answer = client.post(path, data={"name": "x"}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (403, "access_refused"), answer.text
    same = client.post("/v1/log_out", headers={"sec-fetch-site": "same-origin"})
    assert same.status_code == 200


def test_author__who_did_it_stands_in_the_job_its_history_and_the_record(team: Team) -> None:
    make_each(team.platform)
    browser = team.browser("engineer")
    task = browser.post("/v1/demo/pictures", json={}).json()["data"]
    program = team.program(token_of(team.platform, "admin", "engineer"))
    other = program.post("/v1/demo/pictures", json={"name": "two"}).json()["data"]
    rows = {row["task_id"]: row["author"] for row in browser.get("/v1/jobs").json()["data"]}
    assert rows == {task: "engineer", other: "admin"}
    with team.platform.database.reading() as db:
        assert queue.get(db, task).author == "engineer"
    browser.post(f"/v1/jobs/{task}/cancel")
    lines = audit(team.platform, "who", "what", "facts")
    assert lines[-3:] == [
        ("engineer", "draw_pictures", {"answer": task}),
        ("admin", "draw_pictures", {"name": "two", "answer": other}),
        ("engineer", "cancel_job", {"task_id": task, "answer": "cancelled"}),
    ]


def test_audit__a_request_that_is_repeated_under_its_key_is_recorded_once_and_a_refused_one_not(team: Team) -> None:
    make_each(team.platform)
    browser = team.browser("engineer")
    before = len(audit(team.platform, "seq"))
    answers = {browser.post("/v1/demo/pictures", headers={"idempotency-key": "k"}).text for _ in range(3)}
    assert len(answers) == 1
    assert browser.post("/create_data", json={"data_name": "x"}).status_code == 422
    assert len(audit(team.platform, "seq")) == before + 1
    other = team.browser("admin").post("/v1/demo/pictures", headers={"idempotency-key": "k"})
    assert (other.status_code, other.json()["error"]) == (422, "idempotency_mismatch")


def test_audit__uploads_and_their_end_are_recorded_and_bytes_are_not(team: Team) -> None:
    make_each(team.platform)
    browser = team.browser("engineer")
    headers = {"tus-resumable": "1.0.0", "upload-length": "4", "upload-metadata": "name eA=="}
    assert team.browser("viewer").post("/v1/uploads", headers=headers).status_code == 403
    at = browser.post("/v1/uploads", headers=headers).headers["location"]
    sent = {"tus-resumable": "1.0.0", "upload-offset": "0", "content-type": "application/offset+octet-stream"}
    assert team.browser("viewer").patch(at, headers=sent, content=b"abcd").status_code == 403
    assert TestClient(team.app, base_url=URL).patch(at, headers=sent, content=b"abcd").status_code == 401
    assert browser.patch(at, headers=sent, content=b"ab").status_code == 204
    assert team.browser("viewer").delete(at, headers=sent).status_code == 403
    assert browser.delete(at, headers=sent).status_code == 204
    lines = audit(team.platform, "who", "what", "facts")
    done = [line for line in lines if line[1] != "log_in"]
    assert [(who, what) for who, what, _ in done] == [("engineer", "begin_upload"), ("engineer", "remove_upload")]
    assert done[0][2]["location"] == at


def test_audit__page_table_and_verification_for_admins(team: Team) -> None:
    make_each(team.platform)
    admin = team.browser("admin")
    admin.post("/v1/accounts", json={"name": "=HYPERLINK(1)", "role": "viewer", "password": PASSWORD})
    admin.post("/v1/accounts/change", json={"name": "viewer", "role": "engineer"})
    rows = admin.get("/v1/audit", params={"page_size": 2}).json()["data"]
    assert [(row["who"], row["what"]) for row in rows] == [("admin", "change_account"), ("admin", "add_account")]
    assert rows[0]["facts"] == {"name": "viewer", "role": "engineer", "answer": "viewer"}
    assert rows[0]["text"].startswith("Change an account")
    zh = admin.get("/v1/audit", params={"page_size": 1}, headers={"accept-language": "zh"}).json()["data"]
    assert zh[0]["text"].startswith("修改账号")
    assert admin.get("/v1/audit", params={"before": rows[1]["seq"]}).json()["data"][0]["what"] == "log_in"
    table = admin.get("/v1/audit/table")
    assert table.headers["content-type"].startswith("text/csv")
    assert table.text.splitlines()[0] == "seq,at,who,what,facts,hash"
    assert admin.get("/v1/audit/verify").json()["data"] == {"lines": rows[0]["seq"], "hash": rows[0]["hash"]}
    assert (
        admin.get("/v1/audit", params={"who": "admin", "what": "log_in"}).json()["data"][0]["facts"]["name"] == "admin"
    )
