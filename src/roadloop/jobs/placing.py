"""Which waiting job starts where, and what the others wait for. Pure, but for the GPUs that a host is asked for."""

from collections.abc import Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass

from roadloop.devices import service as devices
from roadloop.errors import Text
from roadloop.jobs.hosts import Host, Joint
from roadloop.jobs.queue import Job, Line
from roadloop.jobs.store import Seat
from roadloop.settings import Settings


@dataclass(frozen=True)
class Start:
    """A job that may start.

    Attributes:
        job: As it was read.
        host: Where.
        gpu_uuids: With which GPUs; none on the CPU.
        seats: What it has on each host, where there are several.
    """

    job: Job
    host: Host
    gpu_uuids: tuple[str, ...] = ()
    seats: tuple[Seat, ...] = ()


@dataclass(frozen=True)
class Wait:
    """A job that must wait, and why."""

    job: Job
    reason: Text


#: Of each host, by its name: how many more jobs of each pool may run there on the CPU.
Room = MutableMapping[str, dict[str, int]]


def room_left(settings: Settings, hosts: Sequence[Host], running: Sequence[tuple[Job, str]]) -> Room:
    """The room on each host.

    Args:
        settings: How many jobs of each pool a host takes.
        hosts: Those that are ready.
        running: The running jobs, each with the name of its host; with each, where it has several.
    """
    room = {host.name: {"training": settings.training_slots, "other": settings.other_slots} for host in hosts}
    for job, name in running:
        if name in room and not devices.wish(job.gpus).count:
            room[name][job.pool] -= 1
    return room


def most(line: Line, room: Room) -> int:
    """How many jobs of one queue may start at once, and at least the first one, to say what it waits for."""
    return 1 if devices.wish(line.gpus) else max(1, sum(max(0, left[line.pool]) for left in room.values()))


def place(
    waiting: Sequence[Job], hosts: Sequence[Host], room: Room, held: Mapping[str, str], here: str
) -> Iterator[Start | Wait]:
    """Decide about jobs in their order; the room and the GPUs of those that start are taken from the later ones.

    Args:
        waiting: The jobs, first ones first.
        hosts: Those that are ready, at least one.
        room: What `room_left` says; changed.
        held: Leased GPUs, uuid -> title of the job that holds it.
        here: The machine whose GPUs are meant where none is named.
    """
    held = dict(held)
    for job in waiting:
        wish = devices.wish(job.gpus)
        if not wish:
            host = max(hosts, key=lambda host: room[host.name][job.pool])
            if room[host.name][job.pool] <= 0:
                continue
            decision: Start | Wait = Start(job, host)
        elif wish.any:
            decision = _on_any(job, wish.any, hosts, held)
        else:
            decision = _on_named(job, wish.parts, hosts, room, held, here)
        if isinstance(decision, Start):
            held |= dict.fromkeys(decision.gpu_uuids, job.title)
            for name in [seat.host for seat in decision.seats] or [decision.host.name]:
                room[name][job.pool] -= 0 if wish.count else 1
        yield decision


def _on_any(job: Job, number: int, hosts: Sequence[Host], held: Mapping[str, str]) -> Start | Wait:
    free = [(host, [gpu.uuid for gpu in host.gpus() if gpu.uuid not in held]) for host in hosts]
    host, uuids = max(free, key=lambda one: len(one[1]))
    if len(uuids) >= number:
        return Start(job, host, tuple(uuids[:number]))
    return Wait(
        job,
        Text(f"等待同一台机器上有 {number} 块空闲的 GPU。", f"Waiting for {number} free GPUs on one machine."),
    )


def _on_named(
    job: Job, parts: Sequence[devices.Part], hosts: Sequence[Host], room: Room, held: Mapping[str, str], here: str
) -> Start | Wait:
    """On all of these machines at once, or not yet."""
    known = {host.name: host for host in hosts}
    chosen, seats = [], []
    for part in parts:
        name = part.host or here
        if name not in known or not known[name].address:
            return Wait(
                job,
                Text(f"机器 {name} 没有响应，等待其恢复。", f"The machine {name} does not answer; waiting for it."),
            )
        uuids = _free_gpus(part, known[name], held) if part.indices else ()
        if not part.indices and room[name][job.pool] <= 0:
            uuids = Text(f"等待机器 {name} 上的任务结束。", f"Waiting for a job on the machine {name} to end.")
        if isinstance(uuids, Text):
            return Wait(job, uuids)
        chosen.append(known[name])
        seats.append(Seat(name, known[name].address, uuids))
    if len(chosen) == 1:
        return Start(job, chosen[0], seats[0].gpus)
    return Start(job, Joint(chosen), tuple(uuid for seat in seats for uuid in seat.gpus), tuple(seats))


def _free_gpus(part: devices.Part, host: Host, held: Mapping[str, str]) -> tuple[str, ...] | Text:
    """The GPUs asked for, or what they are waited for."""
    present = {gpu.index: gpu.uuid for gpu in host.gpus()}
    missing = [i for i in part.indices if i not in present]
    if missing:
        on = Text(part.host or "本机", f" on {part.host}" if part.host else "")
        return Text(
            f"GPU {missing} 不在{on.zh}上（或驱动无响应），等待其出现。",
            f"GPU {missing} is not there{on.en} (or its driver does not answer); waiting for it.",
        )
    uuids = tuple(present[i] for i in part.indices)
    names = "、".join(sorted({held[uuid] for uuid in uuids if uuid in held}))
    if any(uuid in held for uuid in uuids):
        return Text(f"等待 GPU：正被任务“{names}”使用。", f"Waiting for a GPU that job '{names}' is using.")
    return uuids
