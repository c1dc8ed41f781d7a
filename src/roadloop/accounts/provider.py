"""An OpenID Connect provider: what it says of itself, the way to it, and who somebody is whom it sends back with a code.

OpenID Connect Core 1.0, the authorization code flow with PKCE (RFC 7636) and the issuer in the answer (RFC 9207). What is
checked in an ID token is authlib's; HTTP is ours. No address here comes from a request: the issuer is a setting, and the
others are what the issuer says of itself.
"""

import json
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import quote, urlencode, urlsplit

import httpx2

from roadloop.errors import BusyError, InvalidValueError, LogInNeededError, Text, missing_package
from roadloop.settings import Settings

_TIMEOUT: Final = httpx2.Timeout(10.0, connect=5.0)
_MOST_BYTES: Final = 1 << 20
_KNOWN_SECONDS: Final = 600.0  # for which is believed what a provider says of itself
_LEEWAY: Final = 60  # seconds by which the clocks may differ
#: Signatures that only the provider can have made; a shared secret, or none at all, is no such.
_SIGNATURES: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "EdDSA",
    "Ed25519",
)
_BASIC: Final = "client_secret_basic"
_LOOPBACK: Final = frozenset({"127.0.0.1", "localhost", "::1"})


class Way(NamedTuple):
    """One log-in that was begun: what only the browser that began it knows, and what is derived from that.

    Attributes:
        page: Address of the page, to which the provider sends the browser back.
        state: Comes back with the code.
        nonce: Comes back in the ID token.
        verifier: Shows that who brings the code has begun the log-in.
    """

    page: str
    state: str
    nonce: str
    verifier: str


class Person(NamedTuple):
    """Somebody, as the provider knows them.

    Attributes:
        subject: Theirs for ever, and nobody else's.
        claims: What is told of them.
    """

    subject: str
    claims: Mapping[str, Any]


