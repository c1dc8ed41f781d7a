"""Notices that arrive, over real HTTP: in order, once, also when receivers refuse and servers die."""

import base64
import hashlib
import hmac
import json
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from typer.testing import CliRunner

from live import LiveServer
from receiver import Receiver, receiving, until
from roadloop.cli.main import app
from roadloop.errors import Text
from roadloop.jobs import queue
from roadloop.jobs.rehearsal import Rehearsal
from roadloop.jobs.states import JobState
from roadloop.jobs.store import job_events
from roadloop.notices import post as post_module
from roadloop.notices import service, store
from roadloop.notices.forms import Letter
from roadloop.notices.post import UnreachedError, post
from roadloop.notices.service import Courier, rows, send_test, tell
from roadloop.notices.targets import Target
from roadloop.settings import Settings
from roadloop.storage.platform import Platform, opened


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as one:
        yield one


def target(receiver: Receiver, **more: Any) -> Target:
    said = {"name": "x", "form": "json", "url": receiver.url, "private": True, "hear": ["*"], "language": "en"}
    return Target.model_validate(said | more)


def file_of(path: Path, *targets: Target) -> str:
    lines = []
    for one in targets:
        lines += ["[[target]]", f'name = "{one.name}"', f'form = "{one.form}"', f'url = "{one.url.get_secret_value()}"']
        lines += [
            f"hear = {json.dumps(list(one.hear))}",
            f'language = "{one.language}"',
            f"private = {json.dumps(one.private)}",
        ]
        lines += [f'secret = "{one.secret.get_secret_value()}"']
    (path / "notices.toml").write_text("\n".join(lines))
    return str(path / "notices.toml")


