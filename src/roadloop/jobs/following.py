"""A follower: the process of a job on each of its hosts but the first, `roadloop.jobs.run` with a place.

It waits until the job's own process says in the row where to meet, and does what that tells it. It writes nothing that
anybody else reads; and it ends, with all that it has started, when the job is not running any more or under another token,
which it looks for as often as the job's process shows life.
"""

import os
import signal
import threading
import time
from typing import Any, Final

from roadloop.errors import RoadloopError, StaleRunError, Text
from roadloop.jobs import logs, queue
from roadloop.jobs.states import JobState
from roadloop.jobs.store import Seat
from roadloop.storage.platform import Platform

MEET_SECONDS: Final = 0.3  #: between two looks for the place to meet


class Following:
    """One follower.

    Args:
        platform: The installation.
        task_id: The job.
        token: Of the attempt that it belongs to.
        place: Of its host among the job's.

    Raises:
        StaleRunError: The job is not running under that token.
    """

    def __init__(self, platform: Platform, task_id: str, token: int, place: int) -> None:
        self._platform: Final = platform
        self._task_id: Final = task_id
        self._token: Final = token
        self.place: Final = place
        self.job: Final = self._look()

    @property
    def first(self) -> Seat:
        """Where the job's own process is."""
        return self.job.seats[0]

    def meeting(self) -> dict[str, Any]:
        """Wait until the job's process says where to meet.

        Raises:
            StaleRunError: The job is not running under the token any more.
        """
        while (where := self._look().meeting) is None:
            time.sleep(MEET_SECONDS)
        return where

    def watch(self) -> None:
        """From now on end this process and all that it starts as soon as the attempt is over."""
        threading.Thread(target=self._watch, name="fence", daemon=True).start()

    def _watch(self) -> None:
        pause = min(1.0, self._platform.settings.lease_seconds / 5)
        while True:
            time.sleep(pause)
            try:
                self._look()
            except StaleRunError as error:
                logs.write(f"{error.text.en} This process ends.")
                os.killpg(os.getpgid(0), signal.SIGKILL)
            except RoadloopError as error:  # a database that cannot be read says nothing of the attempt
                logs.write(f"WARNING {error.text.en}")

    def _look(self) -> queue.Job:
        with self._platform.database.reading() as db:
            job = queue.get(db, self._task_id)
        if (job.state, job.token) != (JobState.RUNNING, self._token):
            raise StaleRunError(
                Text("任务的这次运行已经结束。", "This attempt of the job is over."), task_id=self._task_id
            )
        return job
