"""Looking at folders before and after an import: what could be chosen, and what became of each file with its picture."""

from collections.abc import Callable
from pathlib import Path

import pytest
from fastapi.testclient import TestClient

import import_folders as folders
from roadloop.jobs.queue import Job
from roadloop.settings import Settings
from roadloop.sources.importers.recognise import LAYOUTS
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], Job]


@pytest.fixture
def settings(settings: Settings, tmp_path: Path) -> Settings:
    """With one read-only root."""
    (tmp_path / "store" / "2024").mkdir(parents=True)
    return settings.model_copy(update={"roots": (f"{tmp_path / 'store'}:ro",)})


def test_folders__one_level_at_a_time(client: TestClient, platform: Platform, tmp_path: Path) -> None:
    folders.plain(platform.workspace.imports / "苏州")
    folders.put(platform.workspace.imports / "苏州" / "more.zip", b"")
    store, imports = str(tmp_path / "store"), platform.workspace.imports

    def look(path: str = "") -> dict[str, object]:
        found: dict[str, object] = client.get("/v1/imports/folders", params={"path": path}).json()["data"]
        assert found.pop("imports") == str(imports)
        return found

    top = look()
    assert top == {
        "path": "", "above": None, "files": 0, "pictures": 0, "archives": [], "total": 2,
        "folders": [{"name": "imports", "path": "imports"}, {"name": store, "path": store}],
    }  # fmt: skip
    assert look("imports")["folders"] == [{"name": "苏州", "path": "imports/苏州"}]
    assert look("imports")["above"] == ""
    inner = look("苏州")
    assert (inner["path"], inner["above"], inner["files"]) == ("imports/苏州", "imports", 1)
    assert inner["archives"] == ["more.zip"]
    assert (look("imports/苏州/1")["files"], look("imports/苏州/1")["pictures"]) == (4, 4)
    assert look(store)["folders"] == [{"name": "2024", "path": f"{store}/2024"}]
    assert look(f"{store}/2024")["above"] == store
    assert client.get("/v1/imports/folders", params={"path": "datasets"}).json()["error"] == "path_outside"
    assert client.get("/v1/imports/folders", params={"path": "/etc"}).json()["error"] == "path_outside"
    assert client.get("/v1/imports/folders", params={"path": "imports/none"}).json()["error"] == "not_found"


def test_layouts__all_that_there_are_with_their_signs(client: TestClient) -> None:
    found = client.get("/v1/imports/layouts", headers={"Accept-Language": "en"}).json()["data"]
    assert [one["name"] for one in found] == list(LAYOUTS)
    assert {"name": "voc", "signs": "JPEGImages/ and SegmentationClass/"} in found
    found = client.get("/v1/imports/layouts", headers={"Accept-Language": "zh"}).json()["data"]
    assert {"name": "voc", "signs": "有 JPEGImages/ 与 SegmentationClass/"} in found


def test_outcomes__bad_files_with_reason_and_picture(client: TestClient, platform: Platform, run_job: RunJob) -> None:
    source = platform.workspace.imports / "in"
    folders.plain(source)
    folders.put(source / "1" / "broken_1.jpg", folders.jpeg()[:200])
    folders.put(source / "1" / "broken_1.png", folders.png())
    folders.put(source / "1" / "=alone.jpg", folders.jpeg())
    (source / "1" / "out.jpg").symlink_to("/etc/hostname")
    preview = client.post("/v1/imports/preview", json={"src": "in"}).json()["data"]
    assert client.get(f"/v1/imports/{preview}/files").json()["error"] == "not_found"
    run_job(platform, preview)
    imported = client.post("/offimport", json={"src": "in", "dest": "set"}).json()["data"]
    run_job(platform, imported)
    english = {"accept-language": "en"}
    for task_id in (preview, imported):
        answer = client.get(f"/v1/imports/{task_id}/files", headers=english).json()
        rows = {row["file"]: row for row in answer["data"]}
        assert set(rows) == {"1/=alone.jpg", "1/broken_1.jpg", "1/broken_1.png", "1/out.jpg"}
        assert answer["total"] == 4
        assert rows["1/broken_1.jpg"]["outcome"] == "broken"
        assert rows["1/=alone.jpg"]["reason"].startswith("A picture without a label")
        picture = client.get(rows["1/=alone.jpg"]["url"])
        assert (picture.headers["content-type"], picture.content) == ("image/jpeg", folders.jpeg())
        assert client.get(rows["1/out.jpg"]["url"]).json()["error"] == "path_outside"
        second = client.get(f"/v1/imports/{task_id}/files", params={"page": 2, "page_size": 3}).json()
        assert (len(second["data"]), second["total"]) == (1, 4)
        added = client.get(f"/v1/imports/{task_id}/files", params={"outcome": "added"}).json()
        assert added["total"] == 4
        assert client.get(f"/v1/imports/{task_id}/files", params={"outcome": "nonsense"}).json()["total"] == 0
        for file, error in (
            ("../../roadloop.db", "path_outside"),
            ("/etc/a.png", "path_outside"),
            ("1/x.jpg", "not_found"),
        ):
            assert client.get(f"/v1/imports/{task_id}/picture", params={"file": file}).json()["error"] == error
    assert client.get("/v1/imports/nobody/files").json()["error"] == "not_found"
    assert client.get("/v1/imports/nobody/picture", params={"file": "a.jpg"}).json()["error"] == "not_found"
