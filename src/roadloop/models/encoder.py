"""What a network sees in a picture, as one vector: the mean of its deepest feature map. Needs torch.

Works with any network: a rehearsal with pictures of two sizes shows which module gives the smallest map that grows
with the picture (means over fixed parts of a picture do not), before the output is made from it.

N pictures, C outputs, D channels of that map, H, W pixels, h, w the size of the logits.
"""

import threading
from collections.abc import Callable
from functools import partial
from typing import Any, Final

import torch
from torch import Tensor, nn

from roadloop.networks.load import COARSE

REHEARSAL: Final = (128, 256)  #: sides of the two rehearsal pictures


class Encoder(nn.Module):
    """A network that says what it sees beside its logits, in whichever thread it runs.

    Args:
        network: In evaluation mode; gets a hook.
        outputs: How many it has.
        coarse: Answer its `coarse_logits`, which it must have; not where its own output is its deepest map.
    """

    def __init__(self, network: nn.Module, outputs: int, *, coarse: bool = False) -> None:
        super().__init__()
        self.network: Final = network
        self._caught: Final = threading.local()
        self.place: Final = deepest(network, getattr(network, COARSE) if coarse else network, outputs)
        self._coarse: Final = coarse and bool(self.place)
        network.get_submodule(self.place).register_forward_hook(self._catch)
        self.eval()

    def _catch(self, _module: nn.Module, _inputs: Any, output: Any) -> None:
        self._caught.mean_ND = _map(output).float().mean((2, 3))

    def forward(self, image_NCHW: Tensor) -> tuple[Tensor, Tensor]:
        """Logits [N, C, h, w] and embeddings of length 1, float32 [N, D], of float32 [N, 3, H, W]."""
        logits_NChw = getattr(self.network, COARSE)(image_NCHW) if self._coarse else self.network(image_NCHW)
        return logits_NChw, nn.functional.normalize(self._caught.mean_ND, dim=1)


def deepest(network: nn.Module, answer: Callable[[Tensor], Tensor], outputs: int) -> str:
    """Name of the module whose output is the deepest feature map; "" is the network itself.

    The smallest map wins. Among equals a whole stage comes before its parts (its name has fewer dots), then the last
    one; a map with no more channels than outputs, such as a low-resolution output, comes after all others.

    Args:
        network: In evaluation mode.
        answer: What is asked of it: itself, or its `coarse_logits`.
        outputs: How many it has.
    """
    small, large = (_sizes(network, answer, side) for side in REHEARSAL)
    factor = REHEARSAL[1] / REHEARSAL[0]
    found = []
    for order, (name, (channels, height)) in enumerate(small.items()):
        grown = large.get(name, (0, 0))[1] / max(1, height)
        if height > 1 and abs(grown / factor - 1) < 0.25:
            found.append((height, channels <= outputs, name.count("."), -order, name))
    return min(found)[4] if found else ""


def _sizes(network: nn.Module, answer: Callable[[Tensor], Tensor], side: int) -> dict[str, tuple[int, int]]:
    """Module -> (channels, height) of its last output, in the order in which they ended."""
    sizes: dict[str, tuple[int, int]] = {}

    def note(name: str, _module: nn.Module, _inputs: Any, output: Any) -> None:
        found = _map(output)
        if isinstance(found, Tensor) and found.ndim == 4:
            sizes.pop(name, None)
            sizes[name] = (found.shape[1], found.shape[2])

    handles = [module.register_forward_hook(partial(note, name)) for name, module in network.named_modules()]
    try:
        parameter = next(network.parameters(), None)
        device = parameter.device if parameter is not None else torch.device("cpu")
        with torch.inference_mode():
            answer(torch.zeros(1, 3, side, side, device=device))
    finally:
        for handle in handles:
            handle.remove()
    return sizes


def _map(output: Any) -> Any:
    """A module's output; the first part of one with several."""
    return output[0] if isinstance(output, tuple | list) and output else output
