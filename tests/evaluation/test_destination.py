import pytest

from roadloop.errors import ConflictError
from roadloop.evaluation.destination import EVALUATION, OutputRule, check_destination
from roadloop.selection.output import RULE
from roadloop.storage.folders import FOLDERS, Folder
from roadloop.storage.platform import Platform


@pytest.mark.parametrize("rule", [EVALUATION, RULE], ids=["dest_dir", "output_dir"])
@pytest.mark.parametrize("folder", FOLDERS, ids=[folder.name for folder in FOLDERS])
def test_check_destination__no_folder_of_the_workspace_but_its_own(
    platform: Platform, rule: OutputRule, folder: Folder
) -> None:
    place = platform.workspace.home / folder.name
    with pytest.raises(ConflictError):
        check_destination(platform.workspace, place, None, overwrite=True, rule=rule)
    inside = place / "deep" / "x"
    if folder in rule.own:
        check_destination(platform.workspace, inside, None, overwrite=False, rule=rule)
    else:
        with pytest.raises(ConflictError, match=f"cannot be used: it lies inside or above .*{folder.name}"):
            check_destination(platform.workspace, inside, None, overwrite=True, rule=rule)


def test_check_destination__elsewhere_in_the_home(platform: Platform) -> None:
    check_destination(platform.workspace, platform.workspace.home / "out" / "1", None, overwrite=False)
