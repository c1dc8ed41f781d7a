"""`roadloop train`: what training tasks will see."""

from pathlib import Path
from typing import Annotated

import typer

from roadloop.console import Home, say, settings_of
from roadloop.errors import InvalidValueError, Text
from roadloop.imaging.encode import encode_color, encode_jpeg
from roadloop.storage import publish
from roadloop.storage.platform import opened
from roadloop.training.recipe import DataConfig, TrainConfig
from roadloop.training.reference import table

app = typer.Typer(
    help="Training tasks 训练任务: look at what they will learn from, and at what can be set.", no_args_is_help=True
)
app.callback()(lambda: None)


@app.command("preview")
def preview(
    task: Annotated[str, typer.Argument(help="Name or id of the training task 训练任务.")],
    out: Annotated[Path, typer.Option(help="The picture to write, .jpg or .png 输出图片.")] = Path("preview.jpg"),
    count: Annotated[int, typer.Option(min=1, max=120, help="Samples 样本数.")] = 12,
    home: Home = None,
) -> None:
    """Draw a task's first augmented samples beside their labels, exactly as its loop sees them 预览训练样本.

    The task may be created, running or finished. Look here before the first hour of training: at the crop, the
    colours, the mirrored left and right, and what is ignored.
    """
    from roadloop.training.preview import preview as drawn  # noqa: PLC0415 - torch takes seconds

    if out.suffix.lower() not in {".jpg", ".jpeg", ".png"}:
        raise InvalidValueError(
            Text(f"--out {out} 应以 .jpg 或 .png 结尾。", f"--out {out} must end in .jpg or .png."), parameter="out"
        )
    with opened(settings_of(home)) as platform:
        sheet = drawn(platform, task, count)
    publish.write_bytes(out, encode_color(sheet) if out.suffix.lower() == ".png" else encode_jpeg(sheet, 92))
    say(out)


@app.command("settings")
def settings() -> None:
    """Print every key of train_con and data_con: default, values, meaning 列出训练与数据配置的全部键."""
    for name, kind in (("train_con", TrainConfig), ("data_con", DataConfig)):
        say(f"## {name}\n\n{table(kind)}")
