"""Where a package of an extra is missing, people are told how to get it; real processes, in which it cannot be imported."""

import subprocess
import sys

import pytest

from roadloop.errors import EXTRAS, missing_package
from roadloop.jobs import queue
from roadloop.jobs.states import JobState
from roadloop.networks.recipe import CreateNet
from roadloop.settings import Settings
from roadloop.storage.platform import Platform

WITHOUT = "import sys; sys.modules['torch'] = None; from {module} import main; sys.exit(main())"


def without_torch(settings: Settings, module: str, *words: str) -> subprocess.CompletedProcess[str]:
    code = WITHOUT.format(module=module)
    environment = settings.child_environment() | {"LANG": "en_US.UTF-8", "LC_ALL": "en_US.UTF-8"}
    return subprocess.run(
        [sys.executable, "-P", "-c", code, *words], env=environment, capture_output=True, text=True, check=False
    )


def test_command__names_the_extra(platform: Platform) -> None:
    done = without_torch(platform.settings, "roadloop.cli.main", "networks", "--no-speed")
    assert done.returncode == 1
    assert "pip install 'roadloop[torch]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_job__names_the_extra(platform: Platform) -> None:
    recipe = CreateNet.model_validate({"network_name": "n", "src_net": "fast-scnn", "net_describe": ""})
    with platform.database.transaction() as db:
        task_id = queue.submit(db, queue.Submission("create_net", recipe.payload(), "n"))
        job = queue.claim(db, task_id, (), "here")
    done = without_torch(platform.settings, "roadloop.jobs.run", task_id, str(job.token), "")
    assert done.returncode == 0, done.stderr
    with platform.database.reading() as db:
        job = queue.get(db, task_id)
    assert (job.state, job.error) == (JobState.FAILED, "missing_package")
    assert job.reason is not None
    assert "roadloop[torch]" in job.reason.en
    assert "roadloop[torch]" in job.reason.zh


@pytest.mark.parametrize(
    "error", [ImportError("x", name="torch"), ModuleNotFoundError("x", name="requests"), ImportError()]
)
def test_missing__other_failures_stay_what_they_are(error: ImportError) -> None:
    assert missing_package(error) is None
    assert missing_package(ModuleNotFoundError("x", name="onnxruntime.capi")) is not None
    assert set(EXTRAS.values()) == {"torch", "oidc"}
