"""R27 and R28: names from outside. Hostile ones do nothing, and Chinese ones arrive as they were, however they are written."""

import itertools
import os
import shutil
import unicodedata
import uuid
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from import_folders import ids, jpeg, put
from in_process import Caller, Operation, Reply
from mining_data import write_drives, write_network
from roadloop.datasets.store import datasets
from roadloop.imaging.encode import encode_label
from roadloop.jobs import queue
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, open_platform
from roadloop.web.endpoint import RIGHT_OF
from roadloop.web.rights import HOLDERS
from signed_in import make_each, token_of

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
    "model": 1, "offset": 0, "step": 10, "cur_img": 1, "single_gpu": 1, "points": "d0_000",
}  # fmt: skip
#: Read for every endpoint by the same few lines: these share the corpus, a tenth each.
SHARED: Final = {"task_id", "q"}
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


PARTS: Final = 3
#: Without accounts, each with a part of the parameters, for it takes long; and as each role (S01), with a tenth of the names.
TURNS: Final = (
    *(pytest.param("", part, id=f"part {part}") for part in range(PARTS)),
    *(
        pytest.param(role, None, marks=pytest.mark.slow, id=role)
        for role in ("viewer", "annotator", "engineer", "admin")
    ),
)


@pytest.mark.parametrize(("role", "part"), TURNS)
def test_r27__hostile_names_do_nothing(
    installation: Platform, tmp_path: Path, times: Callable[[int], int], role: Any, part: int | None
) -> None:
    outside = tmp_path / "outside"
    token = ""
    if role:
        make_each(installation)
        token = token_of(installation, "admin", role)
    corpus = hostile(outside)
    assert len(set(corpus)) == 300
    count = times(len(corpus) // 10 if role else len(corpus))
    names = itertools.cycle(corpus)
    before = listing(outside), listing(tmp_path / "pictures"), {p.name for p in tmp_path.iterdir()}
    bad, asked, statuses, let_in = [], 0, Counter[int](), []
    with Caller(installation, token) as call:
        every = [(operation, parameter) for operation in call.operations() for parameter in texts(operation)]
        assert len(every) > 200
        for operation, parameter in every if part is None else every[part::PARTS]:
            for name in itertools.islice(names, max(1, count // (10 if parameter in SHARED else 1))):
                reply = call(operation.method, operation.path, values(operation, parameter, name))
                asked += 1
                statuses[reply.status] += 1
                may = not role or role in HOLDERS[RIGHT_OF[operation.method, operation.path]]
                if not may and reply.status not in {307, 403, 404, 405}:  # a name in a path may lead to no route
                    let_in.append((operation.path, parameter, name[:60], reply.status))
                busy = reply.status == 503 and operation.path == "/release"  # it waits for its job
                small = reply.status == 200 or len(reply.body) <= MOST
                if not (200 <= reply.status < 500 or busy) or not small or SECRET.encode() in reply.body:
                    bad.append((operation.method, operation.path, parameter, name[:60], reply.status, reply.body[:300]))
    assert bad == [], {(path, parameter) for _, path, parameter, *_ in bad}
    assert asked >= 100 * count // (1 if part is None else PARTS)
    assert let_in == []
    assert role in {"", "admin"} or statuses[403] > 0
    print(f"\n{role or 'nobody has an account'}: {asked} requests, {dict(sorted(statuses.items()))}")
    assert (listing(outside), listing(tmp_path / "pictures"), {p.name for p in tmp_path.iterdir()}) == before


#: Two of Chinese, and three whose decomposed form differs.
SPOKEN: Final = ("苏州任务", "车道线", "Düsseldorf", "がぎぐ", "한글")
FORMS: Final[dict[str, Callable[[str], str]]] = {
    "NFC": str,
    "NFD": lambda name: unicodedata.normalize("NFD", name),
    "GBK": lambda name: os.fsdecode(name.encode("gb18030")),
}


def _set(platform: Platform, written: str) -> Callable[[Caller, str], Reply]:
    for number in range(2):
        put(platform.workspace.sources / written / "1" / f"t_{number}.jpg", jpeg(number))
        put(platform.workspace.sources / written / "1" / f"t_{number}.png", encode_label(ids(0, 3)))
    return lambda call, name: call("POST", "/create_data", {"data_name": uuid.uuid4().hex, "sour_data": name})


def _import(platform: Platform, written: str) -> Callable[[Caller, str], Reply]:
    put(platform.workspace.imports / written / "t_0.jpg", jpeg())
    return lambda call, name: call("POST", "/v1/imports/preview", {"src": f"imports/{name}"})


def _version(platform: Platform, written: str) -> Callable[[Caller, str], Reply]:
    put(platform.workspace.home / "images" / written / "t_0.jpg", jpeg())
    steps = itertools.count(1)
    kinds = ("full", "remote")
    return lambda call, name: call(
        "POST", "/task_divide", {"version": name, "step": 10, "types": kinds[next(steps) % 2]}
    )


def _table(platform: Platform, written: str) -> Callable[[Caller, str], Reply]:
    put(platform.workspace.home / "class-tables" / f"{written}.txt", "1 2 3 road\n9 9 9 car\n")
    put(platform.workspace.imports / "in" / "t_0.jpg", jpeg())
    return lambda call, name: call("POST", "/v1/imports/preview", {"src": "in", "roadelement": name})


def _list(platform: Platform, written: str) -> Callable[[Caller, str], Reply]:
    put(platform.workspace.home / f"{written}.txt", "t1\n")
    return lambda call, name: call("POST", "/sam_value", {"track_file": f"{name}.txt", "ratio": "1"})


def _model(platform: Platform, written: str) -> Callable[[Caller, str], Reply]:
    made = write_network(platform.workspace.weights)
    for path in (made, made.with_suffix(".json")):
        path.rename(path.with_name(f"{written}{path.suffix}"))
    put(platform.workspace.home / "tracks" / "t" / "1.jpg", jpeg())
    sent = {"type": "full", "sour_dir": "tracks"}
    return lambda call, name: call("POST", "/starteva", {**sent, "dicts": {"weights": [f"{name}.params"]}})


def _network(platform: Platform, written: str) -> Callable[[Caller, str], Reply]:
    put(
        platform.workspace.networks / written / "network.py", "def build(num_classes):\n    raise NotImplementedError\n"
    )

    def check(call: Caller, name: str) -> Reply:
        reply = call("POST", "/v1/networks", {"network_name": name})
        if reply.status == 200:
            assert call("POST", f"/v1/jobs/{reply.value['data']}/cancel").status == 200
        return reply

    return check


PLACES: Final = {"source set": _set, "import": _import, "version": _version, "class table": _table, "list": _list, "weights": _model, "network": _network}  # fmt: skip
LISTS: Final = {"source set": "/data", "class table": "/v1/class-tables", "network": "/v1/networks"}
CASES: Final = [
    (place, form, name)
    for name, place, form in itertools.product(SPOKEN, PLACES, FORMS)
    if form == "NFC" or FORMS[form](name) != name
]


def test_r28__a_name_arrives_as_it_was(installation: Platform, times: Callable[[int], int]) -> None:
    """Whatever way a name is written on the disk, the listing's spelling and both normal forms mean it."""
    chosen = [CASES[k * len(CASES) // times(60)] for k in range(times(60))]
    bad = []
    with Caller(installation) as call:
        for place, form, name in chosen:
            ask = PLACES[place](installation, FORMS[form](name))
            listed = _listed(call, LISTS[place]) if place in LISTS else [name]
            mine = [one for one in listed if unicodedata.normalize("NFC", one) == name]
            replies = [ask(call, one) for one in (*mine, name, unicodedata.normalize("NFD", name))]
            if len(mine) != 1 or not all(_means(reply, replies[0]) for reply in replies):
                bad.append((place, form, name, mine, [reply.value for reply in replies]))
            _clear(installation)
    assert bad == []


def _listed(call: Caller, path: str) -> list[str]:
    rows = call("GET", path).value["data"]
    return [one if isinstance(one, str) else one.get("name") or one["net_name"] for one in rows]


def _means(reply: Reply, first: Reply) -> bool:
    """Whether an answer is about the thing that is there: done, or refused because the first one's job is at it."""
    if reply.status == 200:
        return True
    return reply.status == 409 and reply.value["details"].get("task_id") == first.value["data"]


def _clear(platform: Platform) -> None:
    with platform.database.transaction() as db:
        for job in queue.queued(db, 100):
            queue.cancel(db, job.id)
    for file in platform.workspace.home.glob("*.txt"):
        file.unlink()
    for folder in ("sources", "imports", "images", "class-tables", "weights", "networks"):
        shutil.rmtree(platform.workspace.home / folder, ignore_errors=True)
        (platform.workspace.home / folder).mkdir()


@pytest.mark.parametrize("form", ["NFD", "GBK"])
def test_r28__a_dataset_does_not_depend_on_how_the_disk_writes_names(
    platform: Platform, run_job: Callable[[Platform, str], queue.Job], form: str
) -> None:
    name, written = "Düsseldorf 苏州", FORMS[form]("Düsseldorf 苏州")
    built = "道" * 80  # as long as names may be
    digests = {}
    for spelling in (name, written):
        folder = platform.workspace.sources / spelling / spelling
        for number in range(4):
            put(folder / f"{spelling}{number}_{number}.jpg", jpeg(number))
            put(folder / f"{spelling}{number}_{number}.png", encode_label(ids(0, 3)))
        with Caller(platform) as call:
            asked = call("POST", "/create_data", {"data_name": built, "sour_data": name, "train": 0.5, "val": 0.5})
        job = run_job(platform, asked.value["data"])
        assert job.state == "succeeded", job.reason
        assert job.result is not None
        digests[spelling] = job.result["digest"]
        shutil.rmtree(folder.parent)
        shutil.rmtree(platform.workspace.datasets / built)
        with platform.database.transaction() as db:
            db.execute(datasets.update().values(live=False))
    assert digests[written] == digests[name]
