"""A server in which the deployed front-end has been through a whole journey: data, network, training, evaluation."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from live import LiveServer
from old_client import OldClient
from roadloop.demo.write import Drives, write_source_set, write_tracks
from roadloop.settings import Settings
from roadloop.storage.paths import Workspace

SET = "lane-all-20180710"
MORE = "lane-aug-20180801"
SIZE = (96, 72)
#: A small Fast-SCNN, so that training takes seconds.
SMALL = {"network_settings": {"auxiliary": False, "width": 0.25}}


@dataclass
class Made:
    """The server, the client, and the ids that it was answered."""

    live: LiveServer
    client: OldClient
    ids: dict[str, str] = field(default_factory=dict)
    tracks: list[str] = field(default_factory=list)
    model: str = ""

    @property
    def home(self) -> Path:
        """The workspace."""
        return self.live.home


@contextmanager
def journey(folder: Path) -> Iterator[Made]:
    """What the pages 训练 and 模型 have led to, each by its forms."""
    home = folder / "home"
    live = LiveServer(
        Settings(
            home=home, port=0, lease_seconds=5, sweep_seconds=1, poll_seconds=0.05, min_free_mib=0, torch_threads=1,
            client_origins=("http://front.example:8080",),
        )
    )  # fmt: skip
    live.start()
    one = Made(live, OldClient(f"{live.url}/api/"))
    try:
        write_source_set(Workspace(home), SET, [Drives("suzhou", range(6), 4, size=SIZE)], processes=1)
        write_source_set(Workspace(home), MORE, [Drives("suzhou", range(6, 7), 2, size=SIZE)], processes=1)
        one.tracks = write_tracks(home / "tracks", [Drives("suzhou", range(20, 22), 30, size=SIZE)], processes=1)
        (home / "tracks.txt").write_text("\n".join(one.tracks))
        go_round(one)
        yield one
    finally:
        one.client.close()
        live.close()


def go_round(made: Made) -> None:
    """Build, create, map, start, evaluate, release: what each form sends, as it sends it."""
    client, ids = made.client, made.ids
    ids["net"] = client.started("/create_net", network_name="c_network", src_net="fast-scnn", net_descr="神经网络")
    ids["data"] = client.started(
        "/create_data", data_name="20180801", data_type="all", images_type="full", sour_data=SET, types="semantic-segmentation",
        thread="2", train="0.5", val="0.25", test="0.25", l_value=True, data_desc="苏州数据",
    )  # fmt: skip
    client.finished("/data_history", ids["data"])
    made.live.wait("/network_history", ids["net"])
    ids["train"] = create(made, "suzhou")
    shown = client.post("/maps?taskName=suzhou", task_id=ids["train"])["data"]
    chosen = {raw: [*entry, entry[0]] for one in shown for raw, entry in one.items()}
    assert client.post("/save_map", map_value=chosen, task_id=ids["train"])["errno"] == 1
    start(made, ids["train"], epochs=1)
    trained = made.live.wait("/train_history", ids["train"], seconds=200)
    assert trained["state"] == "succeeded", trained
    made.model = next(name for name in client.get("/model", page=1)["data"]["suzhou"] if name.endswith(".params"))
    ids["evaluation"] = evaluate(made)
    client.finished("/eva_rate", ids["evaluation"])


def create(made: Made, name: str, **more: object) -> str:
    """Step 1 of 创建训练任务."""
    form = {
        "train_name": name, "host": "", "image_type": "full", "network": "c_network", "data": "20180801",
        "types": "semantic-segmentation", "maps": "default", "task_desc": "苏州任务", "parallel_bool": "",
    }  # fmt: skip
    return made.client.started("/create_train", **{**form, **more})


def start(made: Made, task_id: str, *, epochs: int) -> None:
    """Step 3 of 创建训练任务: both configurations go back as pretty-printed text."""
    train = json.loads(made.client.get("/train_config", task_id=task_id)["data"]) | SMALL
    data = json.loads(made.client.get("/data_config", task_id=task_id)["data"])
    answer = made.client.post(
        "/starttask", data_type="all", num_classes=str(train["num_classes"]), gpus="", batch_size="4", num_epoch=str(epochs),
        steps="10000,20000", base_lr="0.014", model="kd_suzhou", weights="", train_con=json.dumps(train, indent=4),
        data_con=json.dumps(data, indent=4), start_date="2018-07-31 12:22", task_id=task_id,
    )  # fmt: skip
    assert answer["errno"] == 1, answer


def evaluate(made: Made) -> str:
    """评估 of the page 模型, of its first type."""
    return made.client.started(
        "/starteva", dicts={"suzhou": [made.model]}, type="full", img="dataset:20180801/val", gpus="", single_gpu="2", host="",
        output_confidence=False, l_value=True,
    )  # fmt: skip
