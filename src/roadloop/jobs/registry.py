"""What a job can be: kind -> the function that its process runs, as text, because loading some of them is dear.

And which settings with passwords, tokens or addresses that may hold them which kinds are told, and which kinds ask a cluster.
"""

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

_ANNOTATORS: Final = frozenset({"linedown", "push_package"})
SECRETS: Final[Mapping[str, frozenset[str]]] = {
    "label_studio_token": _ANNOTATORS,
    "label_studio_url": _ANNOTATORS,
    "mlflow_url": frozenset({"train"}),
    "track_service_url": frozenset({"sample", "select"}),
}

#: The kinds whose work is given to other nodes, too, where it is large.
SPREAD: Final = frozenset({"create_data", "evaluate", "select", "health"})


def withheld(kind: str) -> frozenset[str]:
    """The settings that a job of this kind is not told."""
    return frozenset(setting for setting, kinds in SECRETS.items() if kind not in kinds)
