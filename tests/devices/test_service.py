import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from roadloop.devices import service
from roadloop.errors import InvalidValueError
from roadloop.settings import Settings

TWO = """
import json
print(json.dumps([
    {"index": i, "uuid": f"GPU-{i}", "name": "NVIDIA A100", "utilisation": 0.5, "total_mib": 40960, "free_mib": 30720}
    for i in range(2)
]))
"""


@pytest.fixture(autouse=True)
def nobody_left() -> Iterator[None]:
    """End the processes that still think about their answer."""
    yield
    for process in service._left:
        process.kill()
        process.wait()
    service._cache.clear()
    service._left.clear()


def with_probe(settings: Settings, tmp_path: Path, program: str) -> Settings:
    path = tmp_path / "probe.py"
    path.write_text(program)
    return settings.model_copy(update={"gpu_probe": (sys.executable, str(path))})


def test_inventory__what_the_driver_says(settings: Settings, tmp_path: Path) -> None:
    gpus = service.inventory(with_probe(settings, tmp_path, TWO))
    assert [(gpu.index, gpu.uuid, gpu.free_mib) for gpu in gpus] == [(0, "GPU-0", 30720), (1, "GPU-1", 30720)]


@pytest.mark.parametrize(
    "program",
    [
        "import time; time.sleep(60)",
        "print('garbage')",
        "print('[{}]')",
        "raise SystemExit(1)",
        "while True: print('garbage' * 1000)",
        "print('[' * 100000)",
    ],
)
def test_inventory__hung_or_senseless_drivers_mean_none_within_a_second(
    settings: Settings, tmp_path: Path, program: str
) -> None:
    broken = with_probe(settings, tmp_path, program)
    began = time.monotonic()
    assert service.inventory(broken) == ()
    assert service.inventory(broken) == ()  # not asked again
    assert time.monotonic() - began < 10


def test_inventory__a_slow_answer_counts_when_it_comes(settings: Settings, tmp_path: Path) -> None:
    slow = with_probe(settings, tmp_path, "import time; time.sleep(1.5)\n" + TWO)
    assert service.inventory(slow) == ()
    deadline = time.monotonic() + 20
    while not service.inventory(slow):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert [gpu.uuid for gpu in service.inventory(slow)] == ["GPU-0", "GPU-1"]


def test_last_known__waits_for_nobody_and_is_there_the_next_time(settings: Settings, tmp_path: Path) -> None:
    slow = with_probe(settings, tmp_path, "import time; time.sleep(0.5)\n" + TWO)
    began = time.monotonic()
    assert service.last_known(slow) == ()
    assert time.monotonic() - began < 0.4
    service._left[0].wait(timeout=30)
    deadline = time.monotonic() + 10
    while not (gpus := service.last_known(slow)):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert [gpu.uuid for gpu in gpus] == ["GPU-0", "GPU-1"]
    assert service.last_known(slow) == gpus
    assert len(service._left) == 1  # young answers are not asked for again


def test_inventory__a_driver_that_hangs_empties_the_list_in_the_end(
    settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flag = tmp_path / "hang"
    program = f"import os, time\nif os.path.exists({str(flag)!r}): time.sleep(60)\n" + TWO
    probed = with_probe(settings, tmp_path, program)
    monkeypatch.setattr(service, "CACHE_SECONDS", 0.0)
    monkeypatch.setattr(service, "PROBE_SECONDS", 20.0)
    assert len(service.inventory(probed)) == 2
    flag.touch()
    monkeypatch.setattr(service, "PROBE_SECONDS", 0.1)
    monkeypatch.setattr(service, "HUNG_SECONDS", 1.0)
    assert len(service.inventory(probed)) == 2  # the last answer counts
    time.sleep(1.1)
    assert service.inventory(probed) == ()


def test_inventory__no_driver_at_all(settings: Settings) -> None:
    assert isinstance(service.inventory(settings), tuple)


def on(indices: tuple[int, ...], host: str = "") -> service.Wish:
    return service.Wish((service.Part(host, indices),))


TOGETHER = service.Wish((service.Part("node1", (0, 1)), service.Part("node2", (3,))))
PROCESSORS = service.Wish((service.Part("node1"), service.Part("node2")))


@pytest.mark.parametrize(
    ("text", "wish", "spelling", "count"),
    [
        ("", service.Wish(), "", 0),
        ("cpu", service.Wish(), "", 0),
        ("0,1,2", on((0, 1, 2)), "0,1,2", 3),
        (" 1 ", on((1,)), "1", 1),
        ("0，2、1", on((0, 2, 1)), "0,2,1", 3),
        ("node2: 0, 1", on((0, 1), "node2"), "node2:0,1", 2),
        ("node2：0，1", on((0, 1), "node2"), "node2:0,1", 2),
        ("Any:2", service.Wish(any=2), "any:2", 2),
        ("node2:CPU", on((), "node2"), "node2:cpu", 0),
        ("node1:0,1; node2：3", TOGETHER, "node1:0,1;node2:3", 3),
        ("node1:cpu；node2:cpu", PROCESSORS, "node1:cpu;node2:cpu", 0),
    ],
)
def test_wish__texts(text: str, wish: service.Wish, spelling: str, count: int) -> None:
    found = service.wish(text)
    assert (found, str(found), found.count) == (wish, spelling, count)
    assert service.wish(spelling) == wish
    assert bool(found) == bool(spelling)


@pytest.mark.parametrize(
    "text",
    [
        "a", "0,,1", "0,0", "-2", "1;2", "99999", ":0", "node2:", "any:0", "any:1,2", "any:x", "any:cpu",
        "n1:0;n1:1", "n1:0;", "n1:0;n2", "n1:0;n2:cpu", "0;n2:0", "n1:0;any:1", "cpu;n1:cpu",
    ],
)  # fmt: skip
def test_wish__nonsense(text: str) -> None:
    with pytest.raises(InvalidValueError):
        service.wish(text)


def test_check__says_which_gpus_there_are(settings: Settings, tmp_path: Path) -> None:
    two = {"here": service.inventory(with_probe(settings, tmp_path, TWO))}
    assert service.check(two, "here", "1") == "1"
    with pytest.raises(InvalidValueError, match=r"this host has no GPU \[5\]. There are: 0, 1") as caught:
        service.check(two, "here", "0,5")
    assert caught.value.details["available"] == [0, 1]
    more = {**two, "node2": two["here"][:1], "node3": ()}
    assert [service.check(more, "here", text) for text in ("node2:0", "any:2", "cpu")] == ["node2:0", "any:2", ""]
    assert service.check(more, "here", "node2：0；here:0,1") == "node2:0;here:0,1"
    assert service.check(more, "here", "node3:cpu") == "node3:cpu"
    for text, said in (
        ("node2:1", r"node2 has no GPU \[1\]. There are: here: 0, 1; node2: 0\."),
        ("node9:0", r"node9 has no GPU \[0\]"),
        ("any:3", "no machine has 3 GPUs"),
        ("here:0;node2:1", r"node2 has no GPU \[1\]"),
        ("here:cpu;node9:cpu", "there is no machine node9; there are here, node2, node3"),
    ):
        with pytest.raises(InvalidValueError, match=said):
            service.check(more, "here", text)
