"""docs/operate.md, followed to the letter on a fresh Debian with systemd, nginx and cron, to a message on a receiver.

The machine is a container without a network: what it installs was fetched before.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from containers import ROOT, Machine, base, podman, running, wheels
from daemons import until

pytestmark = [pytest.mark.services, pytest.mark.timeout(1800)]
NAME = "road.example.net"
PASSWORD = "ein langer Satz aus Wörtern"
SOURCES = "/opt/roadloop/src"
CERTIFICATE = (
    f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={NAME} -addext subjectAltName=DNS:{NAME}"
    " -keyout /etc/nginx/tls/roadloop.key -out /etc/nginx/tls/roadloop.pem"
)
TARGET = """
[[target]]
name = "road team"
form = "json"
url = "http://127.0.0.1:9000/hook"
private = true
hear = ["*"]
"""
#: Runs in the machine: what comes in, a line each.
RECEIVER = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_POST(self):
        body = self.rfile.read(int(self.headers["content-length"]))
        open("/tmp/came", "ab").write(body.replace(b"\\n", b" ") + b"\\n")
        self.send_response(200)
        self.end_headers()
http.server.HTTPServer(("127.0.0.1", 9000), Handler).serve_forever()
"""
ASK = f"curl -sS --cacert /etc/nginx/tls/roadloop.pem --resolve {NAME}:443:127.0.0.1"
#: After a command that has this in it, what the document asks people to do by hand.
BY_HAND = {
    "install -d -m 0700 /etc/nginx/tls": CERTIFICATE,
    "/dev/null /etc/roadloop-notices.toml": f"cat >> /etc/roadloop-notices.toml <<'END'\n{TARGET}END",
}


def commands() -> list[str]:
    """What the document says to type, in order; a line that asks for a password is told by what it prints."""
    text = (ROOT / "docs" / "operate.md").read_text()
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    return [line[2:] for line in "".join(blocks).splitlines() if line.startswith(("# ", "$ "))]


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    """A machine that has run the document's first command, the only one that needs the distribution's packages."""
    image, first = base(tmp_path), commands()[0]
    assert first.startswith("apt-get install")
    with running(image, "--network", "host", command=["sleep", "infinity"]) as fresh:
        fresh.sh(f"apt-get update -qq && DEBIAN_FRONTEND=noninteractive {first}")
        podman("commit", fresh.name, "localhost/roadloop-test-installed")
    options = ["--systemd=always", "--network", "none", "--volume", f"{ROOT}:/mirror:ro", *wheels()]
    with running("localhost/roadloop-test-installed", *options, command=["/sbin/init"]) as one:
        until(lambda: one.sh("systemctl is-system-running || true").strip() in {"running", "degraded"}, "systemd")
        yield one
    podman("rmi", "localhost/roadloop-test-installed")


def followed(one: Machine) -> Machine:
    """Type all the rest; the machine in the folder of the sources."""
    for line in commands()[1:]:
        command = line.replace("git clone URL", "git clone /mirror").replace("YOUR NAME", NAME)
        if "user add" in command:
            assert "Done: li." in one.typed(command, PASSWORD)
            continue
        one.sh(command)
        if "cd /opt/roadloop/src" in command:
            one = replace(one, folder=SOURCES)
        for mark, more in BY_HAND.items():
            if mark in command:
                one.sh(more)
    return one


def came(one: Machine) -> list[tuple[str, str]]:
    """Kind and state of what the receiver was told."""
    lines = one.sh("cat /tmp/came 2>/dev/null || true").splitlines()
    return [(change["kind"], change["state"]) for line in lines for change in json.loads(line)["data"]]


def is_ready(one: Machine) -> bool:
    """What nginx, which may not listen yet, says of a server that may not listen yet."""
    return '"errno":1' in one.sh(f"{ASK} https://{NAME}/v1/ready || true")


def test_document__leads_from_a_fresh_machine_to_a_server_that_comes_back_after_a_restart(machine: Machine) -> None:
    machine.sh(f"cat > /tmp/receiver.py <<'END'{RECEIVER}END\nsystemd-run --unit receiver python3 /tmp/receiver.py")
    one = followed(machine)
    until(lambda: is_ready(one), "not ready")
    assert "401" in one.sh(f"{ASK} -o /dev/null -w '%{{http_code}}' https://{NAME}/v1/jobs")
    told = json.dumps({"name": "li", "password": PASSWORD})
    logged = one.sh(
        f"{ASK} -i https://{NAME}/v1/log_in -H 'content-type: application/json' -H 'origin: https://{NAME}' -d @-",
        text=told,
    )
    assert re.search(r"set-cookie: .*; HttpOnly; .*Secure", logged, re.IGNORECASE), logged

    one.sh("sed -i 's/^0 3 /* * /' /etc/cron.d/roadloop")
    before = one.sh("roadloop backup /mnt/backup --list")
    until(lambda: one.sh("roadloop backup /mnt/backup --list") != before, "cron", 150)
    assert "1 file" in one.sh("journalctl -t roadloop-backup")
    one.sh("rm /etc/cron.d/roadloop")
    one.sh("roadloop restore /mnt/backup --home /tmp/look && roadloop fsck --home /tmp/look")

    until(lambda: came(one), "no notice")  # `notices --test`
    one.sh("runuser -u roadloop -- roadloop rehearse --steps 3 --home /srv/roadloop")
    until(lambda: ("rehearsal", "succeeded") in came(one), "no notice")

    one.sh("systemd-run --uid roadloop roadloop rehearse --steps 600 --home /srv/roadloop")
    until(lambda: ("rehearsal", "running") in came(one)[-1:], "it does not run")
    podman("restart", "--time", "30", one.name)
    until(lambda: is_ready(one), "it does not come back")
    status = "roadloop status --home /srv/roadloop"
    until(lambda: one.sh(status).count("completed!") == 2, "the job does not go on", 300)
    assert "0 problems" in one.sh("roadloop fsck --home /srv/roadloop")
