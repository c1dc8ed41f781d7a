"""Objects in an S3 store: their places, listing them page by page, and reading them with time limits and further tries.

Which prefixes may be read is a setting, like the roots of the disk. Keys, endpoint and region are what botocore finds: the
variables `AWS_*`, the files of the AWS tools, or the machine's role; no request names one. Nothing is ever written.
"""

import errno
import functools
import os
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple

from roadloop.errors import InvalidValueError, ObjectStoreError, Text

SCHEME: Final = "s3://"
PAGE: Final = 1000  #: objects of one answer to a listing, which is what S3 gives at most
ATTEMPTS: Final = 8  #: tries of a request, with botocore's growing pauses between them: some 35 s on average in all
BODIES: Final = 3  #: tries of an answer whose body breaks off
CONNECT_SECONDS: Final = 5.0
SILENT_SECONDS: Final = 15.0  #: without a byte, after which a try is given up
BRIEF_SECONDS: Final = 3.0  #: the same of both, where somebody waits for the answer
#: Set in a process where somebody waits for every answer, the server: one try, so that its threads are soon free again.
BRIEFLY: Final = threading.Event()
MOST_BYTES: Final = 2**30  #: of one object that is read
STREAMS: Final = 8  #: reads at once in a process: waiting for a store takes longer than decoding
_MOST_KEY_BYTES: Final = 1024
_BUCKET: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{1,253}[A-Za-z0-9]")

_WRONG_KEYS: Final = frozenset(
    {"InvalidAccessKeyId", "SignatureDoesNotMatch", "ExpiredToken", "InvalidToken", "TokenRefreshRequired"}
)
_WRONG_REGION: Final = frozenset(
    {"AuthorizationHeaderMalformed", "PermanentRedirect", "301", "IllegalLocationConstraint"}
)
_MISSING: Final = Text(
    "读取它需要 botocore，此环境没有：请执行 pip install 'roadloop[s3]'，然后重新提交",
    "it is read with botocore, which is not installed here: pip install 'roadloop[s3]', then submit again",
)
_making: Final = threading.Lock()
_GONE: Final = frozenset({"NoSuchKey", "404"})
_DENIED: Final = frozenset({"AccessDenied", "AllAccessDisabled", "403"})


@dataclass(frozen=True, order=True)
class ObjectPath:
    """A place in an object store: one object, or all whose keys begin with it and a slash.

    Attributes:
        bucket: Name of the bucket.
        key: Its key without slashes at the ends; empty is the whole bucket.
    """

    bucket: str
    key: str = ""

    def __str__(self) -> str:
        return f"{SCHEME}{self.bucket}/{self.key}".rstrip("/")

    def __truediv__(self, inner: str) -> "ObjectPath":
        return ObjectPath(self.bucket, f"{self.prefix}{inner}")

    @property
    def name(self) -> str:
        """The last part of its key, or the bucket's name."""
        return self.key.rpartition("/")[2] or self.bucket

    @property
    def prefix(self) -> str:
        """What the keys of all objects in it begin with."""
        return f"{self.key}/" if self.key else ""

    def is_relative_to(self, other: "ObjectPath") -> bool:
        """Whether it is another place, or lies in it."""
        return self.bucket == other.bucket and f"{self.key}/".startswith(other.prefix)


Place = Path | ObjectPath


class ArchivedError(OSError):
    """An object lies in an archive, and must be fetched back before it can be read."""

    kind: Final = Text("已归档，请先在存储中恢复", "archived; restore it in the store first")

    def __init__(self, place: ObjectPath) -> None:
        super().__init__(errno.EIO, self.kind.en, str(place))


class Entry(NamedTuple):
    """One object of a listing: its key below what was listed, and its bytes."""

    name: str
    size: int


def is_object(text: str) -> bool:
    """Whether a text names a place in an object store."""
    return text.startswith(SCHEME)


