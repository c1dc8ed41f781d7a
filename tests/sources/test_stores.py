"""Imports from object stores: as from a folder, to the byte; and what is said when a store, or an object, is not as it was."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

import import_folders as folders
from import_folders import ids, jpeg
from imported import labels_of, report_rows
from roadloop.cli.main import app
from roadloop.errors import ObjectStoreError, PathOutsideError
from roadloop.imaging.encode import encode_label
from roadloop.jobs.queue import Job
from roadloop.settings import Settings
from roadloop.sources.check import Checked, check_sample
from roadloop.sources.export_set import export_set
from roadloop.sources.fsck import referred_files
from roadloop.sources.health.examine import examine, list_samples
from roadloop.sources.health.look import Examiner
from roadloop.sources.health.recipe import HealthRecipe
from roadloop.sources.layout import Problem
from roadloop.sources.manifest import read_manifest
from roadloop.sources.service import claims, open_set, scan
from roadloop.storage import objects
from roadloop.storage.platform import Platform
from s3_server import Bucket

Import = Callable[..., Job]
LAYOUTS = (folders.plain, folders.cityscapes, folders.camvid_colors, folders.coco_panoptic, folders.label_studio)


@pytest.fixture
def settings(settings: Settings, bucket: Bucket) -> Settings:
    """With the place `team` of a bucket among the roots."""
    return settings.model_copy(update={"roots": (f"s3://{bucket.name}/team",)})


def outcomes(platform: Platform, job: Job) -> list[tuple[str, str, str]]:
    return [(row["file"], row["place"], row["outcome"]) for row in report_rows(platform, job)]


@pytest.mark.parametrize("write", LAYOUTS)
def test_offimport__what_lies_in_a_store_comes_in_as_from_a_folder(
    platform: Platform, bucket: Bucket, bring: Import, write: Callable[[Path], None]
) -> None:
    here = platform.workspace.imports / "in"
    write(here)
    (here / ".hidden").write_bytes(b"x")
    bucket.put_folder(here, "team/in")
    bucket.put("team/in/images/", b"")  # the mark of a folder
    bucket.put("team/inner/1/other_1.jpg", jpeg(1))
    src = f"s3://{bucket.name}/team/in"
    for mode in ("reference", "copy"):
        local = bring(dest=f"here-{mode}", **{"import": mode})
        stored = bring(src=src, dest=f"stored-{mode}", **{"import": mode})
        assert outcomes(platform, stored) == outcomes(platform, local)
        assert stored.result == local.result
        assert labels_of(platform, f"stored-{mode}") == labels_of(platform, f"here-{mode}")
    copied, kept = (open_set(platform.workspace, f"{where}-copy").path for where in ("stored", "here"))
    names = {p.relative_to(copied) for p in copied.rglob("*") if p.is_file()} - {
        Path("import.json"),
        Path("manifest.json"),
    }
    assert all((copied / name).read_bytes() == (kept / name).read_bytes() for name in names)
    rows = read_manifest(open_set(platform.workspace, "stored-reference").path).values()
    assert rows
    assert all(row.image.startswith(f"{src}/") for row in rows)
    assert not any(p.suffix in {".jpg", ".jpeg"} for p in (platform.workspace.sources / "stored-reference").rglob("*"))


def test_export__pictures_of_a_store_are_copied_where_others_are_linked(
    platform: Platform, bucket: Bucket, bring: Import, tmp_path: Path
) -> None:
    bucket.put("team/in/1/t_1.jpg", jpeg(1))
    bucket.put("team/in/1/t_1.png", encode_label(ids(2, 0)))
    bring(src=f"s3://{bucket.name}/team/in", **{"import": "reference"})
    source, out = open_set(platform.workspace, "苏州"), tmp_path / "out"
    done = export_set(source, "pairs", out, link=True, max_pixels=10**6, progress=lambda _done, _total: None)
    assert (done.pictures, done.problems) == (1, ())
    assert next(out.rglob("t_1.jpg")).read_bytes() == jpeg(1)


def test_import__at_the_terminal_a_copy_comes_from_any_prefix_and_a_reference_from_the_roots(
    platform: Platform, bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ROADLOOP_HOME", str(platform.workspace.home))
    monkeypatch.setenv("ROADLOOP_ROOTS", json.dumps(platform.settings.roots))
    for place in ("team/in", "other/in"):
        bucket.put(f"{place}/1/t_1.jpg", jpeg(1))
        bucket.put(f"{place}/1/t_1.png", encode_label(ids(2, 0)))
    for place, name, more in (("other/in", "copied", ()), ("team/in", "referred", ("--reference",))):
        done = CliRunner().invoke(app, ["import", f"s3://{bucket.name}/{place}", "--name", name, *more])
        assert f"1 picture -> source set {name}" in done.output, done.output
        assert len(scan(open_set(platform.workspace, name)).samples) == 1
    with pytest.raises(PathOutsideError):
        CliRunner().invoke(
            app, ["import", f"s3://{bucket.name}/other/in", "--name", "x", "--reference"], catch_exceptions=False
        )


def test_offimport__again_adds_what_is_new_in_the_store(platform: Platform, bucket: Bucket, bring: Import) -> None:
    src = f"s3://{bucket.name}/team/in"
    bucket.put("team/in/1/t_1.jpg", jpeg(1))
    bucket.put("team/in/1/t_1.png", encode_label(ids(2, 0)))
    bring(src=src, **{"import": "reference"})
    bucket.put("team/in/1/t_3.jpg", jpeg(3))
    bucket.put("team/in/1/t_3.png", encode_label(ids(2, 0)))
    bucket.put("team/in/1/t_1.jpg", jpeg(7))
    job = bring(src=src, **{"import": "reference"})
    assert job.result is not None
    assert job.result["counts"] == {"added": 2, "changed": 2}


def test_check__an_object_that_is_gone_or_was_replaced_is_a_named_broken_sample(
    platform: Platform, bucket: Bucket, bring: Import
) -> None:
    for number in range(4):
        bucket.put(f"team/in/1/t_{number}.jpg", jpeg(number))
        bucket.put(f"team/in/1/t_{number}.png", encode_label(ids(2, 0)))
    bring(src=f"s3://{bucket.name}/team/in", **{"import": "reference"})
    bucket.remove("team/in/1/t_0.jpg")
    bucket.put("team/in/1/t_1.jpg", jpeg(9))
    bucket.put("team/in/1/t_2.png", encode_label(ids(0, 2)))
    made = open_set(platform.workspace, "苏州")
    found = scan(made)
    assert (len(found.samples), found.problems) == (4, [])
    checked = [check_sample(sample, made.table) for sample in found.samples]
    assert [isinstance(one, Checked) for one in checked] == [False, False, False, True]
    problems = [one for one in checked if isinstance(one, Problem)]
    assert [p.file for p in problems] == ["苏州/1/t_0.jpg", "苏州/1/t_1.jpg", "苏州/1/t_2.png"]
    for problem, said in zip(problems, ("No such file", "image_sha256", "label_sha256"), strict=True):
        assert said in problem.reason.en
    recipe = HealthRecipe(name="苏州")
    listed = list_samples(platform.workspace, recipe)
    look = Examiner(recipe, listed.table, 10**6, None, stored=listed.stored)
    assert listed.stored
    health = examine(recipe, listed, look, lambda _done, _total: None)
    assert [p.file for p in health.problems] == [p.file for p in problems]
    assert list(referred_files(platform, hashes=False)) == []
    damaged = [problem.text.en for problem in referred_files(platform, hashes=True)]
    assert [said.split("/1/")[1].split(" ")[0] for said in damaged] == ["t_0.jpg", "t_1.jpg", "t_2.png"]
    with platform.database.reading() as db:
        assert [claim.path for claim in claims(db, platform.workspace)] == ["sources/苏州"]


def test_scan__rows_outside_the_places_among_the_roots_are_named(
    platform: Platform, bucket: Bucket, bring: Import
) -> None:
    bucket.put("team/in/1/t_1.jpg", jpeg(1))
    bucket.put("team/in/1/t_1.png", encode_label(ids(2, 0)))
    bucket.put("secret/t_1.jpg", jpeg(1))
    bring(src=f"s3://{bucket.name}/team/in", **{"import": "reference"})
    manifest = open_set(platform.workspace, "苏州").path / "manifest.csv"
    whole = manifest.read_text()
    for place in ("secret/t_1.jpg", "team/../secret/t_1.jpg", "team/in//1/t_1.jpg"):
        manifest.write_text(whole.replace("team/in/1/t_1.jpg", place))
        found = scan(open_set(platform.workspace, "苏州"))
        assert found.samples == []
        assert "outside the workspace and its roots" in found.problems[0].reason.en


def test_offimport__only_from_the_places_among_the_roots(
    platform: Platform, bucket: Bucket, submit: Callable[..., str]
) -> None:
    for src in (f"s3://{bucket.name}/secret", f"s3://{bucket.name}", "s3://elsewhere/team"):
        with pytest.raises(PathOutsideError, match=f"s3://{bucket.name}/team"):
            submit(src=src)


def test_offimport__a_store_that_is_away_ends_the_job_with_the_cure(
    platform: Platform,
    bucket: Bucket,
    submit: Callable[..., str],
    run_job: Callable[[Platform, str], Job],
    use_store: Callable[[dict[str, str]], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    bucket.put("team/in/1/t_1.jpg", jpeg(1))
    bucket.put("team/in/1/t_1.png", encode_label(ids(2, 0)))
    src = f"s3://{bucket.name}/team/in"
    run_job(platform, submit(src=src, **{"import": "reference"}))
    made = open_set(platform.workspace, "苏州")
    (sample,) = scan(made).samples
    monkeypatch.setattr(objects, "ATTEMPTS", 1)
    use_store({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"})
    job = run_job(platform, submit(src=src, dest="other"))
    assert job.state == "failed"
    assert job.reason is not None
    assert "check AWS_ENDPOINT_URL" in job.reason.en
    with pytest.raises(ObjectStoreError):  # no sample is to blame
        check_sample(sample, made.table)
    (problem,) = referred_files(platform, hashes=True)
    assert "does not answer" in problem.text.en
