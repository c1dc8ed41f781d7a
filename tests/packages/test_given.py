"""Packages that are given to people: an annotator sees their own, and nothing of the others."""

from collections.abc import Callable
from typing import Any

from package_data import write_images
from roadloop.storage.platform import Platform
from signed_in import Team, audit, make_each


def test_annotator__sees_the_packages_given_to_them_and_nothing_else(
    platform: Platform, divide: Callable[..., Any]
) -> None:
    write_images(platform, "v1", [f"t/{n:04d}.jpg" for n in range(6)])
    divide("v1", 2)
    make_each(platform)
    team = Team(platform)
    engineer, annotator = team.browser("engineer"), team.browser("annotator")
    numbers = [row["number"] for row in engineer.get("/v1/packages").json()["data"]]
    mine, other = numbers[:2]
    assert annotator.get("/v1/packages").json()["data"] == []
    assert annotator.get(f"/v1/packages/v1/{mine}/pictures").status_code == 403

    given = engineer.post(f"/v1/packages/v1/{mine}/give", json={"person": "Annotator"})
    assert given.json()["data"] == "annotator"
    seen = annotator.get("/v1/packages").json()["data"]
    assert [(row["number"], row["person"], row["state"]) for row in seen] == [(mine, "annotator", "given")]
    assert seen[0]["cut_at"] <= seen[0]["given_at"]
    old = annotator.get("/api/label_tasks").json()["data"]  # the same list for an older front-end
    assert [row["id_code"] for row in old] == [mine]
    assert annotator.get("/api/label_status", params={"task_id": str(mine)}).json()["errno"] == 1
    assert annotator.get("/api/label_status", params={"task_id": str(other)}).json()["errno"] == 0
    pictures = annotator.get(f"/v1/packages/v1/{mine}/pictures").json()["data"]
    assert len(pictures) == 2
    assert annotator.get(pictures[0]["image_url"]).status_code == 200
    for spelled in (str(mine), f"0{mine}"):
        assert annotator.get(f"/v1/packages/v1/{spelled}/pictures").status_code == 200
    for spelled in (str(other), f"0{other}", f"{mine}.0", f" {mine}", "-1", "x", "9" * 30):
        refused = annotator.get(f"/v1/packages/v1/{spelled}/pictures")
        assert refused.status_code == 403, spelled
    assert annotator.get(f"/v1/packages/v1/{other}/pictures?n={mine}&number={mine}").status_code == 403
    name = pictures[0]["image_url"].rpartition("/")[2]
    for kind in ("picture", "label"):
        assert annotator.get(f"/v1/packages/v1/{other}/{kind}/{name}").status_code == 403
    for hidden in ("/v1/packages/versions", "/v1/packages/v1/rejected", "/v1/annotation/v1", "/v1/jobs", "/v1/overview",
                   "/v1/sources", "/v1/accounts", "/v1/events", "/metrics"):  # fmt: skip
        assert annotator.get(hidden).status_code == 403, hidden

    assert engineer.post(f"/v1/packages/v1/{mine}/give", json={"person": ""}).json()["data"] == ""
    assert annotator.get(f"/v1/packages/v1/{mine}/pictures").status_code == 403
    assert [line for line in audit(platform, "who", "what") if line[1] == "give_package"] == [
        ("engineer", "give_package")
    ] * 2


def test_give__names_a_package_and_a_person_that_are_there(platform: Platform, divide: Callable[..., Any]) -> None:
    write_images(platform, "v1", ["t/0001.jpg"])
    divide("v1", 2)
    make_each(platform)
    client = Team(platform).browser("engineer")
    number = client.get("/v1/packages").json()["data"][0]["number"]
    assert client.post(f"/v1/packages/v1/{number}/give", json={"person": "nobody"}).status_code == 404
    assert client.post("/v1/packages/v1/999/give", json={"person": "annotator"}).status_code == 404
