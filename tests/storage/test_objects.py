"""Objects in stores: places, listings, readings, and what is said of a store that refuses or does not answer."""

import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from roadloop.errors import InvalidValueError, ObjectStoreError, PathOutsideError
from roadloop.storage import objects, reading
from roadloop.storage.objects import ObjectPath, parse
from roadloop.storage.paths import Workspace
from s3_server import Bucket, Reply, S3Server, ScriptedStore, failure

Script = Callable[..., ScriptedStore]


@pytest.fixture
def script(use_store: Callable[[dict[str, str]], None]) -> Iterator[Script]:
    """A store that answers as it is told, and that this process finds."""
    begun: list[ScriptedStore] = []

    def begin(answer: Callable[..., Reply]) -> ScriptedStore:
        begun.append(ScriptedStore(answer))
        use_store({"AWS_ENDPOINT_URL": begun[0].url})
        return begun[0]

    yield begin
    for store in begun:
        store.close()


@pytest.mark.parametrize(
    "text",
    ["s3://b", "s3:///a", "s3://bu cket/a", "s3://bucket/a//b", "s3://bucket/../a", "/a", "s3://bucket/" + "路" * 400],
)
def test_parse__refuses_what_is_no_place(text: str) -> None:
    with pytest.raises(InvalidValueError, match="s3://<bucket>/<prefix>"):
        parse(text, "src")


def test_parse__a_place_its_name_and_what_lies_in_it() -> None:
    place = parse("s3://roads/苏州/", "src")
    assert (str(place), place.name, str(place / "a.jpg")) == ("s3://roads/苏州", "苏州", "s3://roads/苏州/a.jpg")
    assert (place / "a.jpg").is_relative_to(place)
    assert not ObjectPath("roads", "苏州2/a.jpg").is_relative_to(place)
    assert not ObjectPath("other", "苏州/a.jpg").is_relative_to(place)
    whole = parse("s3://roads", "src")
    assert (str(whole), whole.name, str(whole / "a")) == ("s3://roads", "roads", "s3://roads/a")
    assert place.is_relative_to(whole)


def test_workspace__reads_only_below_the_places_among_its_roots(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path, ("s3://roads/team:ro", "s3://other"))
    assert workspace.resolve_place("s3://roads/team/苏州", "src") == ObjectPath("roads", "team/苏州")
    assert workspace.resolve_place("s3://other/x", "src") == ObjectPath("other", "x")
    assert workspace.find_place("s3://roads/team/a") == ObjectPath("roads", "team/a")
    assert workspace.find_place("imports") == tmp_path / "imports"
    for text in ("s3://roads/teammate/a", "s3://roads", "s3://third/team/a"):
        with pytest.raises(PathOutsideError, match="s3://roads/team"):
            workspace.resolve_place(text, "src")
    for key in ("team/../secret", "team//a", "team", "x"):  # as a row may have it
        assert workspace.holds(ObjectPath("roads", key)) == (key == "team")
    with pytest.raises(PathOutsideError):
        workspace.follow_place(ObjectPath("roads", "team/../secret"))
    with pytest.raises(InvalidValueError, match="here a place on the disk is needed"):
        workspace.resolve("s3://roads/team/out", "output_dir", write=True)
    with pytest.raises(InvalidValueError, match="roots"):
        Workspace(tmp_path, ("s3://",))


def test_read__objects_and_their_heads(bucket: Bucket) -> None:
    bucket.put("路/a b+c%.jpg", b"0123456789")
    bucket.put("empty", b"")
    place = ObjectPath(bucket.name, "路") / "a b+c%.jpg"
    assert reading.read_bytes(place) == b"0123456789"
    assert reading.read_head(place, 4) == b"0123"
    assert reading.read_bytes(ObjectPath(bucket.name, "empty")) == b""
    with pytest.raises(OSError, match="empty"):
        reading.read_head(ObjectPath(bucket.name, "empty"), 4)
    with pytest.raises(FileNotFoundError, match="路/b"):
        reading.read_bytes(ObjectPath(bucket.name, "路/b"))


def test_walk__lists_every_page(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "PAGE", 2)
    for name in ("a", "b", "c/d", "c/e", "f+ %", "g~"):
        bucket.put(f"top/{name}", name.encode())
    bucket.put("topper", b"")
    top = ObjectPath(bucket.name, "top")
    assert list(objects.walk(top)) == [("a", 1), ("b", 1), ("c/d", 3), ("c/e", 3), ("f+ %", 4), ("g~", 2)]
    assert [name for name, _ in objects.list_folder(top)] == ["a", "b", "f+ %", "g~"]
    assert list(objects.walk(ObjectPath(bucket.name, "nothing"))) == []


