"""What a provider may say and must not: ID tokens of every wrong kind, and answers of every odd one, from a server of ours."""

import json
import sys
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs

import pytest
from joserfc import jwt
from joserfc.jwk import OctKey, RSAKey

from roadloop.accounts.provider import Provider, Way, check
from roadloop.errors import BusyError, InvalidValueError, LogInNeededError, MissingPackageError
from roadloop.settings import Settings

KEY, OTHER = (RSAKey.generate_key(2048, parameters={"kid": kid, "alg": "RS256", "use": "sig"}) for kid in ("a", "b"))
SHARED = OctKey.import_key("the client's secret, which both of them know")
WAY = Way("http://127.0.0.1:8600/", "state", "nonce", "v" * 43)


class Double(ThreadingHTTPServer):
    """A provider that says what a test wants."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.issuer = f"http://127.0.0.1:{self.server_port}"
        self.asked: list[str] = []
        self.forms: list[dict[str, list[str]]] = []
        self.keys = [KEY]
        self.says: dict[str, Any] = {}
        self.settings = Settings(oidc_issuer=self.issuer, oidc_client_id="roadloop")

    def claims(self, **more: Any) -> dict[str, Any]:
        """Those of a good ID token, changed; None leaves one out."""
        now = int(time.time())
        good = {"iss": self.issuer, "sub": "s", "aud": "roadloop", "iat": now, "exp": now + 60, "nonce": WAY.nonce,
                "preferred_username": "li"}  # fmt: skip
        return {name: value for name, value in (good | more).items() if value is not None}

    def token(self, key: Any = KEY, alg: str = "RS256", **more: Any) -> None:
        """What the token endpoint gives."""
        header = {"alg": alg, **({"kid": key.kid} if alg == "RS256" else {})}
        made = jwt.encode(header, self.claims(**more), key, algorithms=[alg])
        self.says["/token"] = {"id_token": made, "access_token": "access", "token_type": "Bearer"}


class _Handler(BaseHTTPRequestHandler):
    server: Double

    def do_GET(self) -> None:
        at = self.server.issuer
        self.server.asked.append(self.path)
        about = {"issuer": at, "authorization_endpoint": f"{at}/auth", "token_endpoint": f"{at}/token",
                 "jwks_uri": f"{at}/keys", "userinfo_endpoint": f"{at}/me"}  # fmt: skip
        known: dict[str, Any] = {
            "/.well-known/openid-configuration": about,
            "/keys": {"keys": [key.as_dict(private=False) for key in self.server.keys]},
        }
        self._answer(self.server.says.get(self.path, known.get(self.path, "nothing")))

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"])).decode()
        self.server.forms.append(parse_qs(body))
        self._answer(self.server.says[self.path])

    def _answer(self, said: Any) -> None:
        status, said = said if isinstance(said, tuple) else (200, said)
        body = said if isinstance(said, bytes) else json.dumps(said).encode()
        self.send_response(status)
        if status == 302:
            self.send_header("location", "/elsewhere")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_args: Any) -> None:
        """Say nothing."""


@pytest.fixture
def double() -> Iterator[Double]:
    server = Double()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    server.token()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def test_person__is_who_a_good_token_says(double: Double) -> None:
    person = Provider(double.settings).person(WAY, "code")
    assert (person.subject, person.claims["preferred_username"]) == ("s", "li")
    assert double.forms[0] == {
        "grant_type": ["authorization_code"], "code": ["code"], "redirect_uri": [WAY.page], "code_verifier": [WAY.verifier],
        "client_id": ["roadloop"],
    }  # fmt: skip


NOW = time.time()
WRONG: dict[str, dict[str, Any]] = {
    "another nonce": {"nonce": "other"},
    "no nonce": {"nonce": None},
    "another audience": {"aud": "else"},
    "for another party": {"aud": ["roadloop", "else"], "azp": "else"},
    "several audiences and no party": {"aud": ["roadloop", "else"]},
    "another issuer": {"iss": "https://evil.example"},
    "too old": {"exp": int(NOW - 600)},
    "no end": {"exp": None},
    "no subject": {"sub": None},
    "not yet": {"nbf": int(NOW + 6000)},
    "another access token's": {"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"},
    "another key": {"key": OTHER},
    "a shared secret": {"key": SHARED, "alg": "HS256"},
}


@pytest.mark.parametrize("how", WRONG)
def test_token__that_is_not_the_provider_s_for_this_log_in_is_refused(double: Double, how: str) -> None:
    double.token(**WRONG[how])
    with pytest.raises(LogInNeededError, match="not valid"):
        Provider(double.settings).person(WAY, "code")


def test_token__without_a_signature_or_none_at_all_is_refused(double: Double) -> None:
    head, body, _ = double.says["/token"]["id_token"].split(".")
    unsigned = "eyJhbGciOiJub25lIn0"  # {"alg":"none"}
    for token in (f"{unsigned}.{body}.", f"{head}.{body}.", f"{head}.{body}", "x", ""):
        double.says["/token"] = {"id_token": token, "access_token": "access"}
        with pytest.raises(LogInNeededError):
            Provider(double.settings).person(WAY, "code")
    double.says["/token"] = {"access_token": "access"}
    with pytest.raises(BusyError, match="id_token"):
        Provider(double.settings).person(WAY, "code")


def test_keys__that_have_changed_are_asked_for_again(double: Double) -> None:
    provider = Provider(double.settings)
    provider.person(WAY, "code")
    double.keys = [OTHER]
    double.token(key=OTHER)
    assert provider.person(WAY, "code").subject == "s"
    assert double.asked.count("/keys") == 2
    assert double.asked.count("/.well-known/openid-configuration") == 1


def test_more__is_asked_only_where_a_claim_is_missing_and_believed_only_of_the_same_person(double: Double) -> None:
    provider = Provider(double.settings)
    provider.person(WAY, "code")
    assert "/me" not in double.asked
    double.token(preferred_username=None)
    double.says["/me"] = {"sub": "s", "preferred_username": "wang"}
    assert provider.person(WAY, "code").claims["preferred_username"] == "wang"
    double.says["/me"] = {"sub": "another", "preferred_username": "admin"}
    assert "preferred_username" not in provider.person(WAY, "code").claims


@pytest.mark.parametrize(
    "said",
    [
        "text",
        b"no json",
        (500, {}),
        (302, {}),
        {"issuer": "https://evil.example"},
        b"{" + b" " * (1 << 21),
        ["a", "list"],
    ],
)
def test_about__odd_answers_are_named_and_nothing_else_is_asked(double: Double, said: Any) -> None:
    double.says["/.well-known/openid-configuration"] = said
    with pytest.raises(BusyError, match="Nobody can log in by"):
        Provider(double.settings).address(WAY)
    assert double.asked == ["/.well-known/openid-configuration"]


@pytest.mark.parametrize("place", [None, 7, "file:///etc/passwd", "javascript:alert(1)", "//evil.example", ""])
def test_about__addresses_that_are_no_http_are_refused(double: Double, place: Any) -> None:
    double.says["/.well-known/openid-configuration"] = {"issuer": double.issuer, "authorization_endpoint": place}
    with pytest.raises(BusyError, match="authorization_endpoint"):
        Provider(double.settings).address(WAY)


def test_away__a_provider_that_does_not_answer_is_named(double: Double) -> None:
    settings = double.settings.model_copy(update={"oidc_issuer": "http://127.0.0.1:9"})
    with pytest.raises(BusyError, match=r"127\.0\.0\.1:9"):
        Provider(settings).address(WAY)


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ({"oidc_issuer": "http://sso.example.com"}, "oidc_issuer"),
        ({"oidc_issuer": "sso.example.com"}, "oidc_issuer"),
        ({"oidc_client_id": ""}, "oidc_client_id"),
        ({"oidc_scopes": ("profile",)}, "oidc_scopes"),
        ({"oidc_name_claim": ""}, "oidc_name_claim"),
        ({"oidc_roles": ("a=viewer",)}, "oidc_roles"),
        ({"oidc_role_claim": "groups"}, "oidc_roles"),
        ({"oidc_role_claim": "groups", "oidc_roles": ("a=admin",)}, "oidc_roles"),
        ({"oidc_role_claim": "groups", "oidc_roles": ("engineer",)}, "oidc_roles"),
    ],
)
def test_settings__by_which_nobody_or_anybody_could_log_in_are_refused(said: dict[str, Any], name: str) -> None:
    good = Settings(oidc_issuer="https://sso.example.com", oidc_client_id="roadloop")
    check(good)
    check(Settings())
    with pytest.raises(InvalidValueError) as refused:
        check(good.model_copy(update=said))
    assert refused.value.details["parameter"] == name


def test_settings__without_the_extra_say_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.partition(".")[0] == "authlib"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "authlib", None)
    with pytest.raises(MissingPackageError, match=r"pip install 'roadloop\[oidc\]'"):
        check(Settings(oidc_issuer="https://sso.example.com", oidc_client_id="roadloop"))
