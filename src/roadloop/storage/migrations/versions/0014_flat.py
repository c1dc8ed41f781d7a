"""Lists stay fast at a million rows: numbered rows, tallies, an index for the search in names, and indexes."""

from typing import Final

import sqlalchemy as sa
from alembic import op

from roadloop.storage.search import TITLE, Numbered, install

revision = "0014"
down_revision = "0013"

ACTIVE: Final = sa.text("state IN ('queued', 'running')")
#: SQLite uses an index only for a condition in the same words, and SQLAlchemy asks it for `live = 1`.
UNIQUE: Final = (
    ("ux_networks_live_name", "networks", ["name"]),
    ("ix_datasets_live_name", "datasets", ["name"]),
    ("ux_releases_live", "releases", ["category", "version", "env", "adcode"]),
)
#: As they are in this version of the schema.
LISTS: Final = {
    "jobs": Numbered("jobs", ("title",), key="seq"),
    "jobs:import_preview": Numbered("jobs", ("title",), key="seq", where="{row}.kind = 'import_preview'"),
    "training_tasks": Numbered("training_tasks", ("name", "task_desc", "network", "data")),
    "networks": Numbered("networks", ("name", "description")),
    "datasets": Numbered("datasets", ("name", "description", "sour_data")),
    "evaluations": Numbered("evaluations", (TITLE, "sour_dir", "dest_dir")),
    "releases": Numbered("releases", ("category", "version", "env", "adcode", "description", TITLE)),
    "selections:sam": Numbered(
        "selections", (TITLE, "output_dir", "track_file"), where="{row}.task_type = 'sam'"
    ),
    "selections:sele": Numbered(
        "selections", (TITLE, "output_dir", "track_file", "weights_dir"), where="{row}.task_type = 'sele'"
    ),
    "imports": Numbered("imports", ("dest", "src", "author", "city")),
    "source_health": Numbered("source_health", ("name",)),
    "divisions": Numbered("divisions", ("version",)),
    "label_runs": Numbered("label_runs", (TITLE,)),
    "downloads": Numbered("downloads", (TITLE,)),
    "pushes": Numbered("pushes", (TITLE,)),
    "jobs:train": Numbered("jobs", ("title",), key="seq", where="{row}.kind = 'train'"),
}  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "listed",
        sa.Column("list", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("row_id", sa.Integer, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "job_tallies",
        sa.Column("state", sa.String(20), primary_key=True),
        sa.Column("jobs", sa.Integer, nullable=False),
    )
    op.create_table("positions", sa.Column("i", sa.Integer, primary_key=True, autoincrement=False))
    op.create_index("ix_jobs_kind", "jobs", ["kind", "seq"])
    op.create_index("ix_jobs_active", "jobs", ["seq"], sqlite_where=ACTIVE, postgresql_where=ACTIVE)
    op.create_index("ix_releases_category", "releases", ["category", "id"])
    op.create_index("ix_divisions_version", "divisions", ["version"])
    op.create_index("ix_label_runs_version", "label_runs", ["version"])
    op.create_index("ix_annotation_tasks_package", "annotation_tasks", ["version", "number"])
    op.create_index("ix_annotation_tasks_project", "annotation_tasks", ["server", "project"])
    for name, table, columns in UNIQUE:
        op.drop_index(name, table)
        op.create_index(
            name, table, columns, unique=True, sqlite_where=sa.text("live = 1"), postgresql_where=sa.text("live")
        )
    install(op.get_bind(), LISTS)
