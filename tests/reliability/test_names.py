"""R27 and R28: names from outside. Hostile ones do nothing, and Chinese ones arrive as they were, however they are written."""

import itertools
import os
import unicodedata
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from import_folders import ids, jpeg, put
from in_process import Caller, Operation
from mining_data import write_drives, write_network
from roadloop.imaging.encode import encode_label
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform

pytestmark = [pytest.mark.reliability, pytest.mark.timeout(600)]

SECRET: Final = "what-nobody-may-read"
MOST: Final = 16_000  #: bytes of a refusal
#: Values that are right, so that a hostile one meets the code behind the first check.
RIGHT: Final[dict[str, Any]] = {
    "src": "imports/in", "dest": "新", "data_name": "d", "sour_data": "镇", "network_name": "n", "src_net": "enet",
    "train_name": "t", "network": "n", "data": "d", "train_con": {}, "data_con": {}, "map_value": {},
    "dicts": {"suzhou": ["kd_ep-0001.params"]}, "sour_dir": "tracks", "version": "v1", "env": "北京", "type": "车道线",
    "ratio": "2", "track_file": "tracks.txt", "weights_dir": "suzhou", "types": "full", "taskid_start": 1, "taskid_end": 2,
    "file": "report.csv", "split": "train", "kind": "color", "arm": "mined", "name": "镇", "index": 0, "number": 1, "n": 1,
    "model": 1, "offset": 0, "step": 10, "cur_img": 1, "single_gpu": 1,
}  # fmt: skip
#: Values that belong to one endpoint alone.
ALONE: Final[dict[tuple[str, str], Any]] = {
    ("/release", "dicts"): {"suzhou": ["kd_ep-0001.params", "kd_ep-0001.json"]}, ("/starteva", "type"): "full",
    ("/v1/sources/{name}/health", "model"): "", ("/starttask", "model"): "m", ("/process_label", "version"): "v2",
}  # fmt: skip


