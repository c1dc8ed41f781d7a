"""The table of the dialect: whole, small, and as docs/clients.md shows it.

`python tests/clients/test_table.py` writes it there anew.
"""

import pathlib

import pytest

from roadloop.clients import api
from roadloop.clients.dialect import Path
from roadloop.clients.table import PATHS, written
from roadloop.errors import Language
from roadloop.server import create_app
from roadloop.storage.platform import Platform
from roadloop.web.rights import HOLDERS, Right

DOCS = pathlib.Path(__file__).parents[2] / "docs"
FILES: dict[Language, pathlib.Path] = {"en": DOCS / "clients.md", "zh": DOCS / "clients.zh.md"}
BEGIN, END = "<!-- table -->\n", "<!-- /table -->"
#: The paths of the interface document.
DOCUMENTED = {
    "/train_history", "/train_configs", "/data_configs", "/create_train", "/network", "/sour_datas", "/maps",
    "/save_map", "/weights", "/train_config", "/data_config", "/calculate", "/starttask", "/endtask",
    "/network_history", "/src_network", "/create_net", "/data_history", "/data", "/create_data", "/model",
    "/starteva", "/eva_rate", "/show", "/release_tab", "/release", "/output_log", "/sam_value", "/auto_sam",
    "/sele_value", "/auto_sele", "/gups_info", "/offimport", "/off_status", "/linedown", "/line_status",
    "/task_divide", "/divide_history", "/process_label", "/label_history",
}  # fmt: skip
#: Section 4 of clients.md.
UNDOCUMENTED = {
    "/seg_maps", "/map_info", "/task_type", "/map_template", "/dtask_type", "/eva_data", "/model_lists", "/show_info",
    "/continue_task", "/class_count", "/add_data", "/con_info", "/t_model", "/tensor_w", "/tensor_eva", "/check_sele",
    "/check_data", "/track_down", "/target_divide", "/class_info", "/label_infos", "/query_data", "/label_tasks",
    "/label_status",
}  # fmt: skip


def test_table__has_the_40_documented_paths_and_the_24_others_once() -> None:
    paths = [one.path for one in PATHS]
    assert len(DOCUMENTED) == 40
    assert len(UNDOCUMENTED) == 24
    assert len(paths) == len(set(paths))
    assert set(paths) == DOCUMENTED | UNDOCUMENTED


def test_table__leads_to_endpoints_that_its_callers_may_ask(platform: Platform) -> None:
    create_app(platform, 8600)  # refuses to start otherwise
    assert {one.right for one in PATHS} <= HOLDERS.keys() - {"open", "self", "rule"}
    assert all(one.calls or one.answer for one in PATHS)


@pytest.mark.parametrize(("right", "call"), [("see", "POST /create_train"), ("work", "POST /nowhere")])
def test_start__a_path_that_opens_more_than_ours_or_leads_nowhere_is_refused(
    platform: Platform, monkeypatch: pytest.MonkeyPatch, right: Right, call: str
) -> None:
    monkeypatch.setattr(api, "PATHS", (*PATHS, Path("POST", "/too_open", right, (call,))))
    with pytest.raises(RuntimeError, match="/api/too_open"):
        create_app(platform, 8600)


@pytest.mark.parametrize("language", ["en", "zh"])
def test_docs__show_the_table_as_it_is(language: Language) -> None:
    text = FILES[language].read_text(encoding="utf-8")
    assert text.partition(BEGIN)[2].partition(END)[0] == written(language), "run python tests/clients/test_table.py"


if __name__ == "__main__":
    for one, file in FILES.items():
        before, _, rest = file.read_text(encoding="utf-8").partition(BEGIN)
        file.write_text(before + BEGIN + written(one) + END + rest.partition(END)[2], encoding="utf-8")
