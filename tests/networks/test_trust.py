"""Which sources may run: shipped ones, those of networks/, and those that somebody brought in."""

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from roadloop.errors import NameTakenError, NotFoundError, UntrustedCodeError
from roadloop.jobs import queue
from roadloop.networks import service, trust
from roadloop.networks.folder import TEMPLATES, digest, read_source
from roadloop.networks.load import default_settings, load_source
from roadloop.networks.recipe import CreateNet
from roadloop.networks.store import networks
from roadloop.networks.trust import Trust
from roadloop.settings import Settings
from roadloop.storage.platform import Platform

RunJob = Callable[[Platform, str], queue.Job]
OTHER = "raise AssertionError  # that it ran\n"


@pytest.mark.parametrize("name", sorted(path.name for path in TEMPLATES.iterdir() if (path / "network.py").is_file()))
def test_shipped__has_every_template_as_it_is(name: str) -> None:
    found = digest(read_source(TEMPLATES / name))
    assert trust.shipped().get(found) == name, (
        f"add a line to networks/shipped.txt, and keep the others: {found} {name}"
    )


def test_load_source__runs_nothing_that_nobody_vouches_for() -> None:
    for run in (lambda: load_source(OTHER, 3), lambda: default_settings(OTHER)):
        with pytest.raises(UntrustedCodeError, match=rf"{digest(OTHER)}.* Nothing of it was run.*weights trust"):
            run()
    with pytest.raises(UntrustedCodeError):
        load_source(OTHER, 3, trust=Trust.of(OTHER + "\n"))
    assert load_source(read_source(TEMPLATES / "enet"), 3, {"width": 0.25}).training


def test_trust_of__follows_the_networks_as_they_stand(platform: Platform, run_job: RunJob) -> None:
    task_id = platform.database.write(lambda: service.create(platform, CreateNet(name="own", template="enet")))
    run_job(platform, task_id)
    folder = platform.workspace.networks / "own"
    edited = read_source(folder) + "\n"
    assert digest(edited) not in trust.trust_of(platform).digests
    (folder / "network.py").write_text(edited)
    trust.trust_of(platform).require(edited, "own")
    (platform.workspace.networks / "unchecked").mkdir()
    (platform.workspace.networks / "unchecked" / "network.py").write_text(OTHER)
    assert digest(OTHER) not in trust.trust_of(platform).digests
    assert trust.own(platform) == {digest(edited): "own"}


def test_own__networks_whose_folders_were_copied_in_decomposed_form(platform: Platform, run_job: RunJob) -> None:
    run_job(
        platform,
        platform.database.write(lambda: service.create(platform, CreateNet(name="Düsseldorf", template="enet"))),
    )
    folder = platform.workspace.networks / "Düsseldorf"
    folder.rename(folder.with_name(unicodedata.normalize("NFD", folder.name)))
    assert list(trust.own(platform).values()) == ["Düsseldorf"]
    with platform.database.transaction() as db:  # only the folder holds the name
        db.execute(networks.update().values(live=False))
    with pytest.raises(NameTakenError):
        platform.database.write(lambda: service.create(platform, CreateNet(name="Düsseldorf", template="enet")))


def test_trust_at__without_an_installation_templates_run_but_one_that_is_named_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("ROADLOOP_HOME", raising=False)
    monkeypatch.chdir(tmp_path)
    assert trust.trust_at(Settings()) == trust.SHIPPED
    with pytest.raises(NotFoundError, match="no workspace"):
        trust.trust_at(Settings(home=tmp_path))


def test_require__nothing_runs_where_pictures_come_in(platform: Platform, tmp_path: Path) -> None:
    source = read_source(TEMPLATES / "enet")
    now = trust.trust_of(platform)
    home = platform.workspace.home
    now.require(source, home / "weights" / "x.params")
    now.require(source, tmp_path / "x.params")
    for place in ("imports/x.params", "imports/annotations/1/x.params", "released/v/1/x.params"):
        with pytest.raises(UntrustedCodeError, match="move the"):
            now.require(source, home / place)


def test_require__the_inbox_may_be_elsewhere(platform: Platform, tmp_path: Path) -> None:
    settings = platform.settings.model_copy(update={"annotation_inbox": str(tmp_path / "in")})
    now = trust.trust_of(Platform(settings, platform.database, platform.workspace))
    with pytest.raises(UntrustedCodeError, match="move the"):
        now.require(read_source(TEMPLATES / "enet"), tmp_path / "in" / "x.params")


def test_revoke__stays_until_an_operator_approves_again(platform: Platform) -> None:
    found = digest(OTHER)
    with platform.database.transaction() as db:
        trust.note(db, found, "own", "trained")
    with platform.database.reading() as db:
        assert trust.why(db, platform, found) == ("本处用它训练过", "it was trained here")
    assert found in trust.trust_of(platform).digests
    with platform.database.transaction() as db:
        assert trust.revoke(db, found[:8]).name == "own"
        trust.note(db, found, "own", "trained")
    with platform.database.reading() as db:
        assert trust.why(db, platform, found) is None
    assert found not in trust.trust_of(platform).digests
    with platform.database.transaction() as db:
        trust.approve(db, found, "own")
        (row,) = trust.listed(db)
    assert (row.origin, row.revoked_at, bool(row.approved_by)) == ("approved", None, True)
    assert found in trust.trust_of(platform).digests


@pytest.mark.parametrize("beginning", ["", "zz", digest("nothing")])
def test_revoke__needs_one_that_is_there(platform: Platform, beginning: str) -> None:
    with platform.database.transaction() as db:
        trust.approve(db, digest(OTHER), "own")
        with pytest.raises(NotFoundError, match="--list"):
            trust.revoke(db, beginning)
