"""HEAD at every address that answers GET, on a real server."""

import re

from live import LiveServer


def test_head__answers_as_get_without_the_body(server: LiveServer) -> None:
    client = server.client(check=False)
    described = client.get("/openapi.json").json()["paths"]
    paths = [re.sub(r"\{[^}]+\}", "1", path) for path, item in described.items() if "get" in item]
    assert len(paths) > 30
    for path in ["/", "/docs", "/openapi.json", "/static/icon.svg", "/static/none.js", "/none", "/starttask", *paths]:
        got, head = client.get(path), client.head(path)
        assert (head.status_code, head.content) == (got.status_code, b""), path
        for name in ("content-type", "x-content-type-options", "allow", "etag"):
            assert head.headers.get(name) == got.headers.get(name), path
        if path not in {"/v1/health", "/gups_info", "/gpus_info", "/metrics"}:  # their numbers change
            assert head.headers["content-length"] == got.headers["content-length"] == str(len(got.content)), path
    stream = client.head("/v1/jobs", params={"all": 1})
    assert (stream.status_code, stream.content) == (200, b"")
    assert client.get("/v1/jobs").status_code == 200  # the connection is good for more
