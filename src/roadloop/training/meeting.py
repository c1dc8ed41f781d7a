"""How the processes of one attempt find each other over a network: connections whose both ends know a key of the job's row.

The handshake is multiprocessing's (HMAC of a challenge, each way); after it whole messages of JSON, nothing that runs. It keeps
others from taking part, not from listening: the network must be the team's own.

Source: Python's documentation, multiprocessing, "Authentication keys".
"""

import json
import os
import secrets
import socket
import threading
from collections.abc import Callable
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from typing import Any, Final

import psutil

GREETING_BYTES: Final = 1000
JOIN_SECONDS: Final = 20.0


class Wire:
    """One connection, written by several threads and read by one.

    Args:
        connection: Open, and proved.
    """

    def __init__(self, connection: "Connection[Any, Any]") -> None:
        self._connection: Final = connection
        self._lock: Final = threading.Lock()

    def say(self, message: Any) -> None:
        """Send a message.

        Raises:
            OSError: The other end is gone.
        """
        with self._lock:
            self._connection.send_bytes(json.dumps(message).encode())

    def hear(self, most: int | None = None) -> Any:
        """Wait for a message.

        Args:
            most: Bytes.

        Raises:
            OSError, EOFError: The other end is gone.
        """
        return json.loads(self._connection.recv_bytes(most))

    def end(self) -> None:
        """Let nothing through any more; who waits for a message on either side hears that."""
        with suppress(OSError):  # it is over anyway
            own = socket.socket(fileno=os.dup(self._connection.fileno()))
            with own:
                own.shutdown(socket.SHUT_RDWR)


class Meeting:
    """The place where followers are waited for.

    Args:
        address: IP address of this machine.
        welcome: Called by a thread of its own with each follower's place and its wire; closes the wire when it returns.
    """

    def __init__(self, address: str, welcome: Callable[[int, Wire], None]) -> None:
        self._key: Final = secrets.token_bytes(32)
        self._welcome: Final = welcome
        self._socket: Final = listen(address)
        threading.Thread(target=self._accept, name="meeting", daemon=True).start()

    @property
    def where(self) -> dict[str, Any]:
        """What a follower must know beside the address."""
        return {"port": self._socket.getsockname()[1], "key": self._key.hex()}

    def close(self) -> None:
        """Let nobody in any more."""
        with suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes up who waits
        self._socket.close()

    def _accept(self) -> None:
        with suppress(OSError):  # closed
            while True:
                one, _ = self._socket.accept()
                threading.Thread(target=self._admit, args=(one,), daemon=True).start()

    def _admit(self, one: socket.socket) -> None:
        with Connection(one.detach()) as connection:
            try:
                deliver_challenge(connection, self._key)
                answer_challenge(connection, self._key)
                place = int(json.loads(connection.recv_bytes(GREETING_BYTES))["place"])
            except (AuthenticationError, OSError, EOFError, ValueError, KeyError, TypeError):
                return
            self._welcome(place, Wire(connection))


def join(address: str, where: dict[str, Any], place: int) -> Wire:
    """Connect to a meeting.

    Args:
        address: Of the machine.
        where: As `Meeting.where` has said.
        place: Who comes.

    Raises:
        OSError, EOFError: Nobody is there any more, or the network lets nobody through.
        multiprocessing.AuthenticationError: It is somebody else.
    """
    one = socket.create_connection((address, where["port"]), JOIN_SECONDS)
    one.settimeout(None)
    connection = Connection(one.detach())
    key = bytes.fromhex(where["key"])
    answer_challenge(connection, key)
    deliver_challenge(connection, key)
    wire = Wire(connection)
    wire.say({"place": place})
    return wire


def listen(address: str) -> socket.socket:
    """A socket that takes connections at this address only, at a free port."""
    return socket.create_server((address, 0), family=socket.AF_INET6 if ":" in address else socket.AF_INET)


def interface_of(address: str) -> str:
    """The network interface of this machine that has the address; empty where none says so."""
    known = psutil.net_if_addrs().items()
    return next((name for name, addresses in known if any(one.address == address for one in addresses)), "")
