"""The measurement of the viewer runs, in small: its clock stops at the next picture, and a page lives on for a minute."""

from collections.abc import Callable
from pathlib import Path

import pytest

from benchmarks.viewer import measure
from live import LiveServer
from roadloop.jobs import queue
from roadloop.storage.platform import open_platform
from two_models import evaluate_two

pytestmark = [pytest.mark.browser, pytest.mark.xdist_group("browser"), pytest.mark.slow]


def test_viewer__is_measured_until_the_next_picture_is_drawn_and_a_live_page_for_a_while(
    site: LiveServer, write_model: Callable[..., Path]
) -> None:
    evaluation = evaluate_two(site, write_model)
    platform = open_platform(site.settings)
    with platform.database.transaction() as db:
        payload = {"steps": 600, "pause": 0.1, "name": "counted"}
        task_id = queue.submit(db, queue.Submission("rehearsal", payload, "counts"))
    platform.database.close()
    median, slowest, longest, grown = measure(site.url, evaluation, "#/", pictures=3, pause=0.5, hour=300)
    assert 0 < median.value <= slowest.value < 20_000
    assert longest.value == 0 or longest.value >= 50
    assert abs(grown.value) < 50
    assert grown.what == "a live page after 5 minutes: heap grown by"
    assert site.client().get("/v1/jobs", params={"task_id": task_id}).json()["data"]["state"] == "running"
    site.client().post(f"/v1/jobs/{task_id}/cancel")
