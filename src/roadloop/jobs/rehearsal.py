"""A job that only counts: it shows that queue, processes, log, stopping, resuming and publishing work on a machine.

`roadloop rehearse` runs one for operators; the reliability tests run thousands and kill them.
"""

import os
import subprocess
import sys
import time
from typing import Literal

from pydantic import Field

from roadloop.errors import JobError, Text
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.parameters import Parameters
from roadloop.storage import publish


class Rehearsal(Parameters):
    """What a rehearsal carries."""

    steps: int
    pause: float = Field(description="Seconds a step.")
    name: str = Field(description="Of the file under logs/.")
    child: bool = Field(False, description="Start a process that leaves this one's session and sleeps.")
    daemon: bool = Field(
        False,
        description="Start one that also leaves this one's tree, environment and folder; the log has its number.",
    )
    memory: int = Field(0, description="MiB to take, for a moment.")
    fail: Literal["", "error", "bug", "exit", "leave", "abort"] = Field("", description="How, at the last step.")


def count(context: TaskContext) -> Outcome:
    """Count to `steps`, remembering each tenth step, and publish what was counted."""
    plan = context.recipe(Rehearsal)
    steps = plan.steps
    target = context.platform.workspace.logs / f"{plan.name}.txt"
    if plan.child:
        subprocess.Popen(
            [sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True, stdin=subprocess.DEVNULL
        )
    if plan.daemon:
        context.log(f"daemon={_start_daemon()}")
    taken = b"\1" * (plan.memory * 2**20)
    del taken
    for step in range(int(context.memo.get("step", 0)), steps):
        context.check_stop()
        time.sleep(plan.pause)
        context.progress(step + 1, steps)
        context.log(f"step={step + 1}")
        if step + 1 == steps:
            _fail(plan.fail)
        if step % 10 == 9:
            context.publish([], {"step": step + 1})
    scratch = context.scratch(target)
    scratch.write_text("".join(f"{n}\n" for n in range(steps)))
    publish.fsync(scratch)
    return Outcome({"steps": steps}, [(scratch, target)])


def _start_daemon() -> int:
    program = "env -i setsid sleep 600 </dev/null >/dev/null 2>&1 & echo $!"
    done = subprocess.run(
        ["/bin/sh", "-c", program], env={}, cwd="/", start_new_session=True, stdout=subprocess.PIPE, check=True
    )
    return int(done.stdout)


def _fail(how: str) -> None:
    if how == "error":
        raise JobError(Text("按要求失败。", "Failed as asked."))
    if how == "bug":
        message = "failed as asked"
        raise RuntimeError(message)
    if how == "exit":
        sys.exit(3)
    if how == "leave":
        os._exit(3)
    if how == "abort":
        os.abort()