def job(platform: Platform, title: str, state: JobState = JobState.SUCCEEDED) -> str:
    """A job that has come to its end."""
    with platform.database.transaction() as db:
        task_id = queue.submit(
            db, queue.Submission("rehearsal", Rehearsal(steps=1, pause=0, name=title).payload(), title)
        )
        claimed = queue.claim(db, task_id, (), "here")
        queue.finish(db, claimed, state, reason=None if state is JobState.SUCCEEDED else Text("坏了", "broken"))
    return task_id


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of PostgreSQL the youngest rows are read at once; nothing here commits in another order."""
    monkeypatch.setattr(service, "SETTLED_SECONDS", 0.0)


def test_tell__what_happens_from_now_on_in_order_and_once(platform: Platform, receiver: Receiver) -> None:
    job(platform, "before")
    one = target(receiver, secret="s3cret")
    assert tell(platform, one)  # begins here
    job(platform, "苏州")
    job(platform, "broken", JobState.FAILED)
    while tell(platform, one):
        pass
    assert receiver.told() == [("苏州", "running"), ("苏州", "succeeded"), ("broken", "running"), ("broken", "failed")]
    (came,) = receiver.came
    signed = f"{came.headers['webhook-id']}.{came.headers['webhook-timestamp']}.".encode() + came.body
    expected = base64.b64encode(hmac.digest(b"s3cret", signed, hashlib.sha256)).decode()
    assert came.headers["webhook-signature"] == f"v1,{expected}"
    assert not tell(platform, one)
    assert len(receiver.came) == 1


def test_tell__many_changes_in_messages_of_ten(platform: Platform, receiver: Receiver) -> None:
    one = target(receiver, hear=["succeeded"])
    tell(platform, one)
    for n in range(23):
        job(platform, str(n))
    while tell(platform, one):
        pass
    assert [len(came.json["data"]) for came in receiver.came] == [10, 10, 3]
    assert receiver.told() == [(str(n), "succeeded") for n in range(23)]


def test_tell__again_under_the_same_id_when_it_was_refused_cut_or_not_understood(
    platform: Platform, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    one = target(receiver, hear=["succeeded"])
    tell(platform, one)
    job(platform, "first")
    receiver.answers = [(500, b""), None, (302, b"")]
    pauses = []
    for _ in range(3):
        tell(platform, one)
        assert not tell(platform, one)  # not before its time
        with platform.database.reading() as db:
            mark = store.mark_of(db, "x")
        assert mark is not None
        pauses.append(mark.next_at - time.time())
        with platform.database.transaction() as db:
            assert store.move(db, mark, {"next_at": 0.0})
        job(platform, "later")
    assert [round(pause, -1) for pause in pauses] == [0, 10, 20]
    while tell(platform, one):
        pass
    ids = [came.headers["webhook-id"] for came in receiver.came]
    assert len(set(ids[:4])) == 1
    assert len(set(ids)) == 2
    assert receiver.told() == [("first", "succeeded")] * 4 + [("later", "succeeded")] * 3
    (row,) = rows_of(platform, one, monkeypatch)
    assert (row.mark.told, row.mark.problem, row.waiting) == (2, None, False)


def rows_of(platform: Platform, one: Target, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(service, "read_targets", lambda _path: (one,))
    return rows(platform)


def test_tell__from_many_at_once_sends_each_message_once_and_one_at_a_time(
    platform: Platform, receiver: Receiver
) -> None:
    one = target(receiver, hear=["succeeded"])
    tell(platform, one)
    receiver.seconds = 0.02
    done = threading.Event()

    def courier() -> None:
        while not done.is_set():
            if not tell(platform, one):
                time.sleep(0.005)

    threads = [threading.Thread(target=courier) for _ in range(4)]
    for thread in threads:
        thread.start()
    for n in range(40):
        job(platform, str(n))
    try:
        until(lambda: len(receiver.told()) >= 40)
    finally:
        done.set()
        for thread in threads:
            thread.join()
    assert receiver.told() == [(str(n), "succeeded") for n in range(40)]
    assert receiver.most == 1


def test_tell__says_a_lost_process_and_leaves_out_what_is_a_day_old(platform: Platform, receiver: Receiver) -> None:
    one = target(receiver, hear=["lost", "succeeded"])
    tell(platform, one)
    old = job(platform, "old")
    with platform.database.transaction() as db:
        long_ago = time.time() - service.NEWS_SECONDS - 1
        db.execute(job_events.update().where(job_events.c.job_id == old).values(at=long_ago))
        task_id = queue.submit(db, queue.Submission("rehearsal", Rehearsal(steps=1, pause=0, name="r").payload(), "r"))
        queue.requeue(db, queue.claim(db, task_id, (), "here"), Text("进程丢失", "its process is gone"), counts=True)
    while tell(platform, one):
        pass
    assert receiver.told() == [("r", "lost")]


def test_post__never_goes_to_a_private_network_unless_it_may(receiver: Receiver) -> None:
    letter = Letter(receiver.url, {}, b"{}")
    names = ["127.0.0.1", "localhost", "[::1]", "2130706433", "127.1", "0x7f.1", "[::ffff:127.0.0.1]", "0.0.0.0"]
    for host in names:
        with pytest.raises(UnreachedError) as refused:
            post(letter._replace(url=f"http://{host}:{receiver.server_address[1]}/"), private=False)
        assert "private = true" in refused.value.text.en or "not known" in refused.value.text.en, host
    for host in ("10.0.0.1", "192.168.1.1", "169.254.169.254", "172.16.0.1", "100.64.0.1", "[fd00::1]", "[fe80::1]"):
        with pytest.raises(UnreachedError, match="private = true"):
            post(letter._replace(url=f"http://{host}/"), private=False)
    assert receiver.came == []
    assert post(letter, private=True)[0] == 200


def test_post__follows_nothing_and_waits_for_no_one_for_ever(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(post_module, "IN_ALL", 0.5)
    with closing(socket.create_server(("127.0.0.1", 0))) as slow:
        url = f"http://127.0.0.1:{slow.getsockname()[1]}/"

        def drip() -> None:
            client, _ = slow.accept()
            with closing(client):
                for byte in b"HTTP/1.1 200 OK\r\nx: " + b"y" * 1000:
                    try:
                        client.send(bytes([byte]))
                    except OSError:
                        return
                    time.sleep(0.05)

        thread = threading.Thread(target=drip)
        thread.start()
        began = time.monotonic()
        with pytest.raises(UnreachedError):
            post(Letter(url, {}, b"{}"), private=True)
        assert time.monotonic() - began < 10
        thread.join()
    with pytest.raises(UnreachedError) as refused:
        post(Letter(url, {}, b"{}"), private=True)  # nobody is there any more
    assert refused.value.text.zh == "未能送达 127.0.0.1：连接被拒绝"


def test_post__trusts_no_certificate_that_the_system_does_not(tmp_path: Path) -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = x509.CertificateBuilder(name, name, key.public_key(), 1, now - timedelta(1), now + timedelta(1))
    pem = made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)
    form = serialization.PrivateFormat.PKCS8
    pem += key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption())
    (tmp_path / "own.pem").write_bytes(pem)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tmp_path / "own.pem")
    with receiving() as receiver:
        receiver.socket = context.wrap_socket(receiver.socket, server_side=True)
        with pytest.raises(UnreachedError, match="certificate"):
            post(Letter(receiver.url.replace("http:", "https:"), {}, b"{}"), private=True)
        assert receiver.came == []


def test_server__tells_what_happens_and_goes_on_after_a_kill(
    settings: Settings, receiver: Receiver, tmp_path: Path
) -> None:
    one = target(receiver, hear=["rehearsal:succeeded", "rehearsal:failed"], secret="planted-secret")
    live = LiveServer(settings.model_copy(update={"notices": file_of(tmp_path, one)}))
    live.start()
    try:
        client = live.client()
        until(lambda: client.get("/v1/notices").json()["data"][0]["told"] == 0)
        receiver.seconds = 0.3
        runner = CliRunner()
        for n in range(3):
            assert runner.invoke(app, ["rehearse", "--steps", "1", "--home", str(settings.home)]).exit_code == 0
            if n == 1:
                until(lambda: len(receiver.came) >= 2)
                live.kill()  # before it knows that its message arrived
                with opened(settings) as platform:
                    end_claim(platform)
                live.start()
                client = live.client()
        until(lambda: len({change["task_id"] for one in list(receiver.came) for change in one.json["data"]}) == 3)
        (row,) = client.get("/v1/notices").json()["data"]
        assert (row["host"], row["signed"], row["form"]) == ("127.0.0.1", True, "json")
        assert "planted" not in client.get("/v1/notices").text
        until(lambda: client.get("/v1/notices").json()["data"][0]["waiting"] is False)
    finally:
        live.close()
    assert "planted" not in "".join(live.output)
    ids = [came.headers["webhook-id"] for came in receiver.came]
    bodies = {came.headers["webhook-id"]: came.body for came in receiver.came}
    assert [bodies[one] for one in ids] == [came.body for came in receiver.came]  # what came twice came the same


def end_claim(platform: Platform) -> None:
    """What a killed server had begun to send may be sent again, as in a minute and a half."""
    with platform.database.transaction() as db:
        mark = store.mark_of(db, "x")
        assert mark is not None
        assert mark.until > mark.seq
        assert store.move(db, mark, {"next_at": 0.0})


def test_server__does_not_start_with_a_file_that_it_does_not_understand(settings: Settings, tmp_path: Path) -> None:
    (tmp_path / "notices.toml").write_text('[[target]]\nname = "x"\nurl = "planted-secret"')
    live = LiveServer(settings.model_copy(update={"notices": str(tmp_path / "notices.toml")}))
    with pytest.raises(AssertionError, match="ROADLOOP_NOTICES") as refused:
        live.start()
    assert "planted-secret" not in str(refused.value)


def test_command__shows_the_targets_and_sends_a_test(
    platform: Platform, receiver: Receiver, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    runner, home = CliRunner(), str(platform.settings.home)
    assert "docs/notices.md" in runner.invoke(app, ["notices", "--home", home]).output
    robot = target(receiver, name="group", form="wecom", language="zh")
    monkeypatch.setenv("ROADLOOP_NOTICES", file_of(tmp_path, robot))
    said = runner.invoke(app, ["notices", "--home", home, "--test", "group"])
    assert said.exit_code == 0, said.output
    assert receiver.came[0].json["markdown"]["content"] == "roadloop：自检「这是一条测试通知」完成"
    shown = runner.invoke(app, ["notices", "--home", home])
    assert "group" in shown.output
    assert "planted-key" not in shown.output
    receiver.answers = [(200, b'{"errcode": 93000, "errmsg": "invalid webhook url"}')]
    with pytest.raises(UnreachedError, match="93000 invalid webhook url"):
        send_test(platform, robot)


def test_courier__ends_at_once(platform: Platform, receiver: Receiver, tmp_path: Path) -> None:
    said = file_of(tmp_path, target(receiver, hear=["succeeded"]))
    courier = Courier(
        Platform(platform.settings.model_copy(update={"notices": said}), platform.database, platform.workspace)
    )
    courier.start()
    until(lambda: marked(platform))
    job(platform, "done")
    until(lambda: receiver.told() == [("done", "succeeded")])
    began = time.monotonic()
    courier.close()
    assert time.monotonic() - began < 5


def marked(platform: Platform) -> bool:
    with platform.database.reading() as db:
        return store.mark_of(db, "x") is not None


def test_post__goes_to_the_next_address_of_a_host_where_the_first_does_not_answer(
    receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    port = receiver.server_address[1]
    look_up = socket.getaddrinfo
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port)) for address in ("::1", "127.0.0.1")]
    monkeypatch.setattr(
        socket,
        "getaddrinfo",
        lambda host, *args, **more: found if host == "two.example" else look_up(host, *args, **more),
    )
    letter = Letter(f"http://two.example:{port}/", {}, b"{}")
    # The receiver does not listen at the first; the letter names the host, not the address.
    monkeypatch.setattr(socket, "create_connection", connecting := _Connecting())
    assert post(letter, private=True)[0] == 200
    assert connecting.tried == ["::1", "127.0.0.1"]
    assert receiver.came[0].headers["host"] == f"two.example:{port}"
    found[:] = found[:1]
    with pytest.raises(UnreachedError, match="was not reached"):
        post(letter, private=True)


class _Connecting:
    """Connects, and notes where to."""

    def __init__(self) -> None:
        self.tried: list[str] = []
        self._connect = socket.create_connection

    def __call__(self, address: tuple[str, int], timeout: float) -> socket.socket:
        self.tried.append(address[0])
        return self._connect(address, timeout)
