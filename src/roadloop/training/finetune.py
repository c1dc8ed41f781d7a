"""Which parameters of a network learn, and which batch norms keep their statistics: by names of modules.

A name is that of a module or a parameter, as `named_parameters` writes it, and means all that is below it: `head` means
`head.0.weight`, and not `header.weight`.
"""

import difflib
from collections.abc import Collection
from typing import Final

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from roadloop.errors import InvalidValueError, Text
from roadloop.training.recipe import TrainConfig, dotted_prefixes

NEAREST: Final = 3  #: names that are offered in the place of one that the network has not


def freeze(config: TrainConfig, network: nn.Module) -> None:
    """Let the parameters below `frozen` learn nothing, once all names in the configuration are known.

    Args:
        config: How the network is trained.
        network: Changed in place.

    Raises:
        InvalidValueError: `frozen` or `lr_factors` name what the network has not, or nothing is left to learn.
    """
    check_names("frozen", config.frozen, network)
    check_names("lr_factors", config.lr_factors, network)
    for name, parameter in network.named_parameters():
        if config.freezes(name):
            parameter.requires_grad = False
    if config.frozen and not any(parameter.requires_grad for parameter in network.parameters()):
        raise InvalidValueError(
            Text(
                f"frozen（{'、'.join(config.frozen)}）冻结了网络的全部参数，没有可学习的。请新建任务，减少其中的名称。",
                f"frozen ({', '.join(config.frozen)}) leaves no parameter of the network to learn. Create a new task, with"
                " fewer names in it.",
            ),
            parameter="frozen",
        )


def check_names(key: str, names: Collection[str], network: nn.Module) -> None:
    """Refuse names below which the network has no parameters.

    Args:
        key: The key of `train_con` that holds them, for the message.
        names: Of modules or parameters.
        network: Has them, or not.

    Raises:
        InvalidValueError: Names the first such name, and the nearest that there are.
    """
    known = dict.fromkeys(prefix for name, _ in network.named_parameters() for prefix in dotted_prefixes(name))
    unknown = [name for name in names if name not in known]
    if not unknown:
        return
    near = difflib.get_close_matches(unknown[0], known, NEAREST) or [name for name in known if "." not in name]
    raise InvalidValueError(
        Text(
            f"{key}：网络中没有名为 {unknown[0]!r} 且含有参数的模块。相近的有：{'、'.join(near)}。请用其中的名称新建任务。",
            f"{key}: the network has no module named {unknown[0]!r} with parameters. Near it are: {', '.join(near)}."
            " Create a new task with names that it has.",
        ),
        parameter=key,
        unknown=unknown,
        nearest=near,
    )


def fixed_norms(config: TrainConfig, network: nn.Module) -> tuple[nn.Module, ...]:
    """The batch norms that use and keep their running statistics while the network learns.

    With `freeze_norms` all, else those below `frozen`. Scale and shift learn where they are not frozen, as with
    mmsegmentation's `norm_eval`.
    """
    named = ((name, module) for name, module in network.named_modules() if isinstance(module, _BatchNorm))
    return tuple(module for name, module in named if config.freeze_norms or config.freezes(name))
