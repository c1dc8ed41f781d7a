"""What a job can be: kind -> the function that its process runs, as text, because loading some of them is dear.

And which settings, and variables of the environment, with passwords, tokens or addresses that may hold them which kinds are
told, and which kinds ask a cluster.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from roadloop.storage.objects import is_object

TASKS: Final[Mapping[str, str]] = {
    "create_data": "roadloop.datasets.tasks:build",
    "create_net": "roadloop.networks.tasks:create",
    "add_net": "roadloop.training.tasks:add_network",
    "offimport": "roadloop.sources.tasks:offimport",
    "import_preview": "roadloop.sources.tasks:preview",
    "unpack": "roadloop.uploads.tasks:unpack",
    "rework": "roadloop.sources.tasks:rework",
    "health": "roadloop.sources.tasks:health",
    "index": "roadloop.sources.tasks:index",
    "train": "roadloop.training.tasks:train",
    "evaluate": "roadloop.evaluation.tasks:evaluate",
    "release": "roadloop.releases.tasks:release",
    "convert": "roadloop.engines.tasks:convert",
    "task_divide": "roadloop.packages.tasks:divide",
    "process_label": "roadloop.packages.tasks:process",
    "sample": "roadloop.selection.tasks:sample",
    "select": "roadloop.selection.mining:select",
    "linedown": "roadloop.annotators.tasks:pull",
    "push_package": "roadloop.annotators.tasks:push",
    "demo_pictures": "roadloop.demo.tasks:pictures",
    "measure": "roadloop.jobs.disk:measure",
    "rehearsal": "roadloop.jobs.rehearsal:count",
}

#: Kinds that may run on several hosts, and what a follower does on each but the first.
FOLLOWERS: Final[Mapping[str, str]] = {"train": "roadloop.training.follower:follow"}

_ANNOTATORS: Final = frozenset({"linedown", "push_package"})
SECRETS: Final[Mapping[str, frozenset[str]]] = {
    "label_studio_token": _ANNOTATORS,
    "label_studio_url": _ANNOTATORS,
    "mlflow_url": frozenset({"train"}),
    "oidc_client_secret": frozenset(),
    "track_service_url": frozenset({"sample", "select"}),
}

#: The kinds whose work is given to other nodes, too, where it is large.
SPREAD: Final = frozenset({"create_data", "evaluate", "select", "health"})

#: Kinds that read pictures where they lie, in object stores too; the others are not told the stores' keys.
READERS: Final = frozenset(
    {
        "create_data",
        "offimport",
        "import_preview",
        "health",
        "index",
        "evaluate",
        "convert",
        "task_divide",
        "process_label",
        "sample",
        "select",
    }
)


def keys(kind: str, roots: Sequence[str]) -> tuple[str, ...]:
    """The variables of the environment that a job of this kind receives because roots lie in object stores."""
    return ("AWS_*",) if kind in READERS and any(is_object(root) for root in roots) else ()


def withheld(kind: str) -> frozenset[str]:
    """The settings that a job of this kind is not told."""
    return frozenset(setting for setting, kinds in SECRETS.items() if kind not in kinds)
