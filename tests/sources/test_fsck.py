"""Whether fsck sees that a picture to which a source set only refers is not what was imported."""

import dataclasses
import hashlib
from pathlib import Path

import pytest

from roadloop.sources import fsck
from roadloop.sources.manifest import MANIFEST, Row, format_manifest
from roadloop.storage.paths import Workspace
from roadloop.storage.platform import Platform


@pytest.fixture
def site(platform: Platform, tmp_path: Path) -> Platform:
    """A workspace with a root outside of it, `store`."""
    (tmp_path / "store").mkdir()
    return dataclasses.replace(platform, workspace=Workspace(platform.workspace.home, (f"{tmp_path / 'store'}:ro",)))


def refer(platform: Platform, name: str, *rows: Row) -> None:
    """A set with these rows."""
    (platform.workspace.sources / name).mkdir()
    (platform.workspace.sources / name / MANIFEST).write_bytes(format_manifest(rows))


def said(platform: Platform, *, hashes: bool = True) -> list[str]:
    """What is wrong, with the names of the files alone."""
    return [problem.text.en.rpartition("/")[2] for problem in fsck.referred_files(platform, hashes=hashes)]


def test_referred_files__gone_or_changed_since_the_import(site: Platform, tmp_path: Path) -> None:
    store, sums = tmp_path / "store", {}
    for name in ("same.jpg", "other.jpg", "same.png", "other.png", "unknown.jpg"):
        (store / name).write_text(name)
        sums[name] = hashlib.sha256(name.encode()).hexdigest()
    for name in ("other.jpg", "other.png"):
        (store / name).write_text(name.upper())

    def row(image: str, label: str = "") -> Row:
        there = {"image": str(store / image), "image_sha256": sums.get(image, "")}
        return Row("p", Path(image).stem, **there, label=label and str(store / label), label_sha256=sums.get(label, ""))

    refer(
        site, "苏州", row("gone.jpg", "gone.png"), row("other.jpg", "other.png"), row("same.jpg", "same.png"),
        row("unknown.jpg")._replace(image_sha256=""), Row("p", "own", label=str(store / "never.png")),
    )  # fmt: skip
    gone, changed = (
        ["gone.jpg is missing.", "gone.png is missing."],
        ["other.jpg has changed.", "other.png has changed."],
    )
    assert said(site) == [*gone, *changed]
    assert said(site, hashes=False) == gone


def test_referred_files__what_lies_outside_the_roots_is_left_to_the_claims(site: Platform, tmp_path: Path) -> None:
    (site.workspace.home / "imports").mkdir(exist_ok=True)
    inside = Row("p", "a", image="imports/gone.jpg")
    refer(
        site, "a", Row("p", "b", image=str(tmp_path / "gone.jpg"), label=str(tmp_path / "store" / "gone.png")), inside
    )
    assert said(site) == ["gone.jpg is missing.", "gone.png is missing."]


def test_referred_files__a_manifest_that_is_no_csv_is_named_and_the_other_sets_are_read(site: Platform) -> None:
    for name in ("a", "c"):
        refer(site, name, Row("p", "a", image=f"imports/{name}.jpg"))
    refer(site, "b")
    (site.workspace.sources / "b" / MANIFEST).write_text('package,stem\np,"' + "x" * 200_000)
    (site.workspace.sources / "none").mkdir()
    first, broken, last = (problem.text.en for problem in fsck.referred_files(site, hashes=True))
    assert (Path(first).name, Path(last).name) == ("a.jpg is missing.", "c.jpg is missing.")
    assert broken.startswith(f"{site.workspace.sources / 'b'}: The source set's {MANIFEST} is not valid csv near line ")
