"""A form of a task's settings: what /v1/tasks/{task_id}/settings says of every key, and of what the settings lead to."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from roadloop.errors import Text
from roadloop.networks.folder import about, list_templates, read_defaults, template_folder
from roadloop.training import outlook as ahead
from roadloop.training.recipe import DataConfig, TrainConfig
from roadloop.training.settings_form import GROUPS
from roadloop.web.reference import chinese

ROOT = Path(__file__).parents[2]


def looked(site: Any, task: str, language: str, **given: Any) -> Any:
    reply = site.client.post(f"/v1/tasks/{task}/settings", json=given, headers={"Accept-Language": language})
    assert reply.status_code == 200
    return reply.json()["data"]


def test_groups__hold_every_key_once() -> None:
    keys = [key for _title, some in GROUPS.values() for key in some]
    assert sorted(keys) == sorted([*TrainConfig.model_fields, *DataConfig.model_fields])


def test_fields__say_what_docs_training_says(site: Any) -> None:
    task = site.create()
    fields = looked(site, task, "en")["fields"]
    rows = re.findall(
        r"^\| `(\w+)` \|.*?\| (.*) \| ([^|]*) \|$", (ROOT / "docs" / "training.md").read_text(), re.MULTILINE
    )
    assert {(key, values.replace("`", ""), meaning) for key, values, meaning in rows} == {
        (field["key"], field["values"], field["meaning"]) for field in fields
    }
    zh = looked(site, task, "zh")["fields"]
    assert all(chinese()[a["meaning"]] == b["meaning"] for a, b in zip(fields, zh, strict=True))
    named = {field["key"]: (field["name"], other["name"]) for field, other in zip(zh, fields, strict=True)}
    assert named["momentum"] == ("动量", "Momentum")
    assert len(set(named.values())) == len(named)
    assert all(re.search("[一-鿿]", chinese_name) for chinese_name, _ in named.values())
    one = {field["key"]: field for field in zh}
    assert one["batch_size"]["values"] == "整数 ≥ 1, ≤ 4096"
    assert (one["scale"]["kind"], one["steps"]["kind"], one["optimizer"]["choices"]) == (
        "numbers",
        "numbers",
        ["sgd", "adamw"],
    )


def test_defaults__say_where_they_come_from(site: Any) -> None:
    task = site.create()
    found = looked(site, task, "en", train_con={"batch_size": 3})
    fields = {field["key"]: field for field in found["fields"]}
    pictures = found["outlook"]["pictures"]
    assert fields["momentum"]["default"] == 0.9
    assert fields["momentum"]["origin"] == "usual default"
    assert fields["model"]["default"] == found["saved"]["train_con"]["model"]
    assert fields["num_epoch"]["origin"].startswith(f"from {pictures} training pictures and batches of 3")
    assert fields["num_epoch"]["default"] == found["train_con"]["num_epoch"] == max(300, 10_000 // (pictures // 3))
    assert fields["crop"]["origin"].startswith("from the most frequent size")
    stored = site.get("/train_configs", task_id=task)["data"]
    assert stored["num_epoch"] is None  # nothing was written


def test_errors__stand_at_their_keys_all_at_once(site: Any) -> None:
    task = site.create()
    given = {"train_con": {"batch_size": 0, "base_lr": "much", "steps": "20,10"}, "data_con": {"flip": 3, "turn": 1}}
    found = looked(site, task, "en", gpus="99", **given)
    errors = {(error["where"], error["key"]): error["message"] for error in found["errors"]}
    assert set(errors) == {
        ("train_con", "batch_size"), ("train_con", "base_lr"), ("train_con", "steps"), ("data_con", "flip"), ("data_con", "turn"),
        ("", "gpus"),
    }  # fmt: skip
    assert "greater than or equal to 1" in errors["train_con", "batch_size"]
    zh = {error["key"]: error["message"] for error in looked(site, task, "zh", **given)["errors"]}
    assert zh["batch_size"] == "train_con: batch_size 的值 0 无效（应不小于 1）。"
    assert zh["base_lr"] == "train_con: base_lr 的值 'much' 无效（应为数字）。"
    assert "there is no key 'turn'" in errors["data_con", "turn"]
    assert found["train_con"]["batch_size"] == found["saved"]["train_con"]["batch_size"]


def test_outlook__counts_steps_memory_and_time(site: Any) -> None:
    from roadloop.training.service import facts_of, read_task  # noqa: PLC0415

    platform = site.platform
    facts = facts_of(platform, read_task(platform, site.create()))
    n = facts.pictures(DataConfig())
    train = TrainConfig(num_epoch=100, batch_size=n, accumulate=1)
    data = DataConfig(crop=(180, 240))
    cost = ahead.Cost(parameters=1000, multiply_adds=4_000_000_000, kept_bytes=100, pace=1e9)
    found = ahead.outlook(train, data, facts, cost, ahead.Host(0, 2, None))
    assert (found.steps_per_epoch, found.total_steps, found.at_once) == (1, 100, n)
    assert found.memory_bytes == 1000 * 4 * 3 + n * 180 * 240 * 100
    assert f"{n} × 180 × 240 pixels × 100 bytes" in found.memory_basis.en
    assert "not measured here" in found.memory_basis.en
    unknown = ahead.outlook(train, data, facts, ahead.Cost(1000), ahead.Host(0, 2, None))
    assert (unknown.memory_bytes, unknown.memory_basis.en[:9]) == (None, "not known")
    assert found.images_per_second == 2.0  # two cores of 1 G a second, a quarter of 4 G for each picture
    assert found.seconds == 100 * n / 2
    earlier = ahead.Pace("before", 6.0, (180, 480), 1)
    assert ahead.outlook(train, data, facts, cost, ahead.Host(2, 2, earlier)).images_per_second == 24.0
    assert ahead.outlook(train, data, facts, cost, ahead.Host(1, 2, None)).seconds is None
    half = train.model_copy(update={"optimizer": "adamw", "ema_decay": 0.9, "precision": "bf16"})
    assert ahead.outlook(half, data, facts, cost, ahead.Host(0, 2, None)).memory_bytes == 20_000 + n * 180 * 240 * 50


@pytest.mark.parametrize("training", [None, [], {"kept_bytes_per_pixel": "x"}, {"kept_bytes_per_pixel": float("nan")}])
def test_cost__of_an_edited_about_json_is_what_can_be_read(site: Any, training: Any) -> None:
    from roadloop.training.look import cost_of  # noqa: PLC0415

    (site.platform.workspace.networks / "c_network" / "about.json").write_text(json.dumps({"training": training}))
    assert cost_of(site.platform, "c_network") == ahead.Cost()
    (site.platform.workspace.networks / "c_network" / "about.json").write_text("{")
    assert cost_of(site.platform, "c_network") == ahead.Cost()


def test_warning__a_cpu_that_needs_days_is_said() -> None:
    found = ahead.Outlook(367, 45, 14_985, 8, None, 0.1, 10 * 86400.0, None, Text("", ""))
    text = ahead.warning(found, TrainConfig(num_epoch=333), gpus=0)
    assert text is not None
    assert text.en.startswith(
        "333 epochs take about 10 days on the CPU. Choose a GPU, fewer epochs (33 take about a day)"
    )
    assert ahead.warning(found, TrainConfig(num_epoch=333), gpus=1) is None


@pytest.mark.parametrize(
    ("seconds", "words"), [(20, "a minute"), (90, "1.5 minutes"), (7200, "2 hours"), (86400 * 9.6, "10 days")]
)
def test_span__rounds_as_an_estimate(seconds: float, words: str) -> None:
    assert ahead.span(seconds).en == words


@pytest.mark.parametrize("name", [name for name in list_templates() if "." not in name])
def test_about__says_what_the_readme_says(name: str) -> None:
    folder = template_folder(name)
    said, readme = about(folder), (folder / "README.md").read_text(encoding="utf-8")
    assert f"arXiv:{said['paper']['arxiv']}" in readme
    assert said["paper"]["title"].split(":")[0] in readme.replace("\n", " ")
    assert f"{said['cost']['parameters']:,}" in readme
    assert f"{said['cost']['multiply_adds'] / 1e9:.2f}".rstrip("0") in readme
    assert set(said["words"]) == {"zh", "en"}
    assert read_defaults(folder, "train.json")