def test_walk__holds_one_page_of_a_listing_however_long_it_is(script: Script) -> None:
    def page(_path: str, query: dict[str, list[str]], _number: int) -> Reply:
        begin = int(query.get("continuation-token", ["0"])[0])
        keys = (f"track/{begin + n:09d}.jpg" for n in range(objects.PAGE))
        rows = "".join(f"<Contents><Key>{key}</Key><Size>1</Size></Contents>" for key in keys)
        more = f"<IsTruncated>true</IsTruncated><NextContinuationToken>{begin + objects.PAGE}</NextContinuationToken>"
        return Reply(200, f"<ListBucketResult>{rows}{more}</ListBucketResult>".encode())

    script(page)
    peaks: list[int] = []
    listing = objects.walk(ObjectPath("roads", "track"))
    tracemalloc.start()
    for number, (name, _) in enumerate(listing):
        if number in (2 * objects.PAGE, 6 * objects.PAGE):
            peaks.append(tracemalloc.get_traced_memory()[1])
            assert name == f"{number:09d}.jpg"
        if len(peaks) == 2:
            break
    tracemalloc.stop()
    assert peaks[1] < 1.2 * peaks[0]


REFUSALS = (
    (403, "RequestTimeTooSkewed", "set them by NTP"),
    (403, "ExpiredToken", "check AWS_ACCESS_KEY_ID"),
    (400, "AuthorizationHeaderMalformed", "set AWS_REGION"),
    (501, "NotImplemented", "it says: .*NotImplemented"),
)


def test_read__of_a_store_that_refuses_the_cure_is_said(script: Script) -> None:
    says: list[tuple[int, str]] = []
    script(lambda *_: failure(*says[-1]))
    place = ObjectPath("roads", "secret")
    for status, code, cure in REFUSALS:
        says.append((status, code))
        for ask in (reading.read_bytes, lambda place: list(objects.walk(place))):
            with pytest.raises(ObjectStoreError, match=f"object store s3://roads: .*{cure}") as caught:
                ask(place)
            assert "对象存储 s3://roads：" in caught.value.text.zh
    says.append((403, "AccessDenied"))  # one object may be denied, a listing concerns all
    with pytest.raises(PermissionError, match="secret"):
        reading.read_bytes(place)
    with pytest.raises(ObjectStoreError, match="s3:ListBucket"):
        list(objects.walk(place))
    says.append((403, "InvalidObjectState"))
    with pytest.raises(objects.ArchivedError, match="archived; restore it") as archived:
        reading.read_bytes(place)
    assert reading.why(archived.value).zh == "已归档，请先在存储中恢复"


def test_read__an_object_larger_than_any_picture_is_not_fetched(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "MOST_BYTES", 9)
    script(lambda *_: Reply(200, b"0123456789"))
    with pytest.raises(OSError, match="too large"):
        reading.read_bytes(ObjectPath("roads", "a"))


def test_read__goes_on_after_a_busy_answer_and_a_body_that_breaks_off(
    script: Script, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "ATTEMPTS", 3)
    replies = [failure(503, "SlowDown"), Reply(200, b"01234", promised=10), Reply(200, b"0123456789")]
    store = script(lambda _path, _query, number: replies[number - 1])
    assert reading.read_bytes(ObjectPath("roads", "a")) == b"0123456789"
    assert store.requests == 3


def test_read__who_must_answer_asks_once(script: Script, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(objects, "BRIEFLY", threading.Event())
    objects.BRIEFLY.set()
    store = script(lambda *_: failure(503, "SlowDown"))
    with pytest.raises(ObjectStoreError, match="SlowDown"):
        reading.read_bytes(ObjectPath("roads", "a"))
    assert store.requests == 1


def test_read__a_body_that_always_breaks_off_ends(script: Script) -> None:
    store = script(lambda *_: Reply(200, b"01234", promised=10))
    with pytest.raises(ObjectStoreError):
        reading.read_bytes(ObjectPath("roads", "a"))
    assert store.requests == objects.BODIES


def test_read__without_answer_without_keys_without_a_bucket(
    bucket: Bucket, s3_server: S3Server, use_store: Callable[[dict[str, str]], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ObjectStoreError, match="there is no bucket none-such"):
        reading.read_bytes(ObjectPath("none-such", "a"))
    s3_server.check_keys(on=True)
    try:
        with pytest.raises(ObjectStoreError, match="does not take the keys: check AWS_ACCESS_KEY_ID") as refused:
            reading.read_bytes(ObjectPath(bucket.name, "a"))
    finally:
        s3_server.check_keys(on=False)
    assert "planted-secret" not in f"{refused.value.text}"
    monkeypatch.setattr(objects, "ATTEMPTS", 1)
    use_store({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    with pytest.raises(ObjectStoreError, match=r"does not answer at http://127.0.0.1:9: check AWS_ENDPOINT_URL"):
        reading.read_bytes(ObjectPath(bucket.name, "a"))
    use_store({"AWS_ENDPOINT_URL": "no address"})
    with pytest.raises(ObjectStoreError, match=r"cannot be used: Invalid endpoint: no address"):
        list(objects.walk(ObjectPath(bucket.name, "a")))
    use_store({"AWS_ENDPOINT_URL": bucket.url, "AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": ""})
    with pytest.raises(ObjectStoreError, match="there are no keys: set AWS_ACCESS_KEY_ID"):
        reading.read_bytes(ObjectPath(bucket.name, "a"))


def test_read__without_botocore_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "botocore.exceptions", None)
    for ask in (reading.read_bytes, lambda place: list(objects.walk(place))):
        with pytest.raises(ObjectStoreError, match=r"pip install 'roadloop\[s3\]'"):
            ask(ObjectPath("roads", "a"))
