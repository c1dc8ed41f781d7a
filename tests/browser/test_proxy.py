"""Behind a real nginx with TLS, as deploy/nginx.conf has it: at a name of its own and below a path, with a log-in."""

import base64
import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, closing, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from typer.testing import CliRunner

from chromium import Browser, resize
from live import LiveServer, wait_for
from oidc import CLIENT, SECRET, log_in_there, provider
from roadloop.cli.main import app
from roadloop.demo.write import Drives, write_source_set
from roadloop.settings import Settings
from roadloop.storage.paths import Workspace

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

DEPLOY = Path(__file__).parents[2] / "deploy"
NAMES = ("roadloop.example.com", "intranet.example.com")
PASSWORD = "a sentence of the admin"


def free_port() -> int:
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        return int(listener.getsockname()[1])


def certify(folder: Path) -> None:
    """A certificate for both names, signed by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAMES[0])])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    names = x509.SubjectAlternativeName([x509.DNSName(one) for one in NAMES])
    pem = made.add_extension(names, critical=False).sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    (folder / "roadloop.pem").write_bytes(pem)
    (folder / "roadloop.key").write_bytes(
        key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    )


@pytest.fixture(scope="module")
def proxied(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[LiveServer, int]]:
    """A server with an account, nginx before it, and nginx's port."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    folder = tmp_path_factory.mktemp("proxy")
    port = free_port()
    hosts = tuple(f"{name}:{port}" for name in NAMES)
    away, issuer = ExitStack(), ""
    with suppress(pytest.skip.Exception):  # the others need no provider
        issuer = away.enter_context(provider(f"https://{hosts[0]}/", f"https://{hosts[1]}/roadloop/"))
    settings = Settings(
        home=folder / "home", port=0, poll_seconds=0.05, min_free_mib=0, torch_threads=1, allowed_hosts=hosts,
        oidc_issuer=issuer, oidc_client_id=CLIENT, oidc_client_secret=SECRET, oidc_title="公司账号",
    )  # fmt: skip
    live = LiveServer(settings)
    live.start()
    said = ["user", "add", "li", "--role", "admin", "--stdin", "--home", str(settings.home)]
    assert CliRunner().invoke(app, said, input=f"{PASSWORD}\n").exit_code == 0
    write_source_set(Workspace(settings.home), "苏州", [Drives("suzhou", range(1), 3, size=(96, 72))], processes=1)
    certify(folder)
    site = (DEPLOY / "nginx.conf").read_text().replace("127.0.0.1:8600", live.url.removeprefix("http://"))
    site = site.replace("listen 443", f"listen 127.0.0.1:{port}").replace("/etc/nginx/tls", str(folder))
    site = site.replace("/etc/nginx/roadloop-proxy.conf", str(DEPLOY / "roadloop-proxy.conf"))
    paths = "".join(
        f"{kind}_temp_path {folder}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    )
    (folder / "nginx.conf").write_text(
        f"pid {folder}/pid; daemon off; user root;\nevents {{}}\nhttp {{ access_log off;\n{paths}{site}}}\n"
    )
    process = subprocess.Popen([nginx, "-e", folder / "error.log", "-c", folder / "nginx.conf"])
    try:
        wait_for(port)
        yield live, port
    finally:
        process.terminate()
        process.wait()
        live.close()
        away.close()
    assert "[emerg]" not in (folder / "error.log").read_text()


@pytest.fixture(scope="module")
def outside(tmp_path_factory: pytest.TempPathFactory) -> Iterator[webdriver.Chrome]:
    """A Chromium for which both names are this machine."""
    binary, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if binary is None or driver is None:
        pytest.skip("Chromium is not installed (apt-get install chromium chromium-driver)")
    options = Options()
    options.binary_location = binary
    rules = ", ".join(f"MAP {name} 127.0.0.1" for name in NAMES)
    for flag in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--ignore-certificate-errors",
                 f"--host-resolver-rules={rules}", f"--user-data-dir={tmp_path_factory.mktemp('profile')}"):  # fmt: skip
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    opened = webdriver.Chrome(options=options, service=Service(driver))
    yield opened
    opened.quit()


