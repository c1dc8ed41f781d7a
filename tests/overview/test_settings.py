"""The settings as the page shows them: all of them, each with its origin, none with a secret."""

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from roadloop.jobs.registry import SECRETS as KEPT_FROM_JOBS
from roadloop.overview.meanings import ADDRESSES, GROUPS, SECRETS
from roadloop.overview.service import settings_of
from roadloop.settings import PREFIX, Settings


def test_groups__have_every_setting_once_in_chinese() -> None:
    named = [name for group in GROUPS.values() for name in group.meanings]
    assert sorted(named) == sorted(Settings.model_fields)
    assert all(any("一" <= c <= "鿿" for c in text) for group in GROUPS.values() for text in group.meanings.values())


def test_secrets__and_addresses_are_all_that_jobs_are_not_told() -> None:
    assert KEPT_FROM_JOBS.keys() <= SECRETS | ADDRESSES


def rows(settings: Settings) -> dict[str, tuple[str, str]]:
    return {row["name"]: (row["value"], row["origin"]) for row in settings_of(settings, "en")}


def test_settings__say_where_each_value_comes_from(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(f"{PREFIX}PORT", "8700")
    monkeypatch.setenv(f"{PREFIX}OTHER_SLOTS", "3")
    monkeypatch.setenv(f"{PREFIX}ROOTS", '["/data:ro", "/道路"]')
    found = rows(Settings(port=8800, home=Path("/srv/roads")))
    assert found["port"] == ("8800", "option")
    assert found["home"] == ("/srv/roads", "option")
    assert found["other_slots"] == ("3", "environment")
    assert found["roots"] == ('["/data:ro", "/道路"]', "environment")
    assert found["training_slots"] == ("1", "default")


def test_settings__show_no_secret() -> None:
    told = Settings(
        label_studio_token="planted",
        label_studio_url="http://me:planted@labels:8080/x?token=planted",
        database_url="postgresql://me:planted@host/name?password=planted",
        mlflow_url="planted:no//address",
        track_service_url="http://[planted",
    )
    found = rows(told)
    assert "planted" not in str(found)
    assert found["label_studio_token"][0] == "***"
    assert found["label_studio_url"][0] == "http://labels:8080/x"
    assert found["database_url"][0] == "postgresql://host/name"
    assert rows(Settings())["label_studio_token"] == ("", "default")


def test_endpoint__speaks_both_languages(client: TestClient) -> None:
    for language, title, meaning in (("zh", "保留多久", "0：从不。"), ("en", "What is kept how long", "0: never.")):
        reply = client.get("/v1/settings", headers={"Accept-Language": language}).json()
        assert title in [group["title"] for group in reply["groups"]]
        assert next(row for row in reply["data"] if row["name"] == "log_keep_days")["meaning"].endswith(meaning)
