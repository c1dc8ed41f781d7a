"""Chapter 六 through a real server: every answer fits the API description, jobs run in processes of their own."""

from live import LiveServer
from mining_data import write_drives, write_network
from roadloop.storage.platform import open_platform


def test_chapter_six__through_a_real_server(server: LiveServer) -> None:
    platform = open_platform(server.settings)
    write_drives(platform)
    write_network(platform.workspace.tasks / "suzhou" / "output" / "models")
    platform.database.close()
    client = server.client(language="zh")
    sample = {"output_dir": "images/20180731", "ratio": "1", "track_file": "tracks.txt", "isshuffle": "1"}
    answer = client.post("/sam_value", data=sample)
    assert answer.json() == {"errno": 1, "message": "success", "data": answer.json()["data"]}
    row = server.wait("/auto_sam", answer.json()["data"])
    assert (row["status"], row["summary"]["pictures"]) == ("completed!", 1)
    mine = {**sample, "output_dir": "images/v2", "ratio": "10%", "gpus": "", "weights_dir": "suzhou", "control": "2"}
    answer = client.post("/sele_value", json=mine)
    assert answer.json()["message"] == "success", answer.text
    row = server.wait("/auto_sele", answer.json()["data"], seconds=120)
    assert (row["status"], row["summary"]["pictures"], row["summary"]["control"]) == ("completed!", 2, 2)
    for filler in ("/data/", "/data"):
        assert client.post("/sele_value", json={**mine, "output_dir": filler}).status_code == 403
    base = f"/v1/selections/{answer.json()['data']}"
    for path in ("report", "table", "sheet/mined"):
        assert client.get(f"{base}/{path}").status_code == 200
    assert client.get(f"{base}/compare", params={"mined": "suzhou", "control": "suzhou"}).status_code == 409