@pytest.mark.parametrize(("name", "base"), [(NAMES[0], "/"), (NAMES[1], "/roadloop/")])
def test_page__works_behind_nginx_with_tls_at_a_name_and_below_a_path(
    proxied: tuple[LiveServer, int], outside: webdriver.Chrome, name: str, base: str
) -> None:
    _, port = proxied
    resize(outside, 1440, 900)
    browser = Browser(outside, f"https://{name}:{port}")
    browser.open(base)
    browser.run("localStorage.setItem('roadloop.language', 'zh')")
    browser.problems()
    browser.open(base.rstrip("/") or "/")  # below a path nginx puts the slash behind it
    browser.find("form button", "登录")
    browser.run(
        "for (const [name, value] of Object.entries(arguments[0])) {"
        ' const field = document.querySelector(`[name="${name}"]`); field.value = value;'
        " field.dispatchEvent(new Event('input', { bubbles: true })); }",
        {"name": "li", "password": PASSWORD},
    )
    browser.click("form button", "登录")
    browser.shows("数据闭环")
    cookie = next(one for one in outside.get_cookies() if one["httpOnly"])
    assert (cookie["secure"], cookie["sameSite"]) == (True, "Lax")
    browser.open(f"{base}#/sources/%E8%8B%8F%E5%B7%9E")
    browser.find("h1", "苏州")
    read: Any = browser.run
    images = "return [...document.querySelectorAll('.samples img')].map((image) => [image.src, image.naturalWidth])"
    browser.until(lambda: len(shown := read(images)) == 6 and all(width for _, width in shown), "pictures")
    assert all(src.startswith(f"{browser.url}{base}v1/") for src, _ in read(images))
    # What the page calls goes below the path.
    names = "return performance.getEntriesByType('resource').map((entry) => entry.name)"
    assert {one for one in read(names) if not one.startswith(f"{browser.url}{base}")} == set()
    browser.open(f"{base}docs")
    browser.shows("/create_train")
    browser.click("a", "回到页面")
    browser.shows("数据闭环")
    assert [line for line in browser.problems() if "401" not in line] == []


@pytest.mark.parametrize(("name", "base"), [(NAMES[0], "/"), (NAMES[1], "/roadloop/")])
def test_sign_on__goes_by_the_provider_and_back_to_the_page_at_a_name_and_below_a_path(
    proxied: tuple[LiveServer, int], outside: webdriver.Chrome, name: str, base: str
) -> None:
    live, port = proxied
    if not live.settings.oidc_issuer:
        pytest.skip("Node 20 or npm's oidc-provider is not installed (make check installs the package)")
    if base == "/":
        said = ["user", "add", "wang", "--role", "viewer", "--no-password", "--home", str(live.home)]
        assert CliRunner().invoke(app, said).exit_code == 0
    outside.execute_cdp_cmd("Network.clearBrowserCookies", {})
    browser = Browser(outside, f"https://{name}:{port}")
    browser.open(base)
    asked = (
        "return fetch('v1/sign_on/begin', { method: 'POST', headers: { 'content-type': 'application/json' },"
        " body: JSON.stringify({ page: location.origin + location.pathname }) }).then((r) => r.json()).then((r) => r.data)"
    )
    browser.find("button[name=sign-on]", "公司账号")
    back = log_in_there(str(browser.run(asked)), "s-wang")
    assert str(back).startswith(f"https://{name}:{port}{base}?code=")
    outside.get(str(back))
    browser.until(lambda: browser.run("return document.querySelector('.who')?.textContent.includes('wang')"), "wang")
    assert str(browser.run("return location.href")).rstrip("#/") == f"https://{name}:{port}{base}".rstrip("/")
    cookies = [one for one in outside.get_cookies() if one["httpOnly"]]
    assert [(one["secure"], one["name"].startswith("__Host-roadloop-")) for one in cookies] == [(True, True)]
    outside.execute_cdp_cmd("Network.clearBrowserCookies", {})


def test_uploads_and_the_stream__go_through_nginx_as_they_come(proxied: tuple[LiveServer, int]) -> None:
    live, port = proxied
    token = (
        CliRunner()
        .invoke(app, ["token", "add", "script", "--user", "li", "--scope", "engineer", "--home", str(live.home)])
        .output.split()[-1]
    )
    url = f"https://127.0.0.1:{port}/roadloop"
    headers = {"host": f"{NAMES[1]}:{port}", "authorization": f"Bearer {token}"}
    with httpx.Client(verify=False, headers=headers, timeout=60) as client:
        assert client.get(f"{url}/data").json()["data"] == ["苏州"]
        with client.stream("GET", f"{url}/v1/events") as stream:
            assert next(stream.iter_text()).startswith("event: ready")  # at once, not when nginx has a buffer full
        bytes_ = os.urandom(3 * 2**20)
        made = {"upload-length": str(len(bytes_)), "upload-metadata": f"filename {base64.b64encode(b'a.zip').decode()}"}
        made["tus-resumable"] = "1.0.0"
        answer = client.post(f"{url}/v1/uploads", headers=made)
        assert answer.status_code == 201, answer.text
        sent = {"upload-offset": "0", "content-type": "application/offset+octet-stream", "tus-resumable": "1.0.0"}
        place = url + answer.headers["location"]
        assert client.patch(place, content=bytes_, headers=sent).headers["upload-offset"] == str(len(bytes_))
        assert len(answer.headers["x-request-id"]) == 32  # nginx's
        refused = client.get(f"https://127.0.0.1:{port}/roadloop/data", headers={"host": "elsewhere.example.com"})
        assert refused.status_code in (403, 404)
        assert re.search("Host|404", refused.text)
