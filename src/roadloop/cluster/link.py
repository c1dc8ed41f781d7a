"""The way from a server to its driver: requests with time limits, to a process that may end or hang at any moment."""

import importlib.util
import json
import queue
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

from roadloop.cluster.wire import OPEN
from roadloop.errors import AccessRefusedError, ConflictError, Text
from roadloop.settings import Settings

COMMAND: Final = (sys.executable, "-P", "-m", "roadloop.cluster.driver")
CONNECT_SECONDS: Final = 30.0
CHECK_SECONDS: Final = 15.0
_ENDED: Final = "the driver has ended"
_REFUSED: Final = "InvalidAuthToken"  # as Ray 2.60 says it

_KINDS: Final = {kind.__name__: kind for kind in (TimeoutError, ConnectionError, OSError)}


class Link:
    """One driver process.

    Args:
        settings: Where the cluster is.
        namespace: Of this installation's actors.
    """

    def __init__(self, settings: Settings, namespace: str) -> None:
        self._process: Final = subprocess.Popen(
            [*COMMAND, settings.ray_address, namespace],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=settings.driver_environment(),
            text=True,
        )
        self._replies: Final[dict[int, queue.SimpleQueue[dict[str, Any]]]] = {}
        self._last = 0
        self._lock: Final = threading.Lock()
        self._lines: Final = queue.SimpleQueue[str]()
        for work in (self._listen, self._tell):
            threading.Thread(target=work, name="driver", daemon=True).start()

    def ask(self, what: str, arguments: Sequence[Any], seconds: float) -> Any:
        """Ask, from any thread.

        Raises:
            TimeoutError: There was no answer within `seconds`.
            ConnectionError: The driver has ended, or its node is not there.
            OSError: The node could not do it.
            RuntimeError: A fault of the driver's.
        """
        reply: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._lock:
            if self._process.poll() is not None:
                raise ConnectionError(_ENDED)
            self._last += 1
            number = self._last
            self._replies[number] = reply
        self._lines.put(json.dumps({"id": number, "do": what, "with": arguments}) + "\n")
        try:
            answer = reply.get(timeout=seconds)
        except queue.Empty as error:
            raise TimeoutError("the driver does not answer") from error
        finally:
            self._replies.pop(number, None)
        if "error" in answer:
            raise _KINDS.get(answer["kind"], RuntimeError)(answer["error"])
        return answer["value"]

    def close(self) -> None:
        """End the driver; what runs on the nodes goes on."""
        self._process.kill()
        self._process.wait()
        self._lines.put("")

    def _tell(self) -> None:
        """Write the requests: a driver that hangs does not read, and would hold up who asks."""
        assert self._process.stdin is not None
        with suppress(OSError), self._process.stdin as requests:
            while line := self._lines.get():
                requests.write(line)
                requests.flush()

    def _listen(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as answers:
            for line in answers:
                answer = json.loads(line)
                if (reply := self._replies.get(answer["id"])) is not None:
                    reply.put(answer)
        self._process.wait()
        with self._lock:
            for reply in self._replies.values():
                reply.put({"error": _ENDED, "kind": "ConnectionError"})


def refuse_open(settings: Settings) -> bool:
    """See that the cluster lets nobody in who has no token.

    Returns:
        Whether that is known: a cluster that is away cannot be asked.

    Raises:
        ConflictError: Ray is not installed here.
        AccessRefusedError: It does.
    """
    if importlib.util.find_spec("ray") is None:
        raise ConflictError(
            Text(
                "使用 Ray 集群需要安装 Ray：请运行 pip install 'roadloop[ray]'。",
                "A Ray cluster needs Ray: run pip install 'roadloop[ray]'.",
            )
        )
    if settings.ray_insecure:
        return True
    is_open = _is_open(settings)
    if is_open:
        raise AccessRefusedError(
            Text(
                f"Ray 集群 {settings.ray_address} 不要求令牌：网络中任何人都能在其上运行程序。请在启动各节点与 roadloop serve 时"
                "设置 RAY_AUTH_MODE=token 和 RAY_AUTH_TOKEN；若确实无人能访问，请设置 ROADLOOP_RAY_INSECURE=true。",
                f"The Ray cluster at {settings.ray_address} asks for no token, so everybody on its network can run programs"
                " there. Start every node, and roadloop serve, with RAY_AUTH_MODE=token and RAY_AUTH_TOKEN; where really"
                " nobody else reaches it, set ROADLOOP_RAY_INSECURE=true.",
            )
        )
    return is_open is not None


def _is_open(settings: Settings) -> bool | None:
    """Whether a process without a token is let in; None where nobody answers.

    Ray tries again for long after it was refused; it is not waited for.
    """
    process = subprocess.Popen(
        [*COMMAND, "--open", settings.ray_address, "-"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=settings.driver_environment(token=False),
        text=True,
    )
    limit = threading.Timer(CHECK_SECONDS, process.kill)
    limit.start()
    refused = False
    assert process.stderr is not None
    with process.stderr as lines:
        for line in lines:
            if _REFUSED in line:
                refused = True
                process.kill()
    limit.cancel()
    return True if process.wait() == OPEN else False if refused else None
