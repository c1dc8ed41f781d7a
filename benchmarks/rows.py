# ruff: noqa: S608 - SQL is built from the constants of this module
"""A workspace whose lists are as long as one likes, filled by the database itself: rows without folders."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import sqlalchemy as sa

from roadloop.storage import search
from roadloop.storage.platform import Platform

#: Newest rows of each list that have not ended.
UNFINISHED: Final = 20

#: SQL of row number `i`: names in Chinese and English, each once; what becomes of jobs in a team that tries things.
_NAME: Final = (
    "substr('苏州北京上海杭州深圳合肥大连武汉', (i % 8) * 2 + 1, 2)"
    " || trim(substr('-lane-road-sign-rain', (i / 8 % 4) * 5 + 1, 5)) || printf('-%07d', i)"
)
_TEXT: Final = (
    "substr('车道线分割路牌识别灯杆夜间样本补充第二轮训练', i % 12 + 1, 8)"
    " || trim(substr(' baseline more rain new crop no flip  ', (i / 12 % 4) * 9 + 1, 9)) || ' ' || (i % 97)"
)
_STATE: Final = (
    f"CASE WHEN i > :rows - {UNFINISHED} THEN 'queued' WHEN i % 20 < 16 THEN 'succeeded'"
    " WHEN i % 20 < 19 THEN 'failed' ELSE 'cancelled' END"
)
_SHOWN: Final = """
    '{"category_num": 14, "iter_num": 300, "learning_rate": 0.01, "steps": "10000,20000", "batch_size": 12, "gpus": "0", '
    || '"model": "kd_suzhou", "weights": "", "data_type": "all"}'
"""


class _Kind(NamedTuple):
    """One feature's rows.

    Attributes:
        job: Kind of its jobs.
        columns: Column -> SQL.
        result: SQL of the jobs' results where they succeeded.
        pool: Of its jobs.
    """

    job: str
    columns: Mapping[str, str]
    result: str = "'{}'"
    pool: str = "other"


KINDS: Final[Mapping[str, _Kind]] = {
    "training_tasks": _Kind(
        "train",
        {
            "name": _NAME, "network": "'enet-' || (i % 40)", "data": "'20180801-' || (i % 200)", "base_task": "''",
            "task_desc": _TEXT, "net_desc": "'ENet'", "data_desc": "'苏州数据'", "shown": _SHOWN,
            "start_date": "'2018-08-01 12:00:00'", "end_date": "''",
        },
        pool="training",
    ),
    "networks": _Kind(
        "create_net",
        {"name": _NAME, "template": "'enet'", "description": _TEXT, "live": "1"},
        """'{"parameters": 358484, "multiply_adds": 1}'""",
    ),
    "datasets": _Kind(
        "create_data",
        {
            "name": _NAME, "live": "1", "description": _TEXT, "data_type": "'all'", "sour_data": "'lane-all-20180710'",
            "train": "0.8", "val": "0.1", "test": "0.1",
        },
        """'{"counts": {"train": 800, "val": 100, "test": 100}}'""",
    ),
    "evaluations": _Kind(
        "evaluate",
        {
            "type": "'full'", "sour_dir": "'pictures/' || (i % 300)", "dest_dir": "'out/' || i",
            "dest_path": "'out/' || i", "gpus": "''", "single_gpu": "1", "dicts": "'{}'",
        },
        """'{"models": [], "total_img": 100, "bad_lines": 0, "unlabelled": 0}'""",
    ),
    "releases": _Kind(
        "release",
        {
            "category": "CASE i % 3 WHEN 0 THEN '车道线' WHEN 1 THEN '路牌' ELSE '灯杆' END", "version": _NAME,
            "env": "'北京'", "adcode": "'110000'", "description": _TEXT, "time": "'2018-08-01 12:00:00'",
            "source": "'suzhou'", "file": "'kd_suzhou_ep-0001.params'", "params_sha256": "printf('%064x', i)",
            "live": "1", "answered": "1",
        },
        """'{"folder": "models/x", "files": ["kd_suzhou_ep-0001.params"], "metrics": null}'""",
    ),
    "selections": _Kind(
        "sample",
        {
            "task_type": "'sam'", "output_dir": "'out/' || i", "output_path": "'out/' || i", "gpus": "''",
            "sele_ratio": "'100'", "weights_dir": "''", "track_file": "'tracks.txt'", "task_file": "''",
            "isshuffle": "1",
        },
    ),
}  # fmt: skip

_ROWS: Final = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows)"


def fill(platform: Platform, rows: int, tables: tuple[str, ...] = tuple(KINDS)) -> None:
    """Add `rows` finished jobs of each kind, of which the newest wait, and their features' rows."""
    with platform.database.transaction() as db, search.filling(db):
        for table in tables:
            _fill_one(db, table, rows)
    platform.database.analyze()


def _fill_one(db: sa.Connection, table: str, rows: int) -> None:
    kind = KINDS[table]
    last = db.scalar(sa.text("SELECT coalesce(max(seq), 0) FROM jobs"))
    job_columns = {
        "id": "printf('%032x', :last + i)", "kind": f"'{kind.job}'", "title": _NAME, "pool": f"'{kind.pool}'",
        "priority": "0", "state": _STATE, "token": "1", "attempt": "1", "losses": "0", "max_attempts": "3",
        "payload": "'{}'", "gpus": "''", "log": "'logs/' || i || '.log'", "progress": f"({_STATE} = 'succeeded') * 1.0",
        "warnings": "'[]'", "result": f"CASE WHEN {_STATE} = 'succeeded' THEN {kind.result} END", "memo": "'{}'",
        "finishing": "0", "cancel_requested": "0", "beat": "0", "queued_seq": ":last + i", "created_at": "1.5e9 + i",
        "started_at": "1.5e9 + i", "finished_at": "1.5e9 + i + 60",
    }  # fmt: skip
    for name, columns in (("jobs", job_columns), (table, {"task_id": job_columns["id"], **kind.columns})):
        values = f"SELECT {', '.join(columns.values())} FROM n"
        statement = sa.text(f"{_ROWS} INSERT INTO {name}({', '.join(columns)}) {values}")
        db.execute(statement, {"rows": rows, "last": last})
    events = (
        f"{_ROWS} INSERT INTO job_events(job_id, state, token, at) SELECT {job_columns['id']}, {_STATE}, 1, 0 FROM n"
    )
    db.execute(sa.text(events), {"rows": rows, "last": last})
