import threading
import time

import pytest

from roadloop.errors import BusyError
from roadloop.imaging import room
from roadloop.imaging.room import Room


def test_room__pictures_share_it_and_a_huge_one_has_it_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WAIT_SECONDS", 0.05)
    small = Room(100)
    with small.take(60), small.take(40), pytest.raises(BusyError), small.take(1):
        pass
    with small.take(1000), pytest.raises(BusyError), small.take(1):
        pass
    with small.take(100):
        pass


def test_room__many_at_once_never_hold_more_and_all_come_in() -> None:
    shared, lock = Room(100), threading.Lock()
    held, most, done = 0, 0, 0

    def look() -> None:
        nonlocal held, most, done
        with shared.take(40):
            with lock:
                held += 1
                most = max(most, held)
            time.sleep(0.01)
            with lock:
                held -= 1
                done += 1

    threads = [threading.Thread(target=look) for _ in range(20)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (most, done) == (2, 20)
