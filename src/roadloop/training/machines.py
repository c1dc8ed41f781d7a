"""The ranks of a training job on several machines: those here, and those of a follower on each of the others.

The ranks meet in torch's TCPStore, which the job's process keeps; what they say to the crew comes over the followers'
connections. A follower's connection that ends is the end of its ranks.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Final

import torch.distributed as dist

from roadloop.errors import JobError, Text
from roadloop.jobs.store import Seat
from roadloop.training.meeting import Meeting, Wire, listen
from roadloop.training.ranks import Hear, Ranks


def divided(processes: int, seats: Sequence[Seat]) -> list[int]:
    """How many ranks each seat has: one for each of its GPUs, else as equal parts of `processes`, the first ones larger."""
    share, more = divmod(processes, len(seats))
    return [len(seat.gpus) or share + (place < more) for place, seat in enumerate(seats)]


class SeveralMachines:
    """Ranks on this machine and on others.

    Args:
        hear: Is told what the ranks say.
        seats: What the job has on each machine; the first one is this.
        sizes: Number of ranks on each.
        meet: Says to the followers where this process waits for them.
    """

    def __init__(
        self, hear: Hear, seats: Sequence[Seat], sizes: Sequence[int], meet: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._hear: Final = hear
        self._seats: Final = seats
        self._places: Final = [place for place, size in enumerate(sizes) for _ in range(size)]  # of each rank
        self._meet: Final = meet
        self._ranks: Final = Ranks(hear)
        self._wires: Final[dict[int, Wire]] = {}
        self._lock: Final = threading.Lock()
        self._assignments: list[dict[str, Any]] = []
        self._meeting: Meeting | None = None
        self._store: Any = None

    def gather(self, assignments: Sequence[Mapping[str, Any]]) -> None:
        """Start the ranks of this machine, and let the followers start theirs as they come.

        Raises:
            StaleRunError: Another attempt owns the job.
            JobError: This machine has no such address.
        """
        address = self._seats[0].address
        try:
            listening = listen(address)
        except OSError as error:
            raise JobError(
                Text(
                    f"节点 {self._seats[0].host} 无法在其地址 {address} 上接受连接（{error}）。请用 ray start --node-ip-address"
                    " 指定该机器自己的地址。",
                    f"The node {self._seats[0].host} cannot take connections at its address {address} ({error}). Start Ray"
                    " there with --node-ip-address and an address that the machine itself has.",
                )
            ) from error
        port = listening.getsockname()[1]
        self._store = dist.TCPStore(  # type: ignore[attr-defined]
            address, port, is_master=True, wait_for_workers=False, master_listen_fd=listening.detach()
        )
        for rank, (place, assignment) in enumerate(zip(self._places, assignments, strict=True)):
            there = {
                "store": [address, port],
                "address": self._seats[place].address,
                "beside": self._places.count(place),
            }
            self._assignments.append({**assignment, **there, "device": rank - self._places.index(place)})
        self._meeting = Meeting(address, self._welcome)
        self._meet(self._meeting.where)
        for assignment in self._of(0):
            self._ranks.start(assignment["rank"], assignment)

    def write(self, rank: int, message: Mapping[str, Any]) -> None:
        """Tell a rank something; only those of this machine ask."""
        self._ranks.write(rank, message)

    def of(self, rank: int) -> str:
        """The name of its machine."""
        return self._seats[self._places[rank]].host

    def end(self) -> None:
        """End all ranks: the followers see the end of their connections."""
        if self._meeting is not None:
            self._meeting.close()
        with self._lock:
            wires, self._assignments = list(self._wires.values()), []
        for wire in wires:
            wire.end()
        self._ranks.end()
        self._store = None

    def _of(self, place: int) -> list[dict[str, Any]]:
        return [one for one in self._assignments if self._places[one["rank"]] == place]

    def _welcome(self, place: int, wire: Wire) -> None:
        with self._lock:
            assignments = self._of(place)
            if not assignments or place == 0 or place in self._wires:
                return
            self._wires[place] = wire
        with suppress(OSError, EOFError):
            wire.say(assignments)
            while True:
                rank, message = wire.hear()
                self._hear(rank, message)
        for assignment in assignments:
            self._hear(assignment["rank"], {"exit": None})
