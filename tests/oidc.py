"""OpenID Connect for tests: a real provider (npm's oidc-provider), and who logs in there as a browser does."""

import html
import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

CLIENT, SECRET = "roadloop", "planted secret: with %&= in it, long enough"
PEOPLE: Mapping[str, Mapping[str, Any]] = {
    "s-wang": {"preferred_username": "wang", "groups": ["staff", "road-team"]},
    "s-anna": {"preferred_username": "anna", "groups": ["labels"]},
    "s-root": {"preferred_username": "root", "groups": ["admin", "road-admins"]},
    "s-none": {"preferred_username": "nobody", "groups": ["canteen"]},
    "s-mail": {"email": "mail@example.com", "email_verified": False},
}
_SCRIPT = Path(__file__).parent / "accounts" / "provider.mjs"
_LIBRARY = Path(__file__).parents[1] / "node_modules" / "oidc-provider"


@contextmanager
def provider(*pages: str, people: Mapping[str, Mapping[str, Any]] = PEOPLE) -> Iterator[str]:
    """A provider that sends browsers back to these pages; its issuer."""
    node = shutil.which("node")
    if node is None or not _LIBRARY.exists():
        pytest.skip("Node or npm's oidc-provider is not installed (make check installs the package)")
    if int(subprocess.check_output([node, "--version"], text=True).split(".")[0].removeprefix("v")) < 20:
        pytest.skip("oidc-provider needs Node 20 or newer")
    client = {
        "client_id": CLIENT,
        "client_secret": SECRET,
        "redirect_uris": [*pages],
        "grant_types": ["authorization_code"],
    }
    said = {"clients": [client], "people": people}
    process = subprocess.Popen(
        [node, _SCRIPT, json.dumps(said)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield process.stdout.readline().strip()
    finally:
        process.kill()
        process.communicate()


def log_in_there(address: str, person: str) -> httpx.URL:
    """Log in at the provider and agree, as a browser does; where it is sent back to."""
    with httpx.Client(timeout=20) as browser:
        answer = browser.get(address)
        for _ in range(10):
            if answer.is_redirect:
                place = answer.url.join(answer.headers["location"])
                if place.host != answer.url.host or place.port != answer.url.port or "code=" in str(place):
                    return place
                answer = browser.get(place)
            else:
                assert answer.status_code == 200, answer.text
                action = html.unescape(re.findall(r'action="([^"]+)"', answer.text)[0])
                prompt = re.findall(r'name="prompt" value="(\w+)"', answer.text)[0]
                said = {"prompt": prompt, "login": person, "password": "any"}
                answer = browser.post(answer.url.join(action), data=said)
    raise AssertionError(answer.text)
