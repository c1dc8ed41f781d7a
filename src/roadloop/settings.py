"""Settings: one frozen object, the only reader of the environment.

What decides a result is a recipe; where it runs is a setting. Built by the command line or by a job process,
then passed on. Every field can be set as `ROADLOOP_<FIELD>`; `child_environment` hands the same settings to another
server, `job_environment` hands a job's process what it needs.
"""

import functools
import json
import os
import re
import tempfile
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any, Final, Literal

from pydantic import Field, ValidationError
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from roadloop.errors import InvalidValueError, Text
from roadloop.parameters import rule_of

PREFIX = "ROADLOOP_"

#: What longitudes and latitudes refer to.
Datum = Literal["wgs84", "gcj02", "bd09", "unknown"]

#: Where a value comes from: nobody said anything, a variable of the environment did, or an option of the command line.
Origin = Literal["default", "environment", "option"]

#: Variables of the server's environment that its jobs receive, besides those of the setting `job_variables`; a name
#: with a star stands for all that begin so. Whatever else it holds, such as keys of other programs, stays with it.
INHERITED: Final = (
    "PATH", "HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "LC_*", "TZ", "TZDIR", "TMPDIR", "TEMP", "TMP",
    "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LD_LIBRARY_PATH", "LD_PRELOAD", "MALLOC_*", "GLIBC_TUNABLES",
    "PYTHON*", "VIRTUAL_ENV", "CONDA_PREFIX", "CC", "CXX", "CUDA_*", "CUDNN_*", "CUBLAS_*", "NVIDIA_*", "NCCL_*", "GLOO_*",
    "TORCH*", "PYTORCH_*", "TRITON_*", "OMP_*", "KMP_*", "GOMP_*", "MKL_*", "OPENBLAS_*", "NUMEXPR_*", "OPENCV_*", "ORT_*",
    "SSL_CERT_*", "http_proxy", "https_proxy", "no_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY", "ALL_PROXY",
)  # fmt: skip

#: How a process is let into a Ray cluster.
RAY_ENTRY: Final = ("RAY_AUTH_*", "RAY_USE_TLS", "RAY_TLS_*")


