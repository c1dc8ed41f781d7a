"""A real Label Studio, in an environment of its own under .services/, started on loopback.

`make test-services` installs it (about 1 GB, two to three minutes the first time); without that the tests are skipped.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from label_studio_double import TOKEN
from real_server import free_port, serving

HOME = Path(__file__).parents[2] / ".services" / "label-studio"
STARTING = 400  # seconds; the first start makes the database


@pytest.fixture(scope="session")
def label_studio_python() -> Path:
    """The Python of Label Studio's environment."""
    python = HOME / "bin" / "python"
    if not python.exists():
        pytest.skip("Label Studio is not installed under .services/: run make test-services")
    return python


@pytest.fixture(scope="session")
def label_studio(label_studio_python: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """URL of a fresh Label Studio."""
    data = tmp_path_factory.mktemp("label-studio")
    port = free_port()
    quiet = {
        "LABEL_STUDIO_BASE_DATA_DIR": str(data),
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "collect_analytics": "0",
        "LATEST_VERSION_CHECK": "0",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
    }
    command = [
        str(label_studio_python.with_name("label-studio")), "start", "--no-browser", "--init",
        "--internal-host", "127.0.0.1", "--port", str(port), "--data-dir", str(data),
        "--username", "admin@example.com", "--password", "Secret-123",
        "--user-token", TOKEN, "--enable-legacy-api-token", "--log-level", "WARNING",
    ]  # fmt: skip
    with serving(command, quiet, port, data / "server.log", seconds=STARTING) as url:
        yield url