class Provider:
    """The provider that the settings name.

    Args:
        settings: Those of `oidc_*`.

    Attributes:
        issuer: Its name, an address.
        title: What people call it.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings: Final = settings
        self.issuer: Final = settings.oidc_issuer
        self.title: Final = settings.oidc_title or urlsplit(settings.oidc_issuer).hostname or ""
        self._lock: Final = threading.Lock()
        self._known: Final[dict[str, tuple[float, dict[str, Any]]]] = {}

    def address(self, way: Way) -> str:
        """Where the browser goes to log in.

        Raises:
            BusyError: The provider does not answer, or not as one.
        """
        from authlib.oauth2.rfc7636 import create_s256_code_challenge  # noqa: PLC0415

        place = self._place("authorization_endpoint")
        query = {
            "response_type": "code",
            "client_id": self.settings.oidc_client_id,
            "redirect_uri": way.page,
            "scope": " ".join(self.settings.oidc_scopes),
            "state": way.state,
            "nonce": way.nonce,
            "code_challenge": create_s256_code_challenge(way.verifier),
            "code_challenge_method": "S256",
        }
        return f"{place}{'&' if urlsplit(place).query else '?'}{urlencode(query)}"

    def person(self, way: Way, code: str) -> Person:
        """Who has logged in there.

        Args:
            way: As it was begun.
            code: What the provider has sent.

        Raises:
            LogInNeededError: The provider does not take the code, or its answer is not for this log-in.
            BusyError: It does not answer.
        """
        answer = self._exchanged(way, code)
        token, access = answer.get("id_token"), answer.get("access_token")
        if not isinstance(token, str):
            raise self._odd("no id_token")
        claims = self._checked(token, way.nonce, access if isinstance(access, str) else "")
        wanted = {self.settings.oidc_name_claim, self.settings.oidc_role_claim} - {""}
        if isinstance(access, str) and not wanted <= claims.keys():
            claims = {**self._more(access, claims["sub"]), **claims}
        return Person(str(claims["sub"]), claims)

    def _about(self) -> dict[str, Any]:
        """What the provider says of itself."""
        about = self._kept(f"{self.issuer.rstrip('/')}/.well-known/openid-configuration")
        if about.get("issuer") != self.issuer:
            raise self._odd(f"issuer: {str(about.get('issuer'))[:200]}")
        return about

    def _place(self, name: str, *, needed: bool = True) -> str:
        """One of its addresses; "" where it has none."""
        place = self._about().get(name)
        if place is None and not needed:
            return ""
        if not isinstance(place, str) or urlsplit(place).scheme not in {"https", urlsplit(self.issuer).scheme}:
            raise self._odd(f"{name}: {str(place)[:200]}")
        return place

    def _kept(self, place: str, *, anew: bool = False) -> dict[str, Any]:
        """What is answered there, or was a while ago."""
        with self._lock:
            at, said = self._known.get(place, (float("-inf"), {}))
        if anew or time.monotonic() - at > _KNOWN_SECONDS:
            said = self._asked("GET", place)
            with self._lock:
                self._known[place] = (time.monotonic(), said)
        return said

    def _exchanged(self, way: Way, code: str) -> dict[str, Any]:
        """What the provider gives for a code."""
        client, secret = self.settings.oidc_client_id, self.settings.oidc_client_secret
        said = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": way.page,
            "code_verifier": way.verifier,
        }
        place = self._place("token_endpoint")
        if secret and _BASIC in self._about().get("token_endpoint_auth_methods_supported", [_BASIC]):
            # RFC 6749, 2.3.1: both are encoded as in a form before they become a name and a password.
            return self._asked("POST", place, data=said, auth=(quote(client, safe=""), quote(secret, safe="")))
        return self._asked(
            "POST", place, data={**said, "client_id": client, **({"client_secret": secret} if secret else {})}
        )

    def _checked(self, token: str, nonce: str, access: str) -> dict[str, Any]:
        """The claims of an ID token that is the provider's, for this installation and this log-in, and not too old."""
        from authlib.oidc.core import CodeIDToken  # noqa: PLC0415
        from joserfc import errors, jwt  # noqa: PLC0415
        from joserfc.jwk import KeySet  # noqa: PLC0415

        place = self._place("jwks_uri")
        try:
            try:
                read = jwt.decode(token, KeySet.import_key_set(self._kept(place)), algorithms=_SIGNATURES)  # type: ignore[arg-type]
            except (errors.JoseError, ValueError):  # the provider may have other keys by now
                keys = KeySet.import_key_set(self._kept(place, anew=True))  # type: ignore[arg-type]
                read = jwt.decode(token, keys, algorithms=_SIGNATURES)
            client = self.settings.oidc_client_id
            claims = CodeIDToken(
                read.claims,
                read.header,
                {"iss": {"essential": True, "value": self.issuer}, "aud": {"essential": True, "value": client}},
                {"nonce": nonce, "client_id": client, "access_token": access},
            )
            claims.validate(leeway=_LEEWAY)
        except (errors.JoseError, ValueError) as error:
            raise LogInNeededError(
                Text(
                    f"{self.issuer} 的登录凭据（ID token）无效：{str(error)[:200]}。请核对设置 oidc_client_id 与两边的时钟，再登录一次。",
                    f"The ID token of {self.issuer} is not valid: {str(error)[:200]}. Check the setting oidc_client_id and the"
                    " clocks of both machines, and log in once more.",
                )
            ) from error
        return dict(claims)

    def _more(self, access: str, subject: str) -> dict[str, Any]:
        """What the provider tells of somebody besides the ID token."""
        place = self._place("userinfo_endpoint", needed=False)
        if not place:
            return {}
        more = self._asked("GET", place, headers={"authorization": f"Bearer {access}"})
        return more if more.get("sub") == subject else {}

    def _asked(self, method: str, place: str, **content: Any) -> dict[str, Any]:
        """The JSON that the provider answers."""
        try:
            with httpx2.Client(timeout=_TIMEOUT) as client, client.stream(method, place, **content) as answer:
                body = b""
                for piece in answer.iter_bytes():
                    body += piece
                    if len(body) > _MOST_BYTES:
                        raise self._odd("more than a MiB")
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise self._odd(f"{type(error).__name__} {str(error)[:200]}") from error
        return self._read(answer, body, place)

    def _read(self, answer: httpx2.Response, body: bytes, place: str) -> dict[str, Any]:
        try:
            said = json.loads(body)
        except ValueError:
            said = None
        if answer.status_code in {400, 401, 403} and isinstance(said, dict) and isinstance(said.get("error"), str):
            raise self.refused(said["error"], str(said.get("error_description", "")))
        if not answer.is_success or not isinstance(said, dict):
            raise self._odd(f"HTTP {answer.status_code}, {urlsplit(place).path}")
        return said

    def refused(self, error: str, why: str) -> LogInNeededError:
        """The provider has said no."""
        said = f"{error[:80]} {why[:200]}".strip()
        return LogInNeededError(
            Text(
                f"{self.issuer} 没有同意这次登录：{said}。{_CURES.get(error, _AGAIN).zh}",
                f"{self.issuer} did not agree to this log-in: {said}. {_CURES.get(error, _AGAIN).en}",
            )
        )

    def _odd(self, what: str) -> BusyError:
        return BusyError(
            Text(
                f"无法通过 {self.issuer} 登录（{what}）。请稍后再试；有密码的账号可以照常登录。管理员请核对设置 oidc_issuer。",
                f"Nobody can log in by {self.issuer} just now ({what}). Try again later; who has a password logs in as ever. For"
                " the admin: check the setting oidc_issuer.",
            )
        )