class Settings(BaseSettings):
    """What one process needs to know about where it runs."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="forbid")

    home: Path = Field(Path("roadloop-home"), description="The workspace: database, sources, datasets, tasks.")
    host: str = Field(
        "127.0.0.1", description="Address the server listens on; another than loopback only where there are accounts."
    )
    port: int = Field(8600, ge=0, le=65535, description="Port of the server; 0 picks a free one.")
    allowed_hosts: tuple[str, ...] = Field(
        (), description="Further values of the Host header to answer to, for example behind a reverse proxy."
    )
    client_origins: tuple[str, ...] = Field(
        (),
        description="Origins of an older front-end's pages, such as http://10.0.0.5:8080, that may call what lies below /api.",
    )
    session_days: float = Field(7, gt=0, le=366, description="A log-in of a browser ends so many days later.")
    oidc_issuer: str = Field(
        "",
        description="OpenID Connect provider by which people log in, as its issuer is written; empty: by password only.",
    )
    oidc_client_id: str = Field("", description="What the provider calls this installation.")
    oidc_client_secret: str = Field(
        "", description="The secret that the provider has given for it; empty: a public client, by PKCE alone."
    )
    oidc_scopes: tuple[str, ...] = Field(
        ("openid", "profile", "email"),
        description="What the provider is asked to tell of people; `openid` is among it.",
    )
    oidc_name_claim: str = Field(
        "preferred_username",
        description="The claim that says what somebody's account is called; one that people cannot change themselves.",
    )
    oidc_role_claim: str = Field(
        "",
        description="The claim that decides about roles, such as `groups`; empty: who has no account is let in by none.",
    )
    oidc_roles: tuple[str, ...] = Field(
        (),
        description="Values of that claim and the role of each, such as `road-team=engineer`; `admin` is none of them.",
    )
    oidc_title: str = Field("", description="What the button of the log-in page calls the provider; empty: its host.")
    database_url: str = Field(
        "", description="postgresql://user@host/name, for several machines; empty means SQLite in the workspace."
    )
    ray_address: str = Field(
        "", description="Head of the Ray cluster whose nodes run the jobs, host:port; empty: this machine runs them."
    )
    ray_insecure: bool = Field(
        False,
        description="Use a Ray cluster that lets in everybody, without token authentication.",
    )
    spread_pictures: int = Field(
        2000,
        ge=0,
        description="Work on so many pictures or more takes all nodes of the Ray cluster that are free; 0: never.",
    )
    roots: tuple[str, ...] = Field(
        (),
        description="Folders outside the workspace that requests may name; `path:ro` makes one read-only."
        " `s3://bucket/prefix`: what lies there in an object store, only for reading.",
    )
    lease_seconds: float = Field(15, gt=0, description="A running job that shows no life for this long is lost.")
    sweep_seconds: float = Field(5, gt=0, description="How often the supervisor looks for lost jobs.")
    poll_seconds: float = Field(0.3, gt=0, description="How often the supervisor looks for queued jobs.")
    stop_seconds: float = Field(10, gt=1, description="A cancelled job's processes are gone after this long.")
    training_slots: int = Field(1, ge=1, description="Training jobs that run at once on CPU.")
    other_slots: int = Field(1, ge=1, description="Other jobs that run at once.")
    max_connections: int = Field(
        1000, ge=8, description="Connections to the server at once; fewer where the system allows few open files."
    )
    max_body_mib: int = Field(1, ge=1, description="Largest request body, MiB.")
    max_picture_mpix: int = Field(64, ge=1, description="Largest picture that is decoded, megapixels.")
    min_free_mib: int = Field(200, ge=0, description="New jobs wait while the disk has less than this free, MiB.")
    idempotency_days: float = Field(
        30, ge=0, description="An Idempotency-Key is known for so many days after its request; 0: for ever."
    )
    log_format: Literal["text", "json"] = Field("text", description="Lines of the server's log: text, or json.")
    log_file: str = Field(
        "", description="File of the server's log, begun anew after 10 MiB, five older ones kept; empty: stderr."
    )
    log_requests: bool = Field(False, description="Write a line of the log for every request that is answered.")
    log_keep_days: float = Field(
        365, ge=0, description="Logs of ended jobs in logs/ are removed so many days after their last line; 0: never."
    )
    log_keep_mib: int = Field(
        20480,
        ge=0,
        description="Of logs that are larger together, the oldest of ended jobs are removed, MiB; 0: never.",
    )
    upload_keep_days: float = Field(
        7, ge=0, description="Uploads are removed so many days after their last byte; 0: never."
    )
    trash_keep_days: float = Field(
        30, ge=0, description="What was deleted can come back for so many days, then it goes; 0: for ever."
    )
    scratch_keep_days: float = Field(
        7, ge=0, description="Temporary files that no job needs are removed after so many days; 0: never."
    )
    preview_keep_days: float = Field(
        30, ge=0, description="What was looked at before an import is removed after so many days; 0: never."
    )
    checkpoint_keep_days: float = Field(
        0,
        ge=0,
        description="Checkpoints of trainings that have succeeded are removed so many days after their end; 0: never.",
    )
    evaluation_keep_days: float = Field(
        0,
        ge=0,
        description="Evaluations that nothing refers to are put into the trash so many days after their end; 0: never.",
    )
    release_categories: tuple[str, ...] = Field(
        ("车道线", "路牌", "灯杆"), description="Model categories, in the order of /release_tab pages."
    )
    release_wait_seconds: float = Field(60, gt=0, description="How long /release waits for its job.")
    gpu_probe: tuple[str, ...] = Field(
        (), description="Command that prints this host's GPUs as JSON; empty means NVIDIA's NVML."
    )
    track_service_url: str = Field(
        "", description="Base URL of an HTTP track service, asked for tracks that no tracks/ folder has; empty: none."
    )
    track_service_timeout: float = Field(10, gt=0, description="The track service may be silent for this long, s.")
    track_service_retries: int = Field(3, ge=0, le=20, description="Further tries when the track service fails.")
    track_service_parallel: int = Field(8, ge=1, le=64, description="Requests to the track service at once.")
    track_service_type: str = Field("0", description="Value of `type` in the track service's image/get.")
    track_service_seq: str = Field("0", description="Value of `seq` in the track service's image/get.")
    track_service_image_type: str = Field("0", description="Value of `imageType` in the track service's image/get.")
    track_datum: Datum = Field(
        "unknown",
        description="Datum of positions in tracks/ folders whose track.csv names none: wgs84, gcj02, bd09 or unknown.",
    )
    track_service_datum: Datum = Field(
        "unknown", description="Datum of positions from the track service: wgs84, gcj02, bd09 or unknown."
    )
    label_studio_url: str = Field(
        "", description="Label Studio server that annotates packages; empty: annotators work in folders."
    )
    label_studio_token: str = Field("", description="Its access token: 40 hex digits, or a personal access token.")
    annotation_inbox: str = Field(
        "imports/annotations", description="Folder where annotators put finished packages, for /linedown."
    )
    annotation_outbox: str = Field(
        "", description="Folder that packages are copied to when pushed; empty: annotators take them from packages/."
    )
    mlflow_url: str = Field(
        "", description="MLflow tracking server that is told every epoch of every training; empty: none."
    )
    notices: str = Field(
        "",
        description="TOML file that says whose chat robots, and which programs, are told what happens; empty: nobody.",
    )
    fail_point: str = Field(
        "", description="For reliability tests: where a job's first attempt kills itself, or stops (`:stop`)."
    )
    job_memory_mib: int = Field(
        0, ge=0, description="Memory that one job may take, all its processes together, MiB; 0: no limit."
    )
    job_processes: int = Field(
        16384, ge=0, description="Processes and threads that one job may have at once; 0: no limit."
    )
    job_variables: tuple[str, ...] = Field(
        (), description="Further variables of the server's environment that jobs receive; `NAME_*`: all that begin so."
    )
    torch_threads: int = Field(0, ge=0, description="Threads that torch may use; 0 means all cores.")
    predictor: Literal["auto", "torch", "onnx"] = Field(
        "auto", description="What predicts on CPU: torch, onnx, or auto: the faster one, where the pictures pay for it."
    )
    loader_workers: int = Field(
        -1, ge=-1, description="Processes that read training pictures, for each device; -1: 8 for a GPU, 0 on CPU."
    )
    decoded_cache_mib: int = Field(
        1024, ge=0, description="Decoded training pictures that one task may keep, all its processes together, MiB."
    )

    def origin(self, name: str) -> Origin:
        """Where a setting's value comes from."""
        if name not in self.model_fields_set:
            return "default"
        variable = PREFIX + name.upper()
        if not any(given.upper() == variable for given in os.environ):
            return "option"
        return "environment" if getattr(type(self)(), name) == getattr(self, name) else "option"

    def child_environment(self) -> dict[str, str]:
        """The whole environment of another server, with these settings in it."""
        return {k: v for k, v in os.environ.items() if not k.startswith(PREFIX)} | self._as_variables(())

    def driver_environment(self, *, token: bool = True) -> dict[str, str]:
        """The environment of the process that talks to a Ray cluster: with the cluster's token, or as one who has none."""
        return {k: v for k, v in os.environ.items() if token or not k.startswith("RAY_AUTH")}

    def job_environment(
        self, withheld: Collection[str], keys: Collection[str] = (), *, cluster: bool = False
    ) -> dict[str, str]:
        """The environment of a job's process: what any program may know, and these settings without some.

        Args:
            withheld: Settings that this job does not need and other people should not see.
            keys: Variables that other jobs do not receive; a name with a star stands for all that begin so.
            cluster: Whether it may ask the nodes of the Ray cluster to help, and so is told the cluster's token.
        """
        exact, beginnings = _matching((*INHERITED, *self.job_variables, *keys, *(RAY_ENTRY if cluster else ())))
        inherited = {k: v for k, v in os.environ.items() if k in exact or k.startswith(beginnings)}
        return {k: v for k, v in inherited.items() if not k.startswith(PREFIX)} | self._as_variables(withheld)

    def _as_variables(self, withheld: Collection[str]) -> dict[str, str]:
        variables = {}
        for name in type(self).model_fields:
            value = getattr(self, name)
            if name not in withheld:
                variables[PREFIX + name.upper()] = json.dumps(value) if isinstance(value, tuple) else str(value)
        return variables


