"""Which job starts where: decided of records, by hand-made hosts."""

from collections.abc import Sequence
from typing import Any

from roadloop.devices.service import Gpu
from roadloop.jobs import queue
from roadloop.jobs.placing import Start, Wait, most, place, room_left
from roadloop.jobs.queue import Job, Line
from roadloop.jobs.store import Seat
from roadloop.settings import Settings
from roadloop.storage.platform import Platform


class Machine:
    """A host with GPUs, on which nothing is ever started."""

    def __init__(self, name: str, *uuids: str) -> None:
        self.name = name
        self.address = f"10.0.0.{ord(name) - 96}"
        self._gpus = tuple(Gpu(i, uuid, "x", 0.0, 10, 9, name) for i, uuid in enumerate(uuids))

    def gpus(self) -> tuple[Gpu, ...]:
        return self._gpus

    def _none(self, *_: Any, **__: Any) -> Any:
        raise AssertionError

    start = exit_code = is_watched = is_alive = kill_tree = went_over = forget = why_silent = _none


def jobs(platform: Platform, *wanted: tuple[str, str]) -> list[Job]:
    with platform.database.transaction() as db:
        for number, (pool, gpus) in enumerate(wanted):
            queue.submit(db, queue.Submission("rehearsal", {}, f"job {number}", pool, gpus))
        return queue.queued(db)


def decided(waiting: Sequence[Job], hosts: Sequence[Machine], **held: str) -> list[tuple[str, str, tuple[str, ...]]]:
    room = room_left(Settings(), hosts, [])
    found = []
    for one in place(waiting, hosts, room, held, "a"):
        match one:
            case Start(job, host, gpus, seats):
                found.append((job.title, "+".join(seat.host for seat in seats) or host.name, gpus))
            case Wait(job, reason):
                found.append((job.title, reason.en, ()))
    return found


def test_place__fills_the_emptiest_host_and_leaves_the_rest_waiting(platform: Platform) -> None:
    waiting = jobs(platform, ("other", ""), ("training", ""), ("other", "cpu"), ("other", ""))
    assert decided(waiting, [Machine("a"), Machine("b")]) == [
        ("job 0", "a", ()),
        ("job 1", "a", ()),
        ("job 2", "b", ()),
    ]


def test_place__gpus_that_a_job_gets_are_not_there_for_the_next(platform: Platform) -> None:
    waiting = jobs(platform, ("training", "0"), ("training", "0,1"), ("training", "2"), ("training", "1"))
    assert decided(waiting, [Machine("a", "GPU-0", "GPU-1")]) == [
        ("job 0", "a", ("GPU-0",)),
        ("job 1", "Waiting for a GPU that job 'job 0' is using.", ()),
        ("job 2", "GPU [2] is not there (or its driver does not answer); waiting for it.", ()),
        ("job 3", "a", ("GPU-1",)),
    ]


def test_place__leased_gpus_are_named_by_their_holder(platform: Platform) -> None:
    waiting = jobs(platform, ("training", "1"))
    said = decided(waiting, [Machine("a", "GPU-0", "GPU-1")], **{"GPU-1": "苏州"})
    assert said == [("job 0", "Waiting for a GPU that job '苏州' is using.", ())]


def test_room__counts_cpu_jobs_of_the_host_and_is_never_below_the_first(platform: Platform) -> None:
    one, two, three = jobs(platform, ("other", ""), ("other", "0"), ("training", ""))
    hosts = [Machine("a"), Machine("b")]
    room = room_left(Settings(), hosts, [(one, "a"), (two, "b"), (three, "gone")])
    assert room == {"a": {"training": 1, "other": 0}, "b": {"training": 1, "other": 1}}
    assert [most(Line(pool, gpus, 0), room) for pool, gpus in (("other", ""), ("training", ""), ("other", "0"))] == [
        1,
        2,
        1,
    ]
    room["b"]["other"] = 0
    assert most(Line("other", "", 0), room) == 1


def test_most__of_jobs_for_gpus_one_is_asked_at_a_time_whatever_the_processors_have_room_for() -> None:
    room = {"a": {"training": 3, "other": 1}, "b": {"training": 2, "other": -1}}
    assert [most(Line(pool, gpus, 0), room) for pool, gpus in (("training", ""), ("training", "0"), ("other", ""))] == [
        5,
        1,
        1,
    ]


