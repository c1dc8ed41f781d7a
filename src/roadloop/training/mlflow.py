"""Every epoch's figures for an MLflow tracking server, over its REST API, when a setting names one.

The server may be slow, wrong or gone: all requests are made by a thread of their own with time limits, what could not
be sent is tried again with the next epoch, and the training hears one warning. A resumed attempt goes on with the run
that carries its recipe's digest, and says no epoch twice.
"""

import queue
import threading
import time
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import unquote

import httpx2

from roadloop.errors import Text
from roadloop.training.event_log import scalars
from roadloop.training.recipe import TrainingRecipe
from roadloop.training.reporting import Reporter

EXPERIMENT: Final = "roadloop"
TIMEOUT: Final = 5.0  #: seconds without an answer after which a request is given up
CLOSING: Final = 8.0  #: seconds that the end of a training waits for the last epoch to be sent
_WAITING: Final = 1000  #: epochs that wait for a server that is gone; older ones are dropped
_AT_ONCE: Final = 100  #: parameters, and as many tags, of one request
_LONGEST: Final = 500  #: characters of a parameter


class _Epoch(NamedTuple):
    """One epoch's figures."""

    step: int
    milliseconds: int
    values: dict[str, float]
    last: bool


class MlflowLog:
    """One attempt's voice at the tracking server.

    Args:
        url: Of the server.
        recipe: What is trained; becomes the run's parameters and tags.
        reporter: Hears of the first failure.
    """

    def __init__(self, url: str, recipe: TrainingRecipe, reporter: Reporter) -> None:
        self._server: Final = _Server(url, recipe)
        self._recipe: Final = recipe
        self._reporter: Final = reporter
        self._queue: Final[queue.SimpleQueue[_Epoch | None]] = queue.SimpleQueue()
        self._thread: Final = threading.Thread(target=self._send, name="mlflow", daemon=True)
        self._thread.start()

    def append(self, line: Mapping[str, Any]) -> None:
        """Hand over one line of the metrics file; only epochs are sent. Never waits."""
        if line["kind"] == "epoch":
            last = line["epoch"] == self._recipe.epochs
            self._queue.put(_Epoch(line["step"], time.time_ns() // 10**6, dict(scalars(line)), last))

    def close(self) -> None:
        """Wait a little for what is still to be sent."""
        self._queue.put(None)
        self._thread.join(CLOSING)

    def _send(self) -> None:
        waiting: list[_Epoch] = []
        warned = False
        with self._server.client:
            while True:
                epoch = self._queue.get()
                waiting = [*waiting, *([] if epoch is None else [epoch])][-_WAITING:]
                try:
                    while waiting:
                        self._server.log(waiting[0])
                        del waiting[0]
                except (httpx2.HTTPError, httpx2.InvalidURL, ValueError, LookupError, TypeError) as error:
                    if not warned:
                        self._reporter.warn(self._server.trouble(error))
                    warned = True
                if epoch is None:
                    return


class _Server:
    """The tracking server, and the run there."""

    def __init__(self, url: str, recipe: TrainingRecipe) -> None:
        scheme, _, rest = url.rstrip("/").rpartition("://")
        account, _, place = rest.rpartition("@")
        user, _, password = account.partition(":")
        self.client: Final = httpx2.Client(
            auth=(unquote(user), unquote(password)) if user else None,
            timeout=httpx2.Timeout(TIMEOUT),
            follow_redirects=False,
            trust_env=False,
        )
        self._host: Final = place.partition("/")[0]
        self._base: Final = f"{scheme or 'http'}://{place}/api/2.0/mlflow/"
        self._recipe: Final = recipe
        self._run = ""
        self._known = -1  # the last step that the run has

    def log(self, epoch: _Epoch) -> None:
        """Send one epoch; the run is found or made before the first."""
        if not self._run:
            self._find()
        if epoch.step > self._known:
            metrics = [
                {"key": key, "value": value, "timestamp": epoch.milliseconds, "step": epoch.step}
                for key, value in epoch.values.items()
            ]
            self._post("runs/log-batch", {"run_id": self._run, "metrics": metrics})
            self._known = epoch.step
        if epoch.last:
            end = {"run_id": self._run, "status": "FINISHED", "end_time": epoch.milliseconds}
            self._post("runs/update", end)

    def trouble(self, error: Exception) -> Text:
        """What to say of a failure; no password that the address may hold."""
        why = f"{type(error).__name__}: {error}"[:200]
        return Text(
            f"MLflow（{self._host}）暂时无法记录：{why}。训练不受影响，指标在 metrics.jsonl 中；请检查 ROADLOOP_MLFLOW_URL。",
            f"MLflow at {self._host} takes no figures: {why}. The training goes on, its figures are in metrics.jsonl;"
            " look at ROADLOOP_MLFLOW_URL.",
        )

    def _find(self) -> None:
        experiment, digest = self._experiment(), self._recipe.digest()
        search = {
            "experiment_ids": [experiment],
            "filter": f"tags.`roadloop.recipe` = '{digest}'",
            "max_results": 1,
        }
        runs = self._post("runs/search", search).get("runs") or []
        if runs:
            known = [int(metric["step"]) for metric in runs[0]["data"].get("metrics") or []]
            self._run, self._known = runs[0]["info"]["run_id"], max(known, default=-1)
            return
        recipe = self._recipe
        tags = {
            "mlflow.source.name": "roadloop",
            "roadloop.recipe": digest,
            "roadloop.task": recipe.task,
            "roadloop.dataset": f"{recipe.dataset.name} {recipe.dataset.digest}",
            "roadloop.network": f"{recipe.network.name} {recipe.network.digest}",
        }
        run = {
            "experiment_id": experiment,
            "run_name": recipe.task,
            "start_time": time.time_ns() // 10**6,
            "tags": [{"key": key, "value": value} for key, value in tags.items()],
        }
        made: str = self._post("runs/create", run)["run"]["info"]["run_id"]
        params = [
            {"key": f"{part}.{key}", "value": str(value)[:_LONGEST]}
            for part, values in (("train", recipe.train.model_dump()), ("data", recipe.data.model_dump()))
            for key, value in values.items()
        ]
        for first in range(0, len(params), _AT_ONCE):
            self._post("runs/log-batch", {"run_id": made, "params": params[first : first + _AT_ONCE]})
        self._run = made

    def _experiment(self) -> str:
        answer = self.client.get(f"{self._base}experiments/get-by-name", params={"experiment_name": EXPERIMENT})
        if answer.status_code == 404:
            return str(self._post("experiments/create", {"name": EXPERIMENT})["experiment_id"])
        answer.raise_for_status()
        return str(answer.json()["experiment"]["experiment_id"])

    def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        answer = self.client.post(self._base + path, json=body)
        answer.raise_for_status()
        found: dict[str, Any] = answer.json()
        return found