def read_settings(**given: Any) -> Settings:
    """The settings that the environment makes, changed by what is given.

    Raises:
        InvalidValueError: One cannot be used; names the variable.
    """
    try:
        return Settings(**given)
    except SettingsError as error:
        found = re.search(r'field "(\w+)"', str(error))
        name = found[1] if found else ""
        said = os.environ.get(f"{PREFIX}{name.upper()}", "")
        shown, example = said[:120], json.dumps([said[:120]], ensure_ascii=False)
        rule = Text(f"应为 JSON 列表，例如 {example}", f"it is a JSON list, such as {example}")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        shown, rule = repr(first.get("input"))[:120], rule_of(first)
    raise InvalidValueError(
        Text(
            f"设置 {PREFIX}{name.upper()} 的值 {shown} 无效：{rule.zh}。请改正后再运行；各项设置见 docs/settings.md。",
            f"The setting {PREFIX}{name.upper()} is {shown}, which is not valid: {rule.en}. Set it right and run this again;"
            " docs/settings.md has them all.",
        ),
        parameter=name,
    )


def store_keys() -> dict[str, str]:
    """The variables by which object stores are read, as this process was told them."""
    return {name: value for name, value in os.environ.items() if name.startswith("AWS_")}


def learn_store_keys(keys: Mapping[str, str]) -> None:
    """Let this process read object stores as the one can that says so."""
    os.environ.update(keys)


