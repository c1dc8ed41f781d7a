"""What docs/clients.md tells a team to set up works as it is written: nginx, a token, a port, an origin."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx2 as httpx
import pytest

from live import LiveServer, wait_for
from old_client import JSON, OldClient
from real_server import free_port
from roadloop.settings import Settings
from roadloop.storage.platform import Platform
from signed_in import make, token_of

ROOT = Path(__file__).parents[2]
FRONT = "http://front.example:8080"


@pytest.fixture
def proxied(settings: Settings, platform: Platform, tmp_path: Path) -> Iterator[str]:
    """`window.trainUrl` of a server with an account, behind nginx with that account's token."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if nginx is None:
        pytest.skip("nginx is not installed (apt-get install nginx-light)")
    port = free_port()
    make(platform, "li", "admin")
    make(platform, "front", "engineer")
    token = token_of(platform, "front", "engineer")
    live = LiveServer(settings.model_copy(update={"allowed_hosts": (f"127.0.0.1:{port}",), "client_origins": (FRONT,)}))
    live.start()
    said = re.search(r"```nginx\n(.*?)```", (ROOT / "docs" / "clients.md").read_text(encoding="utf-8"), re.DOTALL)
    assert said is not None
    site = (
        said[1]
        .replace("127.0.0.1:8600", live.url.removeprefix("http://"))
        .replace("listen 9000", f"listen 127.0.0.1:{port}")
    )
    site = site.replace("roadloop_kq3...", token)
    site = site.replace("/etc/nginx/roadloop-proxy.conf", str(ROOT / "deploy" / "roadloop-proxy.conf"))
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {tmp_path}/{kind};\n" for kind in kinds)
    (tmp_path / "nginx.conf").write_text(
        f"pid {tmp_path}/pid; daemon off; user root;\nevents {{}}\nhttp {{ access_log off;\n{paths}{site}}}\n"
    )
    process = subprocess.Popen([nginx, "-e", tmp_path / "error.log", "-c", tmp_path / "nginx.conf"])
    try:
        wait_for(port)
        yield f"http://127.0.0.1:{port}/api/"
    finally:
        process.terminate()
        process.wait()
        live.close()


def test_nginx__lets_the_front_end_work_as_its_account_from_its_origin_alone(proxied: str) -> None:
    asked = {"origin": FRONT, "access-control-request-method": "POST", "access-control-request-headers": "content-type"}
    preflight = httpx.options(f"{proxied}create_net", headers=asked)
    assert (preflight.status_code, preflight.headers["access-control-allow-origin"]) == (204, FRONT)
    client = OldClient(proxied, origin=FRONT)
    assert client.post("/train_history", taskId="")["data"] == []
    assert client.started("/create_net", network_name="n1", src_net="enet", net_descr="")
    client.close()
    foreign = httpx.post(
        f"{proxied}train_history", content="{}", headers={"origin": "http://evil.example", "content-type": JSON}
    )
    assert foreign.status_code == 403
    assert (
        httpx.get(proxied.replace("/api/", "/v1/jobs")).status_code == 404
    )  # nginx itself: nothing else is open there
