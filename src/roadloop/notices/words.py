"""What jobs and their states are called in a notice."""

from collections.abc import Mapping
from typing import Final

from roadloop.errors import Text

KINDS: Final[Mapping[str, Text]] = {
    "create_data": Text("生成数据", "Dataset"),
    "create_net": Text("创建网络", "Network"),
    "add_net": Text("检查网络", "Check of a network"),
    "train": Text("训练", "Training"),
    "evaluate": Text("评估", "Evaluation"),
    "release": Text("发布", "Release"),
    "convert": Text("转换引擎", "Conversion"),
    "offimport": Text("导入", "Import"),
    "unpack": Text("解包上传", "Unpacking of an upload"),
    "import_preview": Text("导入预览", "Preview of an import"),
    "health": Text("源数据体检", "Health of a source set"),
    "index": Text("读取标注", "Reading of labels"),
    "rework": Text("送返工", "Sending to rework"),
    "sample": Text("随机抽图", "Random selection"),
    "select": Text("自动挑图", "Selection"),
    "task_divide": Text("任务包生成", "Packages"),
    "process_label": Text("任务包发布", "Returned labels"),
    "linedown": Text("在线下载", "Download of labels"),
    "push_package": Text("任务包交付", "Handing over of a package"),
    "demo_pictures": Text("绘制演示图片", "Demo pictures"),
    "measure": Text("清点磁盘", "Count of the disk"),
    "rehearsal": Text("自检", "Rehearsal"),
}

#: What people call groups of kinds; a release is a kind already.
GROUPS: Final[Mapping[str, frozenset[str]]] = {
    "packages": frozenset({"rework", "task_divide", "process_label", "linedown", "push_package"}),
}

#: States that are told. A job that is queued again has lost its process, and goes on.
STATES: Final[Mapping[str, Text]] = {
    "running": Text("开始", "started"),
    "lost": Text("进程丢失，将自动继续", "lost its process, goes on by itself"),
    "succeeded": Text("完成", "completed"),
    "failed": Text("失败", "failed"),
    "cancelled": Text("已停止", "stopped"),
}