def forget_additions() -> None:
    """Take out of this process's environment what jobs would inherit and what it was not started with.

    Other code in the process has added it: Ray sets OMP_NUM_THREADS, which would slow down a training.
    """
    exact, beginnings = _matching(INHERITED)
    added = os.environ.keys() - _given()
    for name in added:
        if name in exact or name.startswith(beginnings):
            del os.environ[name]


def prefer_variable(name: str, value: str) -> None:
    """Set a variable that a library reads, unless this process was told another value."""
    os.environ.setdefault(name, value)


def _matching(names: tuple[str, ...]) -> tuple[frozenset[str], tuple[str, ...]]:
    return frozenset(names), tuple(name[:-1] for name in names if name.endswith("*"))


@functools.cache
def _given() -> frozenset[str]:
    entries = Path("/proc/self/environ").read_bytes().split(b"\0")
    return frozenset(os.fsdecode(entry.partition(b"=")[0]) for entry in entries)


def set_temporary(folder: Path) -> None:
    """Let this process and those that it starts put their temporary files into a folder.

    What `torch.compile` has built stays where all jobs find it.
    """
    built = Path(tempfile.gettempdir()) / f"torchinductor_{os.getuid()}"
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str(built))
    os.environ["TMPDIR"] = str(folder)
    tempfile.tempdir = str(folder)


def locale_of_messages() -> str:
    """The locale that the environment asks for, such as `zh_CN.UTF-8`; it need not be installed here."""
    names = ("LC_ALL", "LC_MESSAGES", "LANG")
    return next((value for name in names if (value := os.environ.get(name))), "")
