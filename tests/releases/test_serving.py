"""What serves where, by hand; and its bundle as one file."""

import io
import zipfile
from typing import Any

import pytest
from fastapi.testclient import TestClient

from released import released
from roadloop.jobs.states import JobState
from roadloop.releases import adcodes, bundle
from roadloop.storage.platform import Platform


def serving(client: TestClient, **asked: Any) -> list[tuple[str, str, str, str | None]]:
    reply = client.get("/v1/releases/serving", params=asked).json()
    return [
        (one["now"]["env"], one["now"]["place"], one["now"]["version"], one["before"] and one["before"]["version"])
        for one in reply["data"]
    ]


@pytest.fixture
def many(platform: Platform) -> dict[str, str]:
    """Two environments, two places in one of them; the newest releases there have not succeeded, or are of another category."""
    states = {"running": JobState.RUNNING, "failed": JobState.FAILED}
    rows = [
        ("1", "线上", "320500"), ("2", "线上", "320500"), ("3", "线上", "320500"), ("2", "线上", "0"), ("9", "测试", "0"),
        ("running", "线上", "320500"), ("failed", "灰度", "0"),
    ]  # fmt: skip
    ids = {
        f"{version} {env}": released(platform, version, env, code, state=states.get(version, JobState.SUCCEEDED))
        for version, env, code in rows
    }
    released(platform, "77", "线上", "320500", category="路牌")
    return ids


@pytest.mark.usefixtures("many")
def test_serving__the_newest_of_each_place_and_the_one_before(client: TestClient) -> None:
    expected = [("测试", "", "9", None), ("线上", "", "2", None), ("线上", "江苏省苏州市", "3", "2")]
    assert serving(client) == expected
    assert serving(client, type="路牌") == [("线上", "江苏省苏州市", "77", None)]
    assert serving(client, type="灯杆") == []
    assert client.get("/v1/releases/serving").json()["categories"] == ["车道线", "路牌", "灯杆"]
    assert serving(client, limit=2) == expected[:2]
    assert serving(client, env="线上", adcode="0") == expected[2:]
    assert serving(client, env="线上", adcode="320500") == []


@pytest.mark.usefixtures("many")
def test_history__of_a_place_newest_first_and_on_from_one(client: TestClient) -> None:
    asked = {"type": "车道线", "env": "线上", "adcode": "320500"}
    rows = client.get("/v1/releases/place", params=asked).json()["data"]
    assert [row["version"] for row in rows] == ["3", "2", "1"]
    older = client.get("/v1/releases/place", params={**asked, "before": rows[0]["id"], "limit": 1}).json()["data"]
    assert [row["version"] for row in older] == ["2"]
    assert client.get("/v1/releases/place", params={**asked, "adcode": "320600"}).json()["data"] == []


def test_bundle__is_a_zip_of_what_the_release_holds(
    client: TestClient, platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bundle, "PIECE_BYTES", 1000)
    files = {"kd.params": bytes(range(256)) * 10, "release.json": b"{}", "empty": b""}
    released(platform, "1", "线上", "320500", files=files)
    row = client.get("/v1/releases").json()["data"][0]
    answer = client.get(f"/v1/releases/{row['id']}/bundle")
    assert answer.headers["content-type"] == "application/zip"
    assert "filename=\"release-1.zip\"; filename*=UTF-8''%E8%BD%A6" in answer.headers["content-disposition"]
    with zipfile.ZipFile(io.BytesIO(answer.content)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == {
            f"车道线-1-线上-320500/{name}": content for name, content in files.items()
        }
    (platform.workspace.home / row["folder"] / "kd.params").unlink()
    gone = client.get(f"/v1/releases/{row['id']}/bundle", headers={"accept-language": "en"})
    assert (gone.status_code, gone.json()["message"]) == (
        404,
        "models/车道线/1/线上-320500 lacks kd.params; roadloop fsck says what is damaged.",
    )
    assert client.get("/v1/releases/2/bundle").status_code == 404
    released(platform, "2", state=JobState.RUNNING)
    assert client.get("/v1/releases/2/bundle").status_code == 404  # not published


@pytest.mark.parametrize(
    ("adcode", "name"),
    [
        ("320500", "江苏省苏州市"), ("320000", "江苏省"), ("320506", "江苏省苏州市吴中区"), ("110105", "北京市朝阳区"),
        ("429004", "湖北省仙桃市"), ("441900", "广东省东莞市"), ("810000", "香港特别行政区"), ("990000", ""), ("0", ""),
    ],
)  # fmt: skip
def test_full_name__province_city_county(adcode: str, name: str) -> None:
    assert adcodes.full_name(adcode) == name


def test_adcodes__by_digits_and_by_name(client: TestClient) -> None:
    def found(text: str, limit: int = 3) -> list[tuple[str, str]]:
        reply = client.get("/v1/adcodes", params={"q": text, "limit": limit}).json()
        return [(one["adcode"], one["name"]) for one in reply["data"]]

    assert found("苏州", 2) == [("320500", "江苏省苏州市"), ("320505", "江苏省苏州市虎丘区")]
    assert found("3205", 2) == [("320500", "江苏省苏州市"), ("320505", "江苏省苏州市虎丘区")]
    assert found(" 110000 ") == [("110000", "北京市")]
    assert found("没有") == []
    assert len(found("", 200)) == 200
    # Every province, and every city below one that has cities.
    assert len(adcodes.table()) == 3351
    assert sum(code.endswith("0000") for code in adcodes.table()) == 34
