"""What a job can be: kind -> the function that its process runs, as text, because loading some of them is dear."""

from collections.abc import Mapping
from typing import Final

TASKS: Final[Mapping[str, str]] = {
    "create_data": "roadloop.datasets.tasks:build",
    "create_net": "roadloop.networks.tasks:create",
    "add_net": "roadloop.training.tasks:add_network",
    "offimport": "roadloop.sources.tasks:offimport",
    "import_preview": "roadloop.sources.tasks:preview",
    "health": "roadloop.sources.tasks:health",
    "train": "roadloop.training.tasks:train",
    "evaluate": "roadloop.evaluation.tasks:evaluate",
    "release": "roadloop.releases.tasks:release",
    "task_divide": "roadloop.packages.tasks:divide",
    "process_label": "roadloop.packages.tasks:process",
    "sample": "roadloop.selection.tasks:sample",
    "select": "roadloop.selection.mining:select",
    "linedown": "roadloop.annotators.tasks:pull",
    "push_package": "roadloop.annotators.tasks:push",
    "rehearsal": "roadloop.jobs.rehearsal:count",
}