def parse(text: str, parameter: str) -> ObjectPath:
    """Read `s3://bucket/prefix`.

    Args:
        text: What was written.
        parameter: Where, for the message.

    Raises:
        InvalidValueError: No bucket's name, a key that is too long, or one with empty parts, `.` or `..`.
    """
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    key = key.removesuffix("/")
    if not (is_object(text) and _BUCKET.fullmatch(bucket) and (not key or is_plain(key))):
        raise InvalidValueError(
            Text(
                f"{parameter}：{text[:200]!r} 不是对象存储中的位置，应为 s3://<桶>/<前缀>：键最多 {_MOST_KEY_BYTES} 字节，"
                "各级不能为空，也不能是 . 或 ..。",
                f"{parameter}: {text[:200]!r} is no place in an object store, s3://<bucket>/<prefix>: a key has at most"
                f" {_MOST_KEY_BYTES} bytes, and no part of it is empty, . or ..",
            ),
            parameter=parameter,
        )
    return ObjectPath(bucket, key)


def place_of(text: str, folder: Path) -> Place:
    """What a file's name in a row means: an object, or a file of a folder; an absolute path stays as it is.

    Nothing is checked: `Workspace.holds` says whether it may be read.
    """
    if not is_object(text):
        return folder / text
    bucket, _, key = text.removeprefix(SCHEME).partition("/")
    return ObjectPath(bucket, key)


def read(place: ObjectPath) -> bytes:
    """The bytes of an object.

    Raises:
        FileNotFoundError: There is none.
        PermissionError: The keys may not read it.
        OSError: It is larger than 1 GiB, or archived.
        ObjectStoreError: The store refuses all that is asked, or does not answer.
    """
    return _body(place, {})


def head(place: ObjectPath, number: int) -> bytes:
    """The first bytes of an object.

    Raises:
        OSError, ObjectStoreError: As `read`.
    """
    return _body(place, {"Range": f"bytes=0-{number - 1}"})


def walk(place: ObjectPath) -> Iterator[Entry]:
    """All objects in a place, in order of their keys' bytes; one page of them is held at a time.

    Raises:
        ObjectStoreError: As `read`; or there is no such bucket, or it may not be listed.
    """
    for page in _pages(place):
        for entry in page.get("Contents", ()):
            yield Entry(entry["Key"].removeprefix(place.prefix), int(entry["Size"]))


def list_folder(place: ObjectPath) -> Iterator[Entry]:
    """The objects right in a place, not those below further slashes; else as `walk`.

    Raises:
        ObjectStoreError: As `walk`.
    """
    for page in _pages(place, Delimiter="/"):
        for entry in page.get("Contents", ()):
            yield Entry(entry["Key"].removeprefix(place.prefix), int(entry["Size"]))


def is_plain(key: str) -> bool:
    """Whether a key could be a file's path: UTF-8 of at most 1024 bytes, and no part of it is empty, `.` or `..`."""
    try:
        short = len(key.encode()) <= _MOST_KEY_BYTES
    except UnicodeEncodeError:
        return False
    return short and "\0" not in key and not {"", ".", ".."} & set(key.split("/"))


def _pages(place: ObjectPath, **more: str) -> Iterator[Mapping[str, Any]]:
    with _asked(place, listing=True):
        paginator = _client().get_paginator("list_objects_v2")
        yield from paginator.paginate(
            Bucket=place.bucket, Prefix=place.prefix, PaginationConfig={"PageSize": PAGE}, **more
        )


def _body(place: ObjectPath, more: Mapping[str, str]) -> bytes:
    with _asked(place):
        from botocore.exceptions import FlexibleChecksumError, HTTPClientError, IncompleteReadError  # noqa: PLC0415

        for attempt in range(1, BODIES + 1):
            answer = _client().get_object(Bucket=place.bucket, Key=place.key, **more)
            with closing(answer["Body"]) as body:
                if answer["ContentLength"] > MOST_BYTES:
                    raise OSError(errno.EFBIG, os.strerror(errno.EFBIG), str(place))
                try:
                    data: bytes = body.read()
                except (FlexibleChecksumError, HTTPClientError, IncompleteReadError):
                    if attempt == BODIES:
                        raise
                else:
                    return data
    raise AssertionError


def _client() -> Any:
    """This process's client; its calls may run in several threads, and the first of them makes it."""
    with _making:
        return _made()


@functools.cache
def _made() -> Any:
    from botocore.config import Config  # noqa: PLC0415 - takes half a second, and is an extra
    from botocore.session import Session  # noqa: PLC0415

    brief = BRIEFLY.is_set()
    config = Config(
        connect_timeout=BRIEF_SECONDS if brief else CONNECT_SECONDS,
        read_timeout=BRIEF_SECONDS if brief else SILENT_SECONDS,
        retries={"mode": "standard", "total_max_attempts": 1 if brief else ATTEMPTS},
        max_pool_connections=64,
    )
    return Session().create_client("s3", config=config)


