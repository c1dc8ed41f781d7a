"""Followers find the crew, strangers do not get in."""

import queue
import socket
import time
from collections.abc import Iterator
from multiprocessing import AuthenticationError
from typing import Any

import pytest

from roadloop.training.meeting import Meeting, Wire, interface_of, join

HERE = "127.0.0.1"


@pytest.fixture
def came() -> "queue.SimpleQueue[Any]":
    """Who was let in, and what they said."""
    return queue.SimpleQueue()


@pytest.fixture
def meeting(came: "queue.SimpleQueue[Any]") -> Iterator[Meeting]:
    def welcome(place: int, wire: Wire) -> None:
        came.put(place)
        wire.say(["for", place])
        try:
            while True:
                came.put(wire.hear())
        except (OSError, EOFError):
            came.put("gone")

    one = Meeting(HERE, welcome)
    yield one
    one.close()


def test_meeting__messages_go_both_ways_and_the_end_is_heard(meeting: Meeting, came: "queue.SimpleQueue[Any]") -> None:
    wires = [join(HERE, meeting.where, place) for place in (1, 2)]
    assert [wire.hear() for wire in wires] == [["for", 1], ["for", 2]]
    assert {came.get(timeout=5), came.get(timeout=5)} == {1, 2}
    wires[0].say([0, {"beat": True, "text": "编号" * 100_000}])
    assert came.get(timeout=5) == [0, {"beat": True, "text": "编号" * 100_000}]
    wires[0].end()
    assert came.get(timeout=5) == "gone"
    with pytest.raises((OSError, EOFError)):
        wires[0].hear()
    wires[1].end()


def test_meeting__who_does_not_know_the_key_is_not_let_in(meeting: Meeting, came: "queue.SimpleQueue[Any]") -> None:
    with socket.create_connection((HERE, meeting.where["port"])):  # says nothing, and holds up nobody
        with pytest.raises((AuthenticationError, OSError, EOFError)):
            join(HERE, meeting.where | {"key": "00" * 32}, 1)
        wire = join(HERE, meeting.where, 2)
        assert wire.hear() == ["for", 2]
    wire.end()
    assert [came.get(timeout=5) for _ in range(2)] == [2, "gone"]
    assert came.empty()


def test_meeting__closed_it_takes_nobody_and_its_port_is_its_address_s_alone(meeting: Meeting) -> None:
    port = meeting.where["port"]
    with pytest.raises(OSError):
        socket.create_connection(("127.0.0.2", port), 1)
    meeting.close()
    time.sleep(0.05)
    with pytest.raises(OSError):
        join(HERE, {"port": port, "key": "00" * 32}, 1)


def test_interface_of__an_address() -> None:
    assert interface_of(HERE) == "lo"
    assert interface_of("192.0.2.1") == ""  # of no machine (RFC 5737)