def hostile(outside: Path) -> list[str]:
    """300 names, always the same ones."""
    touch = f"touch {outside}/pwned"
    plain = [
        "..", ".", "/", "../../outside/secret.txt", f"{outside}/secret.txt", f"{outside}", "link/secret.txt", "link",
        "loop", "pipe", "/etc/passwd", "/proc/self/environ", "/dev/zero", "/dev/stdin", "~/.ssh/id_rsa", "file:///etc/passwd",
        "http://169.254.169.254/", "//host/share", "\\\\host\\share", "..\\..\\x", "C:\\Windows", "%2e%2e%2f", "..%00/x",
        "....//....//x", f"$({touch})", f"`{touch}`", f"; {touch}", f"| {touch}", f"&& {touch}", f"\n{touch}\n", "$HOME",
        "-rf", "--help", "-", "'", '"', "''", '"a,b', "'; DROP TABLE jobs; --", "%' OR 1=1 --", "_%", "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>', "{{7*7}}", "${jndi:ldap://x/a}", "%s%n%d", "{0.__class__}", "\0", "a\0b", "\r\nX: y",
        "\x1b[31mred", "\x7f", "\u202egnp.exe", "\u200b", "\ufeff", "\uffff", "\U0010ffff", "\ud800", "\udcff", "İ", "ß", "ǅ",
        "e\u0301", "\u212b", "\u1100\u1161", "😀", "道" * 86, "道" * 85, "x" * 255, "x" * 256, "x" * 4097, "x" * 100_000,
        "a/" * 3000, "." * 300, "../" * 500, " ", "\t", "\u3000", "a ", ".a", "CON", "aux.txt", "=1+1", "@SUM(A1)", "nan", "inf",
        "-1", "1e309", "9" * 500, "0x10", "１２", "²", "١٢", "-0", "null", "true", "[]", "{}", "[" * 500, '{"a":' * 40, ",", ",,，",
        "dataset:../x/train", "dataset:d/../../train", "dataset:/train", "weights/../x", "suzhou/../../x.params", "镇/../镇",
    ]  # fmt: skip
    places = ("imports/{}", "sources/镇/{}", f"{outside.parent}/home/{{}}", "镇,{}", "{}/镇", "{}.params")
    mixed = [place.format(name) for place, name in itertools.product(places, plain[:60])]
    chosen = list(dict.fromkeys([*plain, *mixed]))
    step = (len(chosen) - len(plain)) / (300 - len(plain))
    return [*plain, *(chosen[len(plain) + int(k * step)] for k in range(300 - len(plain)))]


@pytest.fixture
def installation(tmp_path: Path) -> Iterator[Platform]:
    """A workspace with a bit of everything, beside a folder that is none of its business."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret.txt").write_text(SECRET)
    (outside / "t_0.jpg").write_bytes(jpeg())
    (tmp_path / "pictures").mkdir()
    settings = Settings(
        home=tmp_path / "home", roots=(f"{tmp_path / 'pictures'}:ro",), min_free_mib=0, release_wait_seconds=0.01
    )
    opened = open_platform(settings, upgrade=True)
    home = opened.workspace.home
    for folder in ("imports/in", "sources/镇/1", "images/v1/t", "released/v2/1"):
        put(home / folder / "t_0.jpg", jpeg())
        put(home / folder / "t_0.png", encode_label(ids(0, 3)))
    for place in ("imports", "sources", "."):
        (home / place / "link").symlink_to(outside)
        (home / place / "loop").symlink_to(home / place / "loop")
        os.mkfifo(home / place / "pipe")
    write_drives(opened, tracks=2, frames=2)
    write_network(opened.workspace.tasks / "suzhou" / "output" / "models", training={"best_so_far": True})
    yield opened
    opened.database.close()


def listing(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """What stands in a folder: path -> mode, time of change, bytes."""
    return {
        path.relative_to(folder).as_posix(): (
            path.stat().st_mode, path.stat().st_mtime_ns, path.read_bytes() if path.is_file() else b""
        )
        for path in sorted(folder.rglob("*"))
    }  # fmt: skip


def texts(operation: Operation) -> list[str]:
    """The parameters of an endpoint that take text, or JSON that may hold some."""
    kinds = {"string", "object", "array"}
    return [
        name
        for name, schema in operation.parameters.items()
        if schema.get("type") in kinds or any(one.get("type") in kinds for one in schema.get("anyOf", ()))
    ]


def values(operation: Operation, parameter: str, name: str) -> dict[str, Any]:
    """A call of the endpoint with a hostile name in one place."""
    right = {p: ALONE.get((operation.path, p), RIGHT.get(p)) for p in operation.parameters}
    kind = operation.parameters[parameter].get("type")
    sent: Any = {name: [name, name]} if kind == "object" else [name] if kind == "array" else name
    return {p: value for p, value in right.items() if value is not None} | {parameter: sent}


def test_r27__hostile_names_do_nothing(installation: Platform, tmp_path: Path, times: Callable[[int], int]) -> None:
    outside = tmp_path / "outside"
    corpus = hostile(outside)
    assert len(set(corpus)) == 300
    count = times(len(corpus))
    names = itertools.cycle(corpus)
    before = listing(outside), listing(tmp_path / "pictures"), {p.name for p in tmp_path.iterdir()}
    bad, asked = [], 0
    with Caller(installation) as call:
        for operation in call.operations():
            for parameter in texts(operation):
                for name in itertools.islice(names, count):
                    reply = call(operation.method, operation.path, values(operation, parameter, name))
                    asked += 1
                    busy = reply.status == 503 and operation.path == "/release"  # it waits for its job
                    small = reply.status == 200 or len(reply.body) <= MOST
                    if not (200 <= reply.status < 500 or busy) or not small or SECRET.encode() in reply.body:
                        bad.append(
                            (operation.method, operation.path, parameter, name[:60], reply.status, reply.body[:300])
                        )
    assert bad == []
    assert asked >= 150 * count
    assert (listing(outside), listing(tmp_path / "pictures"), {p.name for p in tmp_path.iterdir()}) == before
