"""Build networks from a team's code, try them, and count what they cost.

This is the one place where a source becomes code; it asks whether that may run (see `trust`), and without an answer only
shipped templates do. Whatever that code raises becomes a `JobError` that names the file, the line and the statement. Needs torch; the code
runs in job processes and in the command line, never in the server.

Shapes: N pictures, C channels, H rows, W columns.
"""

import inspect
import linecache
import sys
import traceback
import types
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import torch
from torch import Tensor, nn

from roadloop.errors import JobError, RoadloopError, Text
from roadloop.networks.folder import SOURCE, digest, read_source
from roadloop.networks.trust import SHIPPED, Trust

TRY_SIZE: Final = (64, 96)
TRY_CLASSES: Final = 3
COST_SIZE: Final = (360, 480)  #: rows and columns of the picture whose multiply-adds are counted
COARSE: Final = "coarse_logits"  #: a network may answer what `forward` resizes: [N, C, h, w]
_AS_FORWARD: Final = 1e-4  #: how far resized `coarse_logits` may be from `forward`, relative to the largest logit


def load_network(folder: Path, num_classes: int, settings: Mapping[str, Any] | None = None) -> nn.Module:
    """Build the network of a folder, which may run because it stands there.

    Args:
        folder: A template, or one of `networks/`; holds `network.py`.
        num_classes: Number of outputs.
        settings: Keyword arguments of its `build`.

    Returns:
        The module in training mode, its values fresh from torch's generator.

    Raises:
        NotFoundError: `network.py` is gone.
        JobError: Its code fails; the text names file and line.
    """
    source = read_source(folder)
    return load_source(source, num_classes, settings, file=str(folder / SOURCE), trust=Trust.of(source))


def load_source(
    source: str,
    num_classes: int,
    settings: Mapping[str, Any] | None = None,
    *,
    file: str = "<network.py>",
    trust: Trust = SHIPPED,
) -> nn.Module:
    """Build a network from the text of a `network.py`, as model files carry it.

    Args:
        source: Python code with `build(num_classes, **settings)`.
        num_classes: Number of outputs.
        settings: Keyword arguments of `build`.
        file: Where the text comes from, for messages.
        trust: What may run.

    Returns:
        The module in training mode.

    Raises:
        UntrustedCodeError: This source may not run; nothing of it did.
        JobError: The code fails, has no `build`, or `build` returns something else; the text names file and line.
    """
    build = _build_function(source, file, trust)
    with _named_failures(file):
        network = build(num_classes, **(settings or {}))
    if not isinstance(network, nn.Module):
        raise JobError(
            Text(
                f"{file} 的 build 返回了 {type(network).__name__}，应返回 torch.nn.Module。",
                f"build in {file} returned {type(network).__name__}; it must return a torch.nn.Module.",
            ),
            file=file,
        )
    return network