@contextmanager
def _asked(place: ObjectPath, *, listing: bool = False) -> Iterator[None]:
    """Turn what botocore raises into what readers of files know, or into the trouble that the whole store has."""
    try:
        from botocore.exceptions import BotoCoreError, ClientError  # noqa: PLC0415
    except ImportError as error:
        raise _error(place, _MISSING) from error
    try:
        _client()
        yield
    except ClientError as error:
        code = str(error.response.get("Error", {}).get("Code", ""))
        if not listing and code in _GONE:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(place)) from error
        if not listing and code in _DENIED:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(place)) from error
        if code == "InvalidObjectState":
            raise ArchivedError(place) from error
        if code == "InvalidRange":  # the head of an empty object
            raise OSError(errno.ENODATA, os.strerror(errno.ENODATA), str(place)) from error
        raise _refused(place, code, str(error)) from error
    except (BotoCoreError, ValueError) as error:  # ValueError: AWS_ENDPOINT_URL is no address
        raise _away(place, error) from error


def _refused(place: ObjectPath, code: str, said: str) -> ObjectStoreError:
    """The error of an answer that concerns more than one object, with its cure."""
    if code in _WRONG_KEYS:
        cure = Text(
            "密钥无效或已过期：请在服务器与各节点的环境中检查 AWS_ACCESS_KEY_ID、AWS_SECRET_ACCESS_KEY（与 AWS_SESSION_TOKEN）",
            "it does not take the keys: check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY (and AWS_SESSION_TOKEN) in the"
            " environment of the server and of every node",
        )
    elif code == "NoSuchBucket":
        cure = Text(
            f"没有名为 {place.bucket} 的桶：请检查 ROADLOOP_ROOTS 与 AWS_ENDPOINT_URL",
            f"there is no bucket {place.bucket}: check ROADLOOP_ROOTS and AWS_ENDPOINT_URL",
        )
    elif code == "RequestTimeTooSkewed":
        cure = Text(
            "本机时钟与存储相差超过 15 分钟：请用 NTP 校准时钟",
            "this machine's clock and the store's are more than 15 minutes apart: set them by NTP",
        )
    elif code in _DENIED:
        cure = Text(
            f"这些密钥无权列出桶 {place.bucket}：需要 s3:ListBucket 与 s3:GetObject 权限",
            f"the keys may not list the bucket {place.bucket}: they need s3:ListBucket and s3:GetObject",
        )
    elif code in _WRONG_REGION:
        cure = Text("桶在另一个区域：请设置 AWS_REGION", "the bucket is in another region: set AWS_REGION")
    else:
        cure = Text(f"它回答：{said[:300]}", f"it says: {said[:300]}")
    return _error(place, cure)


def _away(place: ObjectPath, error: Exception) -> ObjectStoreError:
    """The error of a store that gave no answer, or was not asked for want of keys, with its cure."""
    from botocore import exceptions  # noqa: PLC0415

    what = str(error)[:300]
    if isinstance(error, (exceptions.NoCredentialsError, exceptions.PartialCredentialsError)):
        cure = Text(
            "没有密钥：请在服务器与各节点的环境中设置 AWS_ACCESS_KEY_ID 与 AWS_SECRET_ACCESS_KEY",
            "there are no keys: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY in the environment of the server and of"
            " every node",
        )
    elif isinstance(error, (exceptions.HTTPClientError, exceptions.ConnectionError)):
        address = _client().meta.endpoint_url
        cure = Text(
            f"没有回答（{address}）：请检查 AWS_ENDPOINT_URL、网络与存储服务，然后重新提交。{what}",
            f"it does not answer at {address}: check AWS_ENDPOINT_URL, the network and the store, then submit again. {what}",
        )
    else:
        cure = Text(f"无法使用：{what}", f"it cannot be used: {what}")
    return _error(place, cure)


def _error(place: ObjectPath, cure: Text) -> ObjectStoreError:
    return ObjectStoreError(
        Text(f"对象存储 {SCHEME}{place.bucket}：{cure.zh}", f"The object store {SCHEME}{place.bucket}: {cure.en}"),
        bucket=place.bucket,
    )
