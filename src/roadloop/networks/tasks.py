"""The job that creates a network: build the template, run it on a small input, put a copy of it in place."""

from typing import Final

from roadloop.errors import Text
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.networks import load
from roadloop.networks.folder import FILES, SOURCE, digest, read_source, template_folder
from roadloop.storage import publish, reading

TRY_CLASSES: Final = 3
COST_SIZE: Final = (360, 480)  # rows, columns


def create(context: TaskContext) -> Outcome:
    """Create the network of the payload's `name` from its `template`.

    Returns:
        The result: `digest`, `parameters` and `multiply_adds` (for one picture of 480 x 360 and 3 classes).

    Raises:
        JobError: The network's code fails; the text names file and line.
    """
    name = context.payload["name"]
    template = template_folder(context.payload["template"])
    source, file = read_source(template), str(template / SOURCE)
    context.progress(0, 3, Text("试运行网络", "trying the network"))
    network = load.load_source(source, TRY_CLASSES, file=file)
    load.try_network(network, TRY_CLASSES, file=file)
    context.check_stop()
    context.progress(1, 3, Text("计算开销", "counting its cost"))
    result = {
        "digest": digest(source),
        "parameters": load.count_parameters(network),
        "multiply_adds": load.count_multiply_adds(network, COST_SIZE),
    }
    context.log(f"network={name} " + " ".join(f"{key}={value}" for key, value in result.items()))
    context.reach("create_net.tried")
    context.check_stop()
    context.progress(2, 3, Text("写入文件", "writing its files"))
    target = context.platform.workspace.networks / name
    context.clear_older_scratch(target)
    scratch = context.scratch(target)
    for entry in FILES:
        if (template / entry).is_file():
            publish.write_bytes(scratch / entry, reading.read_bytes(template / entry))
    return Outcome(result=result, moves=[(scratch, target)])