def test_place__why_a_job_waits_is_said_in_chinese_too(platform: Platform) -> None:
    waiting = jobs(platform, *(("training", gpus) for gpus in ("7", "b:7", "c:0", "0", "any:9")))
    hosts, held = [Machine("a", "GPU-a0"), Machine("b", "GPU-b0")], {"GPU-a0": "苏州"}
    found = list(place(waiting, hosts, room_left(Settings(), hosts, []), held, "a"))
    assert [one.reason.zh for one in found if isinstance(one, Wait)] == [
        "GPU [7] 不在本机上（或驱动无响应），等待其出现。",
        "GPU [7] 不在b上（或驱动无响应），等待其出现。",
        "机器 c 没有响应，等待其恢复。",
        "等待 GPU：正被任务“苏州”使用。",
        "等待同一台机器上有 9 块空闲的 GPU。",
    ]


def test_place__gpus_of_a_named_machine_or_of_whichever_has_enough(platform: Platform) -> None:
    hosts = [Machine("a", "GPU-a0"), Machine("b", "GPU-b0", "GPU-b1", "GPU-b2")]
    waiting = jobs(platform, *(("training", gpus) for gpus in ("b:1", "any:2", "any:1", "any:1", "c:0", "b:3")))
    assert decided(waiting, hosts) == [
        ("job 0", "b", ("GPU-b1",)),
        ("job 1", "b", ("GPU-b0", "GPU-b2")),
        ("job 2", "a", ("GPU-a0",)),
        ("job 3", "Waiting for 1 free GPUs on one machine.", ()),
        ("job 4", "The machine c does not answer; waiting for it.", ()),
        ("job 5", "GPU [3] is not there on b (or its driver does not answer); waiting for it.", ()),
    ]


def test_place__a_job_on_several_machines_has_all_of_them_at_once_or_waits(platform: Platform) -> None:
    hosts = [Machine("a", "GPU-a0", "GPU-a1"), Machine("b", "GPU-b0", "GPU-b1")]
    texts = ("b:1,0;a:1", "a:0;b:0", "a:0", "a:0;c:0", "b:0;a:2")
    waiting = jobs(platform, *(("training", gpus) for gpus in texts))
    assert decided(waiting, hosts) == [
        ("job 0", "b+a", ("GPU-b1", "GPU-b0", "GPU-a1")),
        ("job 1", "Waiting for a GPU that job 'job 0' is using.", ()),
        ("job 2", "a", ("GPU-a0",)),
        ("job 3", "Waiting for a GPU that job 'job 2' is using.", ()),
        ("job 4", "Waiting for a GPU that job 'job 0' is using.", ()),
    ]
    start = next(place(waiting[:1], hosts, room_left(Settings(), hosts, []), {}, "a"))
    assert isinstance(start, Start)
    assert start.seats == (Seat("b", "10.0.0.2", ("GPU-b1", "GPU-b0")), Seat("a", "10.0.0.1", ("GPU-a1",)))
    assert (start.host.name, start.host.address, len(start.host.gpus())) == ("b", "10.0.0.2", 4)
    hosts[0].address = ""  # it has just gone
    assert decided(waiting[:1], hosts) == [("job 0", "The machine a does not answer; waiting for it.", ())]


def test_place__on_the_processors_of_several_machines_a_job_takes_room_on_each(platform: Platform) -> None:
    hosts = [Machine("a"), Machine("b"), Machine("c")]
    waiting = jobs(platform, *(("training", gpus) for gpus in ("a:cpu;b:cpu", "c:cpu;b:cpu", "b:cpu", "", "")))
    assert decided(waiting, hosts) == [
        ("job 0", "a+b", ()),
        ("job 1", "Waiting for a job on the machine b to end.", ()),
        ("job 2", "Waiting for a job on the machine b to end.", ()),
        ("job 3", "c", ()),
    ]
    room = room_left(Settings(), hosts, [(waiting[0], "a"), (waiting[0], "b")])
    assert [room[name]["training"] for name in "abc"] == [0, 0, 1]
    assert most(Line("training", "a:cpu;b:cpu", 0), room_left(Settings(), hosts, [])) == 1
