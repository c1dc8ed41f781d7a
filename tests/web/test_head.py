"""HEAD at every address that answers GET, on a real server."""

import re

from live import LiveServer


def test_head__answers_as_get_without_the_body(server: LiveServer) -> None:
    client = server.client(check=False)
    client.headers["accept-encoding"] = "identity"
    described = client.get("/openapi.json").json()["paths"]
    paths = [re.sub(r"\{[^}]+\}", "1", path) for path, item in described.items() if "get" in item]
    paths.remove("/v1/events")  # has no end
    paths.remove("/v1/audit/table")  # has a length that nobody knows
    assert len(paths) > 30
    for path in ["/", "/docs", "/openapi.json", "/static/icon.svg", "/static/none.js", "/none", "/starttask", *paths]:
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        for name in ("content-type", "x-content-type-options", "allow", "etag"):
            assert head.headers.get(name) == got.headers.get(name), path
        if path not in {"/v1/health", "/gups_info", "/gpus_info", "/metrics"}:  # their numbers change
            assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content)), path
    got, head = (ask("/v1/class-tables", headers={"accept-encoding": "gzip"}) for ask in (client.get, client.head))
    assert got.headers["content-encoding"] == head.headers["content-encoding"] == "gzip"
    assert got.headers["content-length"] == head.headers["content-length"]
    for path, asked in (("/v1/jobs", {"all": 1}), ("/v1/events", {}), ("/v1/audit/table", {})):
        stream = client.head(path, params=asked)
        assert (stream.status_code, stream.content) == (200, b"")
    assert client.get("/v1/jobs").status_code == 200  # the connection is good for more
