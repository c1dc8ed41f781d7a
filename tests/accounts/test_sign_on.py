"""Logging in by a real OpenID Connect provider: whose account it is, who gets a role, and what is refused with its cure."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from fastapi.testclient import TestClient

from oidc import CLIENT, SECRET, log_in_there, provider
from roadloop.accounts import service, sign_on, store
from roadloop.accounts.passwords import MOST_ANYWHERE
from roadloop.storage.platform import Platform
from signed_in import URL, Team, audit, make, make_each

PAGE = f"{URL}/"
BELOW = f"{URL}/roadloop/"  #: as a proxy shows it
ROLES = ("road-team=engineer", "staff=viewer", "labels=annotator")


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    with provider(PAGE, BELOW, PAGE.replace("http", "https")) as address:
        yield address


def told(platform: Platform, **settings: Any) -> Platform:
    """The installation with other settings."""
    return replace(platform, settings=platform.settings.model_copy(update=settings))


def team_of(platform: Platform, issuer: str, **more: Any) -> Team:
    """The application with that provider."""
    said = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET, **more}
    make(platform, "li", "admin")
    return Team(told(platform, **said))


@pytest.fixture
def team(platform: Platform, issuer: str) -> Team:
    return team_of(platform, issuer)


@pytest.fixture
def claiming(platform: Platform, issuer: str) -> Team:
    """Whose roles come by a claim."""
    scopes = ("openid", "profile", "groups")
    return team_of(platform, issuer, oidc_role_claim="groups", oidc_roles=ROLES, oidc_scopes=scopes)


def come_back(client: TestClient, person: str, page: str = PAGE, to: str = "/v1/sign_on", **more: str) -> Any:
    """Begin, log in there, and bring back what the provider has sent."""
    begun = client.post("/v1/sign_on/begin", json={"page": page})
    assert begun.status_code == 200, begun.text
    sent = dict(log_in_there(begun.json()["data"], person).params)
    return client.post(to, json={"page": page, **sent, **more})


def who(client: TestClient) -> tuple[Any, Any]:
    me = client.get("/v1/me").json()["data"]
    return me["name"], me["role"]


def test_account_without_a_password__is_of_the_first_who_is_called_so_and_then_of_nobody_else(
    team: Team, platform: Platform
) -> None:
    admin = team.browser("li")
    added = admin.post("/v1/accounts", json={"name": "Wang", "role": "engineer"})
    assert added.json()["data"] == "Wang"
    client = team.browser()
    answer = come_back(client, "s-wang")
    assert answer.json()["data"] == "Wang"
    cookies = answer.headers.get_list("set-cookie")
    assert any("HttpOnly" in one and "SameSite=lax" in one and "Max-Age=604800" in one for one in cookies)
    assert any("-begun=" in one and "Max-Age=0" in one for one in cookies)
    assert who(client) == ("Wang", "engineer")
    assert come_back(team.browser(), "s-wang").status_code == 200  # again, by subject
    with platform.database.transaction() as db:
        row = service.named(db, "Wang")
        store.identify(db, team.platform.settings.oidc_issuer, "somebody else", row.id, by_claim=False)
    refused = come_back(team.browser(), "s-wang")
    assert refused.status_code == 401
    assert "another person's" in refused.json()["message"]
    platform.database.write(lambda: sign_on.unlink("Wang"))
    assert come_back(team.browser(), "s-wang").status_code == 200
    assert team.browser().post("/v1/log_in", json={"name": "Wang", "password": "any other"}).status_code == 401
    lines = audit(platform, "who", "what", "facts")
    done = [facts for name, what, facts in lines if (name, what) == ("Wang", "log_in_by_provider")]
    assert done == [{"name": "Wang", "subject": "s-wang", "address": "testclient"}] * 3


def test_account_with_a_password__is_connected_by_its_owner_only(team: Team, platform: Platform) -> None:
    make(platform, "wang", "viewer")
    refused = come_back(team.browser(), "s-wang")
    assert refused.status_code == 401
    assert "connect" in refused.json()["message"]
    own = team.browser("wang")
    assert come_back(own, "s-wang", to="/v1/me/sign_on").json()["data"] == "wang"
    client = team.browser()
    assert come_back(client, "s-wang").status_code == 200
    assert who(client) == ("wang", "viewer")
    taken = come_back(team.browser("li"), "s-wang", to="/v1/me/sign_on")
    assert (taken.status_code, "unlink wang" in taken.json()["message"]) == (409, True)
    platform.database.write(lambda: service.change("wang", disabled=True))
    disabled = come_back(team.browser(), "s-wang")
    assert "disabled" in disabled.json()["message"]


def test_claim__makes_accounts_with_roles_never_an_admin_and_follows_the_claim(
    claiming: Team, platform: Platform
) -> None:
    made = {}
    for person in ("s-wang", "s-anna"):
        client = claiming.browser()
        assert come_back(client, person).status_code == 200
        made[person] = who(client)
    assert made == {"s-wang": ("wang", "engineer"), "s-anna": ("anna", "annotator")}
    for person in ("s-root", "s-none"):
        refused = come_back(claiming.browser(), person)
        assert refused.status_code == 401, refused.text
        assert "roadloop user add" in refused.json()["message"]
    platform.database.write(lambda: service.change("wang", role="viewer"))
    client = claiming.browser()
    come_back(client, "s-wang")
    assert who(client) == ("wang", "engineer")  # the claim says the role of whom it made
    platform.database.write(lambda: service.change("wang", role="admin"))
    come_back(client, "s-wang")
    assert who(client) == ("wang", "admin")  # but an admin was made by an admin
    platform.database.write(lambda: service.change("anna", role="viewer"))
    later = Team(told(claiming.platform, oidc_roles=("road-team=engineer",)))
    assert come_back(later.browser(), "s-anna").status_code == 401  # she has left the group
    people = {row["name"] for row in later.browser("li").get("/v1/accounts").json()["data"]}
    assert people == {"li", "wang", "anna"}


def test_session__is_another_one_after_the_log_in_and_what_was_begun_elsewhere_is_refused(
    team: Team, platform: Platform
) -> None:
    platform.database.write(lambda: service.add("wang", "viewer", None))
    client = team.browser("li")
    before = dict(client.cookies)
    assert come_back(client, "s-wang").status_code == 200
    assert TestClient(team.app, base_url=URL, cookies=before).get("/v1/jobs").status_code == 401
    assert who(client) == ("wang", "viewer")
    victim, thief = team.browser(), team.browser()
    begun = thief.post("/v1/sign_on/begin", json={"page": PAGE}).json()["data"]
    sent = dict(log_in_there(begun, "s-wang").params)
    planted = victim.post("/v1/sign_on", json={"page": PAGE, **sent})  # a code of somebody else's log-in
    assert planted.status_code == 401
    assert "not begun in this browser" in planted.json()["message"]
    wrong = thief.post("/v1/sign_on", json={"page": PAGE, **sent, "state": "x"})
    assert wrong.status_code == 401
    assert thief.post("/v1/sign_on", json={"page": PAGE, **sent, "iss": "https://evil.example"}).status_code == 401
    assert thief.post("/v1/sign_on", json={"page": PAGE, **sent}).status_code == 200
    thief.post("/v1/sign_on/begin", json={"page": PAGE})
    again = thief.post("/v1/sign_on", json={"page": PAGE, **sent})  # a code is good once, and for one log-in
    assert again.status_code == 401
    assert who(victim) == (None, None)


def test_page__below_a_path_and_behind_tls_and_no_other_server_s(team: Team, platform: Platform) -> None:
    platform.database.write(lambda: service.add("wang", "viewer", None))
    assert come_back(team.browser(), "s-wang", page=BELOW).status_code == 200
    tls = TestClient(
        team.app, base_url=URL, headers={"origin": URL, "x-forwarded-proto": "https"}, client=("127.0.0.1", 1)
    )
    refused = tls.post("/v1/sign_on/begin", json={"page": PAGE})
    assert (refused.status_code, "X-Forwarded-Proto" in refused.json()["message"]) == (422, True)
    begun = tls.post("/v1/sign_on/begin", json={"page": PAGE.replace("http", "https")})
    assert begun.headers["set-cookie"].startswith("__Host-roadloop-")
    assert "Secure" in begun.headers["set-cookie"]
    for page in (
        "https://evil.example/",
        "http://127.0.0.1:8601/",
        f"{URL}@evil.example/",
        f"{PAGE}?x=1",
        "javascript:0",
    ):
        assert team.browser().post("/v1/sign_on/begin", json={"page": page}).status_code == 422, page


def test_refusals__say_what_to_do_and_are_counted_and_recorded(team: Team, platform: Platform) -> None:
    client = team.browser()
    begun = client.post("/v1/sign_on/begin", json={"page": PAGE}).json()["data"]
    state = dict(part.split("=") for part in begun.partition("?")[2].split("&"))["state"]
    denied = client.post("/v1/sign_on", json={"page": PAGE, "state": state, "error": "access_denied", "code": ""})
    assert (denied.status_code, "did not agree" in denied.json()["message"]) == (401, True)
    zh = client.post(
        "/v1/sign_on", json={"page": PAGE, "state": state, "error": "x"}, headers={"accept-language": "zh"}
    )
    assert "没有同意" in zh.json()["message"]
    whats = [what for _, what in audit(platform, "who", "what")]
    assert whats.count("log_in_refused") == 2
    answers = {client.post("/v1/sign_on", json={"page": PAGE, "state": "x"}).status_code for _ in range(MOST_ANYWHERE)}
    assert answers == {401, 429}
    other = Team(told(team.platform, oidc_client_secret="wrong"))
    assert "oidc_client_secret" in come_back(other.browser(), "s-anna").json()["message"]


def test_name__comes_from_the_claim_that_is_set_and_a_mail_address_must_be_verified(
    platform: Platform, issuer: str
) -> None:
    team = team_of(platform, issuer, oidc_name_claim="email")
    for person in ("s-mail", "s-wang"):
        refused = come_back(team.browser(), person)
        assert (refused.status_code, "oidc_name_claim" in refused.json()["message"]) == (401, True)


def test_without_a_provider__or_an_account_nobody_comes_in(platform: Platform, issuer: str) -> None:
    make_each(platform)
    client = Team(platform).browser()
    assert client.get("/v1/me").json()["data"]["sign_on"] is None
    refused = client.post("/v1/sign_on/begin", json={"page": PAGE})
    assert (refused.status_code, "ROADLOOP_OIDC_ISSUER" in refused.json()["message"]) == (409, True)
    unset = Team(platform).browser("admin").post("/v1/accounts", json={"name": "wang", "role": "viewer"})
    assert (unset.status_code, unset.json()["details"]["parameter"]) == (422, "password")


def test_first_account__is_made_by_no_provider(platform: Platform, issuer: str) -> None:
    said: dict[str, Any] = {"oidc_issuer": issuer, "oidc_client_id": CLIENT, "oidc_client_secret": SECRET}
    said |= {"oidc_role_claim": "groups", "oidc_roles": ROLES, "oidc_scopes": ("openid", "profile", "groups")}
    refused = come_back(Team(told(platform, **said)).browser(), "s-wang")
    assert (refused.status_code, "roadloop user add" in refused.json()["message"]) == (409, True)
