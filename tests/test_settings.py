"""What a job is told, and what it inherits."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from roadloop.console import settings_of
from roadloop.errors import InvalidValueError
from roadloop.jobs.registry import READERS, SECRETS, SPREAD, TASKS, keys, withheld
from roadloop.settings import Settings


def test_job_environment__holds_what_programs_need_and_no_foreign_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "AWS_SECRET_ACCESS_KEY": "planted",
        "PYTHONHASHSEED": "0",
        "CUDA_HOME": "/cuda",
        "WANDB_API_KEY": "planted",
        "TEAM_PLACE": "suzhou",
        "https_proxy": "http://proxy:3128",
        "XDG_RUNTIME_DIR": "/run/user/1000",
        "ROADLOOP_UNKNOWN": "planted",
    }.items():
        monkeypatch.setenv(name, value)
    environment = Settings(job_variables=("TEAM_*", "WANDB_MODE")).job_environment(())
    assert "planted" not in environment.values()
    assert "XDG_RUNTIME_DIR" not in environment
    assert (environment["TEAM_PLACE"], environment["CUDA_HOME"]) == ("suzhou", "/cuda")
    assert (environment["PYTHONHASHSEED"], environment["https_proxy"]) == ("0", "http://proxy:3128")
    assert "PATH" in environment


def test_job_environment__gives_the_same_settings_without_those_withheld(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(label_studio_token="t", label_studio_url="http://l", mlflow_url="http://m", roots=("/data:ro",))
    for kind in TASKS:
        told = settings.job_environment(withheld(kind))
        for name, value in told.items():
            monkeypatch.setenv(name, value)
        assert Settings().model_dump(exclude=set(SECRETS)) == settings.model_dump(exclude=set(SECRETS))
        for name in told:
            if name.startswith("ROADLOOP_"):
                monkeypatch.delenv(name)
        assert ("ROADLOOP_LABEL_STUDIO_TOKEN" in told) == (kind in {"linedown", "push_package"})
        assert ("ROADLOOP_MLFLOW_URL" in told) == (kind == "train")
        assert json.loads(told["ROADLOOP_ROOTS"]) == ["/data:ro"]


def test_job_environment__keys_of_object_stores_reach_jobs_that_read_pictures_where_they_lie(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "planted")
    assert set(TASKS) >= READERS
    for kind in TASKS:
        for roots, told in ((("/data:ro", "s3://roads/team"), kind in READERS), (("/data:ro",), False)):
            environment = Settings(roots=roots).job_environment(withheld(kind), keys(kind, roots))
            assert ("planted" in environment.values()) == told
    assert {"train", "linedown", "release", "create_net"}.isdisjoint(READERS)


def test_job_environment__has_a_clusters_token_only_where_nodes_are_to_help(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "t", "RAY_USE_TLS": "1", "RAY_TLS_CA_CERT": "/ca"}
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    assert not given.keys() & Settings().job_environment(()).keys()
    assert given.items() <= Settings().job_environment((), cluster=True).items()
    assert set(TASKS) >= SPREAD


def test_secrets__every_address_and_token_is_in_the_table_of_who_is_told() -> None:
    suspects = {
        name for name in Settings.model_fields if name.endswith(("_url", "_token", "_password", "_secret", "_key"))
    }
    assert suspects - {"database_url"} == set(SECRETS)  # every job has rows to write
    assert frozenset().union(*SECRETS.values()) <= set(TASKS)


ADDED = """
import os
from roadloop.settings import Settings, forget_additions
os.environ["OMP_NUM_THREADS"] = "1"
os.environ["OTHER"] = "1"
forget_additions()
print(os.environ.get("OMP_NUM_THREADS"), os.environ.get("MKL_NUM_THREADS"), os.environ.get("OTHER"))
"""


@pytest.mark.parametrize(("given", "left"), [({}, "None 2 1"), ({"OMP_NUM_THREADS": "4"}, "1 2 1")])
def test_forget_additions__leaves_what_the_process_was_started_with(given: dict[str, str], left: str) -> None:
    """A variable that was there at the start stays, whatever it says now."""
    environment = {"PATH": os.environ["PATH"], "MKL_NUM_THREADS": "2", **given}
    done = subprocess.run([sys.executable, "-c", ADDED], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == left


def test_driver_environment__with_the_cluster_s_token_or_as_one_who_has_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_AUTH_TOKEN", "planted")
    monkeypatch.setenv("RAY_ADDRESS", "kept")
    assert Settings().driver_environment()["RAY_AUTH_TOKEN"] == "planted"
    assert "planted" not in Settings().driver_environment(token=False).values()
    assert Settings().driver_environment(token=False)["RAY_ADDRESS"] == "kept"


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("PORT", "abc", "ROADLOOP_PORT is 'abc'"),
        ("CLIENT_ORIGINS", "http://10.0.0.5:8080", 'a JSON list, such as ["http://10.0.0.5:8080"]'),
        ("ALLOWED_HOSTS", "[a.example.com]", "ROADLOOP_ALLOWED_HOSTS"),
        ("LEASE_SECONDS", "-1", "ROADLOOP_LEASE_SECONDS is '-1'"),
    ],
)
def test_wrong_setting__is_one_sentence_that_names_the_variable(
    name: str, value: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(f"ROADLOOP_{name}", value)
    with pytest.raises(InvalidValueError) as refused:
        settings_of(tmp_path)
    assert said in refused.value.text.en
    assert f"ROADLOOP_{name}" in refused.value.text.zh
