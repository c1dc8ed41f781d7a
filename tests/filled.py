"""A workspace with something at every stage: two laps of the tour in a tiny world, an import with a broken file, long names."""

from pathlib import Path

import numpy as np
from rich.console import Console

from roadloop.client import Client
from roadloop.demo.script import Found, Lap, Script
from roadloop.demo.second_lap import TwoLaps
from roadloop.demo.stage import Stage
from roadloop.imaging.encode import encode_color, encode_label
from roadloop.storage.paths import Workspace

TINY = Script(
    size=(96, 72),
    tracks=4,
    frames=3,
    shares=(0.5, 0.25, 0.25),
    epochs=1,
    batch=4,
    train_con={"optimizer": "adamw", "base_lr": 0.005, "network_settings": {"auxiliary": False, "width": 0.25}},
    again=Lap(drives=2, frames=4, every=9, picks=5, package=4, epochs=1),
)
#: The longest names that there can be, in characters and in bytes.
LONG_EN = "a-name-that-somebody-made-of-all-settings-of-the-run-without-a-single-space-" + "x" * 24
LONG_ZH = ("苏州工业园区隧道早晚高峰雨天夜间湿滑路面施工改道临时标线反光锥桶潮汐车道" * 3)[:80]


def go_round(client: Client, home: Path) -> tuple[Found, Stage]:
    """Two laps of the tour in a tiny world; goes on where it was."""
    stage = Stage(Console(quiet=True), "en")
    return TwoLaps(client, Workspace(home), stage, TINY, processes=1).run(), stage


def fill(url: str, home: Path) -> None:
    """Have a server's workspace hold something at every stage, with long names among them.

    Args:
        url: The server; its annotators work in `imports/annotations` (`settings_of_tour`).
        home: Its workspace.
    """
    with Client(url, "en") as client:
        go_round(client, home)
        folder = home / "imports" / LONG_ZH[:40]
        folder.mkdir(parents=True)
        for stem in ("a", "b"):
            (folder / f"{stem}.jpg").write_bytes(encode_color(np.full((48, 64, 3), 90, np.uint8)))
            (folder / f"{stem}.png").write_bytes(encode_label(np.full((48, 64), 1, np.uint8)))
        (folder / "c.jpg").write_bytes(b"no picture")
        for name in (LONG_EN, LONG_ZH):
            said = {"annotype": "0", "datakind": "0", "imgoprange": "1"}
            ids = [client.post("/offimport", src=f"imports/{folder.name}", dest=name, source="1", **said)["data"]]
            ids += [client.post("/create_net", network_name=name, src_net="enet", net_describe=LONG_ZH)["data"]]
            for task_id in ids:
                client.wait(task_id)
            data = client.post("/create_data", data_name=name, sour_data=name, train=1, val=0, data_desc=LONG_EN)[
                "data"
            ]
            client.wait(data)
            client.post("/create_train", train_name=name, network=name, data=name, task_desc=LONG_ZH)
