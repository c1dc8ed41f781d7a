"""Chapter eight, sections 3 to 8, through a real server: divide, push, download, publish."""

from live import LiveServer
from package_data import annotate, mask, write_images
from roadloop.imaging.decode import decode_label
from roadloop.storage.platform import open_platform


def test_chapter_eight__once_round_a_real_server(server: LiveServer) -> None:
    platform = open_platform(server.settings)
    write_images(platform, "20180801", [f"a_{n}.jpg" for n in range(7)])
    client = server.client()

    def call(path: str, status: str, **values: str) -> dict[str, object]:
        reply = client.post(path, data=values).json()
        assert (reply["errno"], reply["message"]) == (1, "success")
        row: dict[str, object] = server.wait(status, reply["data"], client=client)
        assert row["status"] == "completed!", row
        return row

    made = call("/task_divide", "/divide_history", version="20180801", step="5", types="full")
    assert (made["first"], made["last"]) == (1, 2)
    call("/v1/packages/20180801/1/push", "/v1/pushes")
    for number in (1, 2):
        annotate(platform, "20180801", number, lambda stem: mask(int(stem[2:])))
    platform.database.close()
    (server.home / "released/20180801").rename(server.home / "imports/annotations")
    down = call("/linedown", "/line_status", taskid_start="1", taskid_end="2", dest="20180801")
    assert (down["finished"], down["unfinished"]) == (7, 0)
    row = call("/process_label", "/label_history", version="20180801", types="lane")
    labels = sorted((server.home / "sources" / str(row["name"])).rglob("a_*.png"))
    assert [int((decode_label(p.read_bytes()) != mask(int(p.stem[2:]))[4:]).sum()) for p in labels] == [0] * 7
    assert [p["returned"] for p in client.get("/v1/packages").json()["data"]] == [5, 2]