def default_settings(source: str, *, file: str = "<network.py>", trust: Trust = SHIPPED) -> dict[str, Any]:
    """The keyword arguments of `build` that have a default, by name.

    Raises:
        UntrustedCodeError: This source may not run.
        JobError: The code fails, or has no `build`.
    """
    parameters = inspect.signature(_build_function(source, file, trust)).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def try_network(network: nn.Module, num_classes: int, *, file: str = "<network.py>") -> None:
    """Run a network forward and backward in training mode, then forward in evaluation mode, on random pictures.

    In training mode it may answer a tuple: the main logits, then those of auxiliary heads; a head of exactly one
    channel says where boundaries are. Its `coarse_logits`, if it has that method, must be what `forward` resizes.

    Args:
        network: Takes float32 [2, 3, H, W].
        num_classes: Number of outputs it must have.
        file: Where its code is, for messages.

    Raises:
        JobError: Its code fails, an answer is not float logits [2, num_classes, H, W], a loss does not reach any
            parameter, a gradient is not finite, or resized `coarse_logits` are others.
    """
    generator = torch.Generator().manual_seed(0)
    x_NCHW = torch.randn((2, 3, *TRY_SIZE), generator=generator)
    target_NHW = torch.randint(num_classes, (2, *TRY_SIZE), generator=generator)
    with _named_failures(file):
        answer = network.train()(x_NCHW)
    heads = answer if isinstance(answer, tuple | list) else (answer,)
    _check_logits(heads[0], (2, num_classes, *TRY_SIZE), file)
    for logits in heads[1:]:
        boundary = isinstance(logits, Tensor) and logits.shape[1:2] == (1,)
        _check_logits(logits, (2, 1 if boundary else num_classes, *TRY_SIZE), file)
    with _named_failures(file):
        torch.stack([_trial_loss(logits, target_NHW) for logits in heads]).sum().backward()
    gradients = [p.grad for p in network.parameters() if p.grad is not None]
    if not gradients or not all(bool(torch.isfinite(g).all()) for g in gradients):
        raise JobError(
            Text(
                f"{file}：试运行后没有有限的梯度，网络无法学习。",
                f"{file}: the trial run left no finite gradients; the network cannot learn.",
            ),
            file=file,
        )
    network.zero_grad(set_to_none=True)
    with _named_failures(file), torch.no_grad():
        answer = network.eval()(x_NCHW)
    _check_logits(answer, (2, num_classes, *TRY_SIZE), file)
    if hasattr(network, COARSE) and not answers_coarsely(network, file=file):
        raise JobError(
            Text(
                f"{file} 的 {COARSE} 经双线性放大后与 forward 的应答不同；请改正或删除该方法。",
                f"{COARSE} in {file}, resized bilinearly, is not what forward answers; correct the method or remove it.",
            ),
            file=file,
        )
    network.train()


def tried(folder: Path, settings: Mapping[str, Any] | None = None, *, file: str) -> dict[str, Any]:
    """Build a network with 3 classes, run it forwards and backwards, and count what it costs.

    Args:
        folder: A template, or one of `networks/`; holds `network.py`.
        settings: Keyword arguments of `build`.
        file: What messages call that.

    Returns:
        `digest` of the source, `parameters`, and `multiply_adds` for one picture of 480 x 360.

    Raises:
        NotFoundError: `network.py` is gone.
        JobError: It cannot be trained; the text names file and line.
    """
    source = read_source(folder)
    network = load_source(source, TRY_CLASSES, settings, file=file, trust=Trust.of(source))
    try_network(network, TRY_CLASSES, file=file)
    height, width = COST_SIZE
    try:
        with _named_failures(file):
            cost = count_multiply_adds(network, COST_SIZE)
    except JobError as error:
        zh = f"图片为 {width}x{height}（宽x高）时失败；网络须接受任意尺寸，请在 forward 中补边。{error.text.zh}"
        en = f"It fails for pictures of {width}x{height} (width x height); a network takes any size: pad in forward."
        raise JobError(Text(zh, f"{en} {error.text.en}"), **error.details) from error
    return {"digest": digest(source), "parameters": count_parameters(network), "multiply_adds": cost}


def answers_coarsely(network: nn.Module, *, size: tuple[int, int] = TRY_SIZE, file: str = "<network.py>") -> bool:
    """Whether a network has `coarse_logits` that, resized to the picture, are the logits of `forward`.

    A model file may carry code of which nobody has tried that, so it is run on two small random pictures.

    Args:
        network: On the CPU in evaluation mode.
        size: H and W of the pictures.
        file: Where its code is, for messages.

    Raises:
        JobError: Its code fails.
    """
    if not hasattr(network, COARSE):
        return False
    x_NCHW = torch.randn((2, 3, *size), generator=torch.Generator().manual_seed(0))
    with _named_failures(file), torch.no_grad():
        expected, coarse = network(x_NCHW), getattr(network, COARSE)(x_NCHW)
        if not isinstance(coarse, Tensor) or coarse.ndim != 4 or coarse.shape[:2] != expected.shape[:2]:
            return False
        resized = nn.functional.interpolate(coarse.float(), size, mode="bilinear", align_corners=False)
        difference = (resized - expected).abs().max() / expected.abs().max().clamp(min=1)
    return bool(difference <= _AS_FORWARD)


def count_parameters(network: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in network.parameters())


