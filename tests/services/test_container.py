"""deploy/Containerfile, built and run: accounts first, then the server, a job, a kill of the container, and the job goes on."""

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from containers import LIMITS, Machine, base, podman, running, wheels
from daemons import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(1800)]
IMAGE = "localhost/roadloop-test"
HOME = "/srv/roadloop"
PASSWORD = "ein langer Satz aus Wörtern"


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image, on a plain Debian."""
    given = ["--network", "host", *wheels(), "--build-arg", f"BASE={base(tmp_path_factory.mktemp('base'))}"]
    podman("build", *LIMITS, *given, "--format", "docker", "--tag", IMAGE, "--file", "deploy/Containerfile", ".")
    yield IMAGE
    podman("rmi", IMAGE)


@pytest.fixture
def server(image: str) -> Iterator[Machine]:
    """A container as deploy/compose.yaml has it: a volume of its own, somebody's account, an init that adopts processes."""
    given = ["--network", "none", "--volume", f"roadloop-test:{HOME}", "--init"]
    try:
        first = ["user", "add", "li", "--role", "admin", "--stdin"]
        said = podman("run", "--rm", "-i", *LIMITS, *given, image, *first, text=PASSWORD)
        assert "Done: li." in said
        with running(image, *given) as one:
            yield one
    finally:
        podman("volume", "rm", "--force", "roadloop-test")


def jobs(one: Machine, token: str) -> list[dict[str, Any]]:
    """What the server says of its jobs, asked inside, newest first."""
    script = f"""
import urllib.request as r
request = r.Request("http://127.0.0.1:8600/v1/jobs", headers={{"authorization": "Bearer {token}"}})
print(r.urlopen(request, timeout=60).read().decode())
"""
    data: list[dict[str, Any]] = json.loads(one.sh("python -", text=script))["data"]
    return data


def is_healthy(one: Machine) -> bool:
    """What the image's own check says."""
    podman("healthcheck", "run", one.name, may_fail=True)
    state = podman("inspect", "--format", "{{.State.Health.Status}}", one.name)
    return state.strip() == "healthy"


def test_image__serves_runs_jobs_and_goes_on_after_a_kill(server: Machine) -> None:
    until(lambda: is_healthy(server), "it is not healthy")
    assert server.sh("id -un").strip() == "roadloop"
    said = server.sh(f"roadloop token add program --user li --scope admin --home {HOME}")
    (token,) = re.findall(r"roadloop_\S+", said)
    server.sh("roadloop rehearse --steps 3")
    server.sh("nohup roadloop rehearse --steps 400 >/dev/null 2>&1 &")
    until(lambda: "running" in [job["state"] for job in jobs(server, token)], "it does not run")
    podman("kill", server.name)
    podman("start", server.name)
    until(lambda: is_healthy(server), "it is not healthy")
    until(
        lambda: [job["state"] for job in jobs(server, token)] == ["succeeded"] * 2,
        "it does not end",
        300,
    )
    assert [job["attempt"] for job in jobs(server, token)] == [2, 1]
    assert "0 problems" in server.sh("roadloop fsck")
    log = podman("logs", server.name)
    assert all(isinstance(json.loads(line), dict) for line in log.splitlines() if line.startswith("{"))
    assert PASSWORD not in log
