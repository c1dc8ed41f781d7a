"""R29: requests made from our own description, sensible and not: no failure of ours, every answer as described."""

import random
from collections.abc import Callable
from typing import Any

import hypothesis
import pytest
import schemathesis
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Err
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from job_cases import CASES
from roadloop.jobs.fsck import inspect
from roadloop.jobs.states import JobState
from roadloop.server import create_app
from roadloop.settings import Settings
from roadloop.storage.platform import open_platform
from signed_in import make_each, token_of

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(3000)]

CHECKS = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]


@pytest.mark.parametrize("role", ["", "viewer", "annotator", "engineer", "admin"])
def test_r29__no_request_that_the_description_allows_breaks_the_server(
    request: pytest.FixtureRequest, settings: Settings, run_job: Callable[..., Any], times: Callable[[int], int],
    rng: random.Random, role: Any,
) -> None:  # fmt: skip
    """In a workspace with pictures, labels, a model and jobs that wait, because nothing runs; without accounts, and as each role."""
    platform = open_platform(
        settings.model_copy(update={"allowed_hosts": ("testserver", "localhost"), "release_wait_seconds": 0.05}),
        upgrade=True,
    )
    for kind in ("evaluate", "health", "task_divide"):
        CASES[kind].prepare(platform, lambda task_id: _finished(run_job(platform, task_id)))
        CASES[kind].submit(platform)
    headers = {}
    if role:
        make_each(platform)
        headers["Authorization"] = f"Bearer {token_of(platform, 'admin', role)}"
    schema = schemathesis.openapi.from_asgi("/openapi.json", create_app(platform, 80))
    found = list(schema.get_all_operations())
    operations = [result.ok() for result in found if not isinstance(result, Err)]
    assert len(operations) == len(found)
    if times(20) < 20:
        operations = rng.sample(operations, 8)
    for operation in operations:
        _fuzz(
            operation, times(5 if role and not request.config.getoption("--long") else 20), rng.getrandbits(64), headers
        )
    assert len(operations) >= 8
    assert inspect(platform, hashes=False).problems == []
    platform.database.close()


def _finished(job: Any) -> None:
    assert job.state is JobState.SUCCEEDED, job.reason


def _fuzz(operation: Any, count: int, seed: int, headers: dict[str, str]) -> None:
    @hypothesis.seed(seed)
    @hypothesis.settings(
        max_examples=count, deadline=None, database=None, suppress_health_check=list(hypothesis.HealthCheck),
        phases=[hypothesis.Phase.generate],
    )  # fmt: skip
    @hypothesis.given(case=operation.as_strategy())
    def run(case: Any) -> None:
        case.call_and_validate(checks=CHECKS, headers=headers)

    run()
