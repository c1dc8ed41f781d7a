"""The job that creates a network: build the template, run it on a small input, put a copy of it in place."""

from roadloop.errors import Text
from roadloop.jobs.context import Outcome, TaskContext
from roadloop.networks import load
from roadloop.networks.folder import FILES, SOURCE, network_folder, template_folder
from roadloop.networks.recipe import CreateNet
from roadloop.storage import publish, reading


def create(context: TaskContext) -> Outcome:
    """Create a network from a template.

    Returns:
        The result: as `load.tried`.

    Raises:
        JobError: The network's code fails; the text names file and line.
    """
    recipe = context.recipe(CreateNet)
    template = template_folder(recipe.template)
    context.progress(0, 2, Text("试运行网络", "trying the network"))
    result = load.tried(template, file=str(template / SOURCE))
    context.log(f"network={recipe.name} " + " ".join(f"{key}={value}" for key, value in result.items()))
    context.reach("create_net.tried")
    context.check_stop()
    context.progress(1, 2, Text("写入文件", "writing its files"))
    target = network_folder(context.platform.workspace, recipe.name)
    with context.filling(target, sealed=False) as scratch:
        for entry in FILES:
            if (template / entry).is_file():
                publish.write_bytes(scratch / entry, reading.read_bytes(template / entry))
    return Outcome(result=result, moves=[(scratch, target)])
