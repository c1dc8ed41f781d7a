"""Posting a message to an address that settings name: not to a private network unless the target says so.

A host's name is looked up once, every address that it has is looked at, and the first of those that answers is connected to: a
name whose answer changes in between leads nowhere else. No redirect is followed and no proxy asked.
"""

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Final
from urllib.parse import urlsplit

from roadloop.errors import RoadloopError, Text
from roadloop.notices.forms import Letter

#: Seconds without a sign of the receiver, and in all.
SILENT: Final = 10.0
IN_ALL: Final = 25.0
#: Bytes of an answer that are read.
ANSWER: Final = 65_536


class UnreachedError(RoadloopError):
    """A message did not arrive."""

    code = "unreached"


def post(letter: Letter, *, private: bool) -> tuple[int, bytes]:
    """Post a letter once.

    Args:
        letter: What is posted.
        private: Whether its host may be in a private network, or this machine.

    Returns:
        The status and the beginning of the body of the answer.

    Raises:
        UnreachedError: It was not sent, or no whole answer came in time.
    """
    parts = urlsplit(letter.url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    try:
        addresses = _addresses(host, port, private=private)
        connection = http.client.HTTPConnection(host, port, timeout=SILENT)
        with closing(connection), _ended_after(connection):
            connection.sock = _connected(addresses, port)
            if secure:
                connection.sock = ssl.create_default_context().wrap_socket(connection.sock, server_hostname=host)
            connection.request("POST", path, letter.body, dict(letter.headers))
            answer = connection.getresponse()
            return answer.status, answer.read(ANSWER)
    except (OSError, http.client.HTTPException, ValueError) as error:
        what = _why(error)
        raise UnreachedError(Text(f"未能送达 {host}：{what.zh}", f"{host} was not reached: {what.en}")) from error


@contextmanager
def _ended_after(connection: http.client.HTTPConnection) -> Iterator[None]:
    """A receiver that sends a byte now and then is left after a while."""

    def end() -> None:
        if connection.sock is not None:
            connection.sock.shutdown(socket.SHUT_RDWR)

    timer = threading.Timer(IN_ALL, end)
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _why(error: Exception) -> Text:
    said = str(error) or type(error).__name__
    kinds: tuple[tuple[type[Exception], str], ...] = (
        (ssl.SSLCertVerificationError, "证书不受信任"),
        (ssl.SSLError, "TLS 握手失败"),
        (socket.gaierror, "找不到这个主机"),
        (TimeoutError, "超时没有应答"),
        (ConnectionRefusedError, "连接被拒绝"),
        (ConnectionError, "连接中断"),
        (OSError, "网络不通"),
    )
    return Text(next((zh for kind, zh in kinds if isinstance(error, kind)), "应答无法读取"), said)


def _addresses(host: str, port: int, *, private: bool) -> list[str]:
    found = [str(one[4][0]) for one in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]
    inside = [address for address in found if not ipaddress.ip_address(address.partition("%")[0]).is_global]
    if inside and not private:
        raise UnreachedError(
            Text(
                f"{host} 的地址 {inside[0]} 属于内网或本机，未发送。若确实要发往那里，请在该 [[target]] 中写 private = true",
                f"The address {inside[0]} of {host} is one of a private network or of this machine, so nothing was sent. If it"
                " is meant, say private = true in its [[target]]",
            )
        )
    return list(dict.fromkeys(found))


def _connected(addresses: list[str], port: int) -> socket.socket:
    """A connection to the first address that takes one; the time of one is shared by all."""
    for address in addresses[:-1]:
        try:
            return socket.create_connection((address, port), SILENT / len(addresses))
        except OSError:
            continue
    return socket.create_connection((addresses[-1], port), SILENT)
