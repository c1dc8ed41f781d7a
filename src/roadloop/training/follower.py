"""What a follower of a training job does: start the ranks of its machine, and stand between them and the crew."""

import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing import AuthenticationError
from typing import Any

from roadloop.errors import Text, WorkerLostError
from roadloop.jobs.following import Following
from roadloop.training.meeting import join
from roadloop.training.ranks import Ranks


def follow(following: Following) -> None:
    """Serve until all ranks of this machine have ended, or the crew is gone.

    Raises:
        StaleRunError: The attempt was over before it began.
        WorkerLostError: The crew could not be reached.
    """
    where = following.meeting()
    following.watch()
    address = following.first.address
    try:
        wire = join(address, where, following.place)
        assignments = wire.hear()
    except (OSError, EOFError, AuthenticationError) as error:
        raise WorkerLostError(
            Text(
                f"无法连接任务进程 {address}：{error}。请检查节点之间的网络与防火墙。",
                f"The job's process at {address} could not be reached: {error!r}. Look at network and firewall between"
                " the nodes.",
            )
        ) from error
    over, running = threading.Event(), set[int]()

    def hear(rank: int, message: Mapping[str, Any]) -> None:
        try:
            wire.say([rank, message])
        except OSError:
            over.set()
        if "exit" in message:
            running.discard(rank)
            if not running:
                over.set()

    def wait_for_the_end() -> None:
        with suppress(OSError, EOFError):
            wire.hear()  # the crew says nothing more
        over.set()

    ranks = Ranks(hear)
    try:
        running.update(assignment["rank"] for assignment in assignments)
        threading.Thread(target=wait_for_the_end, daemon=True).start()
        for assignment in assignments:
            ranks.start(assignment["rank"], assignment)
        over.wait()
    finally:
        ranks.end()
        wire.end()