def count_multiply_adds(network: nn.Module, size: tuple[int, int]) -> int:
    """Multiply-adds of the convolutions and linear layers for one picture, in evaluation mode.

    Args:
        network: Takes float32 [1, 3, H, W].
        size: H and W.
    """
    counted = 0

    def count(module: nn.Module, inputs: tuple[Tensor, ...], output: Tensor) -> None:
        nonlocal counted
        weight = module.weight
        assert isinstance(weight, Tensor)
        if isinstance(module, nn.Linear):
            places = output.numel() // output.shape[-1]
        elif isinstance(module, nn.ConvTranspose1d | nn.ConvTranspose2d | nn.ConvTranspose3d):
            places = inputs[0].shape[0] * inputs[0][0, 0].numel()
        else:
            places = output.shape[0] * output[0, 0].numel()
        counted += places * weight.numel()

    kinds = (nn.modules.conv._ConvNd, nn.Linear)  # noqa: SLF001 - the common base has no public name
    hooks = [m.register_forward_hook(count) for m in network.modules() if isinstance(m, kinds)]
    training = network.training
    try:
        with torch.no_grad():
            network.eval()(torch.zeros((1, 3, *size)))
    finally:
        network.train(training)
        for hook in hooks:
            hook.remove()
    return counted


def _build_function(source: str, file: str, trust: Trust) -> Callable[..., Any]:
    trust.require(source, file)
    module = types.ModuleType(f"roadloop_network_{digest(source)}")
    module.__file__ = file
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    with _named_failures(file):
        code = compile(source, file, "exec", dont_inherit=True)
        sys.modules[module.__name__] = module  # dataclasses and torch look classes up there
        exec(code, module.__dict__)  # noqa: S102 - it may run, and running it is the purpose
    build: Callable[..., Any] | None = getattr(module, "build", None)
    if not callable(build):
        raise JobError(
            Text(
                f"{file} 中没有函数 build(num_classes, **settings)。",
                f"{file} has no function build(num_classes, **settings).",
            ),
            file=file,
        )
    return build


def _trial_loss(logits_NCHW: Tensor, target_NHW: Tensor) -> Tensor:
    if logits_NCHW.shape[1] == 1:
        return nn.functional.binary_cross_entropy_with_logits(logits_NCHW[:, 0], (target_NHW == 0).float())
    return nn.functional.cross_entropy(logits_NCHW, target_NHW)


def _check_logits(logits: object, shape: tuple[int, ...], file: str) -> None:
    if isinstance(logits, Tensor) and tuple(logits.shape) == shape and logits.is_floating_point():
        return
    got = f"{logits.dtype} {list(logits.shape)}" if isinstance(logits, Tensor) else type(logits).__name__
    raise JobError(
        Text(
            f"{file}：网络对输入 float32 [2, 3, {shape[2]}, {shape[3]}] 应答 {got}，应为浮点 logits {list(shape)}。",
            f"{file}: for float32 [2, 3, {shape[2]}, {shape[3]}] the network answered {got};"
            f" it must answer float logits {list(shape)}.",
        ),
        file=file,
    )


@contextmanager
def _named_failures(file: str) -> Iterator[None]:
    """Turn whatever the code of `file` raises into a `JobError` with its line."""
    try:
        yield
    except (RoadloopError, MemoryError, torch.OutOfMemoryError):
        raise
    except (Exception, SystemExit) as error:  # the team's code may raise anything
        raise _failure(file, error) from error


def _failure(file: str, error: BaseException) -> JobError:
    line, text = None, ""
    if isinstance(error, SyntaxError) and error.filename == file:
        line, text = error.lineno, (error.text or "").strip()
    else:
        for frame in traceback.extract_tb(error.__traceback__):
            if frame.filename == file:
                line, text = frame.lineno, frame.line or ""
    what = f"{type(error).__name__}: {error}"[:500]
    place_zh = f"{file} 第 {line} 行（{text}）" if line else file
    place_en = f"{file}, line {line} ({text})" if line else file
    return JobError(Text(f"{place_zh}出错：{what}", f"{place_en} failed: {what}"), file=file, line=line, exception=what)
