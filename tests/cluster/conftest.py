"""A Ray cluster of three machines, and a real server."""

import importlib.util
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from live import LiveServer
from machines import NETWORK, PORT, PREFIX, PROBE, Machine, Site, ip, stop, wait_for_nodes, within
from postgres import Cluster as Rows
from postgres import installed
from roadloop.jobs import fsck
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A head and two more nodes, and a server on the head's network."""
    if os.geteuid() or not (shutil.which("ip") and shutil.which("unshare")):
        pytest.skip("network namespaces need root, ip and unshare")
    if importlib.util.find_spec("ray") is None or not installed():
        pytest.skip("needs Ray and the distribution's package postgresql: make test-cluster")
    folder = Path(tempfile.mkdtemp(prefix="rl", dir="/tmp"))
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        ip("link", "add", f"{PREFIX}br", "type", "bridge")
        stack.callback(ip, "link", "del", f"{PREFIX}br")
        ip("addr", "add", f"{NETWORK}.254/24", "dev", f"{PREFIX}br")
        ip("link", "set", f"{PREFIX}br", "up")
        machines = []
        for number in (1, 2, 3):
            machines.append(Machine(number, folder))
            stack.callback(machines[-1].remove)
            machines[-1].start()
        rows = stack.enter_context(Rows(address=f"{NETWORK}.254"))
        home = tmp_path_factory.mktemp("shared") / "home"
        settings = Settings(
            home=home, database_url=rows.create("cluster"), port=0, sweep_seconds=1, lease_seconds=5, poll_seconds=0.1,
            min_free_mib=0, torch_threads=1, spread_pictures=64, gpu_probe=(sys.executable, "-c", PROBE), ray_address=f"{NETWORK}.1:{PORT}",
        )  # fmt: skip
        platform = open_platform(settings, upgrade=True)
        stack.callback(platform.database.close)
        server = LiveServer(settings, within(machines[0].space))
        machines[0].wait_for_head()
        server.start()
        stack.callback(stop, server)
        wait_for_nodes(platform)
        yield Site(machines, rows, platform, server)


@pytest.fixture
def sound(site: Site) -> Iterator[None]:
    """Nothing is lost and nothing is there twice, whatever happened before."""
    wait_for_nodes(site.platform)
    yield
    assert fsck.inspect(site.platform, hashes=True).problems == []
