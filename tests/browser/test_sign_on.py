"""The company's log-in on the page, with a real provider: into an account, refused with its reason, connected, and below a path."""

import socket
from collections.abc import Iterator
from contextlib import closing

import pytest
from selenium import webdriver
from typer.testing import CliRunner

from chromium import Browser
from live import LiveServer
from oidc import CLIENT, SECRET, provider
from roadloop.cli.main import app
from roadloop.settings import Settings

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser")]

PASSWORD = "a sentence of the admin"
SCOPES = ("openid", "profile", "groups")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LiveServer]:
    """A server with a provider, an admin with a password, and an account without one."""
    home = tmp_path_factory.mktemp("site") / "home"
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        port = int(listener.getsockname()[1])
    with provider(f"http://127.0.0.1:{port}/") as issuer:
        settings = Settings(
            home=home, port=port, poll_seconds=0.05, min_free_mib=0, torch_threads=1, oidc_issuer=issuer,
            oidc_client_id=CLIENT, oidc_client_secret=SECRET, oidc_scopes=SCOPES, oidc_role_claim="groups",
            oidc_roles=("road-team=engineer",), oidc_title="公司账号",
        )  # fmt: skip
        live = LiveServer(settings)
        live.start()
        for words, said in (
            (["li", "--role", "admin", "--stdin"], PASSWORD),
            (["anna", "--role", "annotator", "--no-password"], ""),
        ):
            done = CliRunner().invoke(app, ["user", "add", *words, "--home", str(home)], input=f"{said}\n")
            assert done.exit_code == 0, done.output
        yield live
        live.close()


@pytest.fixture(autouse=True)
def as_nobody(chromium: webdriver.Chrome, browser: Browser) -> None:
    """No cookie of anybody, here or at the provider."""
    chromium.execute_cdp_cmd("Network.clearBrowserCookies", {})


def press(browser: Browser, selector: str, text: str = "") -> None:
    """Press what says that, as soon as it is there; between two documents there is nothing."""
    program = (
        "const found = [...document.querySelectorAll(arguments[0])].find((e) => e.textContent.includes(arguments[1]));"
        "found?.click(); return !!found"
    )
    browser.until(lambda: browser.run(program, selector, text), f"{selector} with {text!r}")


def seen(browser: Browser, selector: str, text: str) -> None:
    """Wait until it is there; a document may go meanwhile."""
    program = "return [...document.querySelectorAll(arguments[0])].some((e) => e.textContent.includes(arguments[1]) && e.getClientRects().length)"
    browser.until(lambda: browser.run(program, selector, text), f"no {selector} with {text!r}")


def there(browser: Browser, person: str) -> None:
    """Press the button, log in at the provider, and agree."""
    press(browser, "button[name=sign-on]")
    program = (
        "const fields = ['login', 'password'].map((name) => document.querySelector(`[name=${name}]`));"
        "if (!fields[0]) return false;"
        "for (const field of fields) field.value = arguments[0];"
        "document.querySelector('form').requestSubmit();"
        "return true"
    )
    browser.until(lambda: browser.run(program, person), "the provider's log-in")
    press(browser, "button[type=submit]", "Continue")


def test_button__leads_there_and_back_to_where_one_was(browser: Browser, site: LiveServer) -> None:
    browser.open("/#/jobs")
    seen(browser, "button", "用 公司账号 登录")
    there(browser, "s-wang")
    seen(browser, ".who", "wang")
    seen(browser, "h1", "任务")
    assert str(browser.run("return location.href")) == f"{site.url}/#/jobs"  # no code is left in the address
    browser.open("/")
    seen(browser, ".who", "wang")  # the session stays
    browser.open("/#/people")
    seen(browser, "main", "wang · 工程师")


def test_button__an_account_without_a_password_is_taken_by_its_name(browser: Browser) -> None:
    browser.open("/")
    there(browser, "s-anna")
    seen(browser, "main", "我的任务包")
    seen(browser, ".who", "anna")


def test_refusal__is_said_on_the_log_in_page_and_nobody_is_logged_in(browser: Browser, site: LiveServer) -> None:
    browser.open("/")
    there(browser, "s-none")
    seen(browser, ".failure", "提供方认识你（nobody），但这里没有可用的账号")
    seen(browser, "main", "用管理员给你的账号")
    assert str(browser.run("return location.search")) == ""
    browser.run('document.querySelector("button[lang=en]").click()')
    seen(browser, "button", "Log in with 公司账号")


def test_cancelled__at_the_provider_it_is_said(browser: Browser) -> None:
    browser.open("/")
    press(browser, "button[name=sign-on]")
    press(browser, "a", "Cancel")
    seen(browser, ".failure", "没有同意这次登录：access_denied")


def test_connect__who_has_a_password_logs_in_by_the_provider_from_then_on(browser: Browser) -> None:
    browser.open("/#/people")
    seen(browser, "form button", "登录")
    fill = """for (const [name, value] of Object.entries(arguments[0])) {
        const field = document.querySelector(`[name="${name}"]`);
        field.value = value;
        field.dispatchEvent(new Event("input", { bubbles: true }));
      }"""
    browser.run(fill, {"name": "li", "password": PASSWORD})
    press(browser, "form button", "登录")
    seen(browser, ".who", "li")
    seen(browser, "button", "关联 公司账号")
    there(browser, "s-root")
    seen(browser, "main", "li · 管理员")
    press(browser, "button", "退出登录")
    seen(browser, "h1", "登录")
    press(browser, "button[name=sign-on]", "用 公司账号 登录")  # still logged in there
    seen(browser, ".who", "li")
