"""What deploy/ ships, and what docs/operate.md says to type, names what there is.

nginx's own file is run by tests/browser/test_proxy.py, the image and the document's commands by tests/services/.
"""

import re
from pathlib import Path

import pytest

from roadloop.settings import PREFIX, Settings

ROOT = Path(__file__).parents[1]
DEPLOY = ROOT / "deploy"
FILES = sorted(path for path in DEPLOY.rglob("*") if path.is_file())


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_settings__that_are_named_exist(path: Path) -> None:
    named = set(re.findall(rf"\b{PREFIX}[A-Z_]+\b", path.read_text())) - {f"{PREFIX}NAME"}
    assert {name.removeprefix(PREFIX).lower() for name in named} <= set(Settings.model_fields)


def test_container__copies_what_there_is_and_installs_known_extras() -> None:
    text = (DEPLOY / "Containerfile").read_text()
    for line in re.findall(r"^COPY (.+) \S+$", text, re.MULTILINE):
        for source in line.split():
            assert (ROOT / source).exists(), source
    (extras,) = re.findall(r"'/src\[([a-z0-9,]+)\]'", text)
    project = (ROOT / "pyproject.toml").read_text()
    assert all(re.search(rf"^{extra} = \[", project, re.MULTILINE) for extra in extras.split(","))
    assert "torch==2.13.0" in (ROOT / "Makefile").read_text()
    assert "ARG TORCH=torch==2.13.0" in text
    assert "\nUSER roadloop\n" in text


def test_compose__is_reached_from_this_machine_only() -> None:
    text = (DEPLOY / "compose.yaml").read_text()
    ports = re.findall(r'^ +- "([\d.:]+:\d+)"', text, re.MULTILINE)
    assert ports == ["127.0.0.1:8600:8600", "127.0.0.1:8080:8080"]
    assert "dockerfile: deploy/Containerfile" in text
    assert re.search(r"^    init: true", text, re.MULTILINE)


def test_proxies__name_the_same_hosts_and_port() -> None:
    for name in ("nginx.conf", "Caddyfile"):
        text = (DEPLOY / name).read_text()
        assert {"roadloop.example.com", "intranet.example.com"} <= set(re.findall(r"[a-z]+\.example\.com", text))
        assert "127.0.0.1:8600" in text


def typed(document: str) -> list[str]:
    """The commands of a document's consoles, without their remarks and without what people put in themselves."""
    blocks = re.findall(r"```(?:console|sh)\n(.*?)```", (ROOT / "docs" / document).read_text(), re.DOTALL)
    lines = [line for line in "".join(blocks).splitlines() if line.startswith(("# ", "$ ", "podman "))]
    return [re.sub(r"  +# .*| --test .*|(?<=example.com/)[^/]+", "", line) for line in lines]


def test_operate__both_languages_say_the_same_commands() -> None:
    english = typed("operate.md")
    assert len(english) > 20
    assert typed("operate.zh.md") == english