_AGAIN: Final = Text("请再登录一次。", "Log in once more.")
_SETTINGS: Final = Text(
    "请管理员核对设置 oidc_client_id 与 oidc_client_secret。",
    "Let an admin check the settings oidc_client_id and oidc_client_secret.",
)
_CURES: Final[Mapping[str, Text]] = {
    "invalid_client": _SETTINGS,
    "unauthorized_client": _SETTINGS,
    "invalid_scope": Text("请管理员核对设置 oidc_scopes。", "Let an admin check the setting oidc_scopes."),
    "access_denied": Text("需要时请找提供方的管理员。", "Ask the provider's admin, where you should be let in."),
}


def check(settings: Settings) -> None:
    """Refuse settings by which nobody could log in, or anybody.

    Raises:
        InvalidValueError: Names the setting.
        MissingPackageError: The extra is not installed.
    """
    if not settings.oidc_issuer:
        return
    try:
        import authlib.oidc.core  # noqa: F401, PLC0415
    except ImportError as error:
        raise missing_package(error) or error from error
    place = urlsplit(settings.oidc_issuer)
    wrong = {
        "oidc_issuer": place.scheme != "https" and (place.scheme != "http" or place.hostname not in _LOOPBACK),
        "oidc_client_id": not settings.oidc_client_id,
        "oidc_scopes": "openid" not in settings.oidc_scopes,
        "oidc_name_claim": not settings.oidc_name_claim,
        "oidc_roles": bool(settings.oidc_roles) != bool(settings.oidc_role_claim)
        or any(not value or role not in _GIVEN for value, role in map(role_of, settings.oidc_roles)),
    }
    for name, text in _WRONG.items():
        if wrong[name]:
            raise InvalidValueError(text, parameter=name)


def role_of(pair: str) -> tuple[str, str]:
    """A value of the role claim, and the role that it gives: `road-team=engineer`."""
    value, _, role = pair.rpartition("=")
    return value.strip(), role.strip()


#: Roles that a claim can give; who rules is for admins to say.
_GIVEN: Final = ("viewer", "annotator", "engineer")
_WRONG: Final[Mapping[str, Text]] = {
    "oidc_issuer": Text(
        "设置 oidc_issuer 应为 https 地址（只有本机的提供方可以是 http）。",
        "The setting oidc_issuer is an https address; http is for a provider on this machine only.",
    ),
    "oidc_client_id": Text(
        "设置了 oidc_issuer 就还需要 oidc_client_id：提供方登记本安装时给出的 client id。",
        "With oidc_issuer the setting oidc_client_id is needed: what the provider calls this installation.",
    ),
    "oidc_scopes": Text("设置 oidc_scopes 中须有 openid。", "The setting oidc_scopes must have openid in it."),
    "oidc_name_claim": Text(
        "设置 oidc_name_claim 不能为空，例如 preferred_username。",
        "The setting oidc_name_claim cannot be empty; preferred_username is usual.",
    ),
    "oidc_roles": Text(
        '设置 oidc_role_claim 与 oidc_roles 要一起给出，后者形如 ["road-team=engineer"]，角色为 viewer、annotator 或 engineer；'
        "admin 只能由管理员给。",
        'The settings oidc_role_claim and oidc_roles belong together; the second is like ["road-team=engineer"], with viewer,'
        " annotator or engineer. Only an admin makes an admin.",
    ),
}
