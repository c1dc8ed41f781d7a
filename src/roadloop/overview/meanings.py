"""The settings as the page shows them: what stands together, what each means in Chinese, and which can hold a secret.

What each means in English stands where it is declared, in `roadloop.settings`.
"""

from collections.abc import Mapping
from typing import Final, NamedTuple

from roadloop.errors import Text

#: Never shown: only whether it is set.
SECRETS: Final = frozenset({"label_studio_token", "oidc_client_secret"})
#: Addresses: shown without account, password and query.
ADDRESSES: Final = frozenset({"database_url", "track_service_url", "label_studio_url", "mlflow_url"})
#: What the option of `roadloop serve` is called that wins over the environment.
OPTIONS: Final[Mapping[str, str]] = {
    "home": "--home",
    "host": "--host",
    "port": "--port",
    "roots": "--root",
    "log_format": "--log-format",
}


class Group(NamedTuple):
    """Settings that stand together: their title, and what each means in Chinese."""

    title: Text
    meanings: Mapping[str, str]


GROUPS: Final[Mapping[str, Group]] = {
    "place": Group(
        Text("工作区与服务", "Workspace and server"),
        {
            "home": "工作区：数据库、源数据、数据集、任务。",
            "roots": "工作区之外、请求可以指定的目录；`path:ro` 表示只读。`s3://bucket/prefix`：对象存储中的内容，只读。",
            "database_url": "多台机器共用时为 postgresql://user@host/name；空：使用工作区中的 SQLite。",
            "host": "服务监听的地址；有账号之后才能监听本机以外的地址。",
            "port": "服务的端口；0 表示任选一个空闲端口。",
            "allowed_hosts": "除本机外还应答哪些 Host，例如位于反向代理之后时。",
            "client_origins": "旧前端网页的来源（如 http://10.0.0.5:8080），只有它们可以调用 /api 之下的路径。",
            "max_connections": "同时的连接数上限；系统允许打开的文件较少时更少。",
            "max_body_mib": "请求正文的上限，MiB。",
            "max_picture_mpix": "可解码的最大图片，百万像素。",
            "session_days": "浏览器登录之后多少天失效。",
            "log_format": "服务日志的行：text 或 json。",
            "log_file": "服务日志的文件，满 10 MiB 另起一个，保留五个旧的；空：stderr。",
            "log_requests": "每个应答过的请求在日志中写一行。",
            "notices": "TOML 文件，写明哪些群机器人和程序会收到通知；空：没有。",
        },
    ),
    "sign_on": Group(
        Text("统一登录", "The company's log-in"),
        {
            "oidc_issuer": "人们用来登录的 OpenID Connect 提供方，照其 issuer 书写；空：只用密码登录。",
            "oidc_client_id": "提供方对本安装的称呼（client id）。",
            "oidc_client_secret": "提供方给的密钥；空：公开客户端，只用 PKCE。",
            "oidc_scopes": "请提供方告知哪些内容；其中须有 `openid`。",
            "oidc_name_claim": "哪个 claim 是账号名称；应是本人不能自行修改的。",
            "oidc_role_claim": "由哪个 claim 决定角色，例如 `groups`；空：没有账号的人都不能进入。",
            "oidc_roles": "该 claim 的值与对应的角色，例如 `road-team=engineer`；不能给 `admin`。",
            "oidc_title": "登录页按钮上对提供方的称呼；空：其主机名。",
        },
    ),
    "jobs": Group(
        Text("任务的运行", "How jobs run"),
        {
            "training_slots": "CPU 上同时运行的训练任务数。",
            "other_slots": "同时运行的其他任务数。",
            "min_free_mib": "磁盘剩余少于这么多时，新任务等待，MiB。",
            "job_memory_mib": "一个任务的所有进程合计可用的内存，MiB；0：不限。",
            "job_processes": "一个任务同时可有的进程与线程数；0：不限。",
            "job_variables": "任务还能得到服务环境中的哪些变量；`NAME_*`：所有以此开头的。",
            "torch_threads": "torch 可用的线程数；0 表示全部核。",
            "predictor": "CPU 上用什么预测：torch、onnx，或 auto：图片够多时取较快的。",
            "loader_workers": "每个设备读取训练图片的进程数；-1：GPU 用 8 个，CPU 用 0 个。",
            "decoded_cache_mib": "一个任务的所有进程合计可保留的已解码训练图片，MiB。",
            "gpu_probe": "以 JSON 输出本机 GPU 的命令；空：使用 NVIDIA 的 NVML。",
            "lease_seconds": "运行中的任务这么久没有动静就视为丢失，秒。",
            "sweep_seconds": "每隔多久查找丢失的任务，秒。",
            "poll_seconds": "每隔多久查看排队的任务，秒。",
            "stop_seconds": "被停止的任务，其进程在这么久之后已经结束，秒。",
        },
    ),
    "cluster": Group(
        Text("集群", "Cluster"),
        {
            "ray_address": "由其节点运行任务的 Ray 集群主节点，host:port；空：由本机运行。",
            "ray_insecure": "使用不验证令牌、任何人都能进入的 Ray 集群。",
            "spread_pictures": "图片达到这么多的工作占用集群所有空闲节点；0：从不。",
        },
    ),
    "keeping": Group(
        Text("保留多久", "What is kept how long"),
        {
            "idempotency_days": "Idempotency-Key 在请求之后保留多少天；0：永久。",
            "log_keep_days": "已结束任务的日志在最后一行之后多少天删除；0：从不。",
            "log_keep_mib": "日志合计超过这么大时，先删已结束任务中最旧的，MiB；0：从不。",
            "upload_keep_days": "上传的内容在最后一个字节之后多少天删除；0：从不。",
            "trash_keep_days": "删除的东西在多少天内可以恢复，之后清除；0：永久保留。",
            "scratch_keep_days": "没有任务需要的临时文件多少天后删除；0：从不。",
            "preview_keep_days": "导入之前查看过的内容多少天后删除；0：从不。",
            "checkpoint_keep_days": "已完成的训练的检查点在结束之后多少天删除；0：从不。",
            "evaluation_keep_days": "没有被引用的评估在结束之后多少天放入回收站；0：从不。",
        },
    ),
    "release": Group(
        Text("发布", "Release"),
        {
            "release_categories": "模型类别，按 /release_tab 的页次排列。",
            "release_wait_seconds": "/release 等待其任务多久，秒。",
        },
    ),
    "tracks": Group(
        Text("轨迹", "Tracks"),
        {
            "track_datum": "tracks/ 中 track.csv 没有写明时，位置的坐标系：wgs84、gcj02、bd09 或 unknown。",
            "track_service_url": "HTTP 轨迹服务的地址，用于 tracks/ 中没有的轨迹；空：没有。",
            "track_service_datum": "轨迹服务所给位置的坐标系：wgs84、gcj02、bd09 或 unknown。",
            "track_service_timeout": "轨迹服务可以多久没有回应，秒。",
            "track_service_retries": "轨迹服务失败时再试几次。",
            "track_service_parallel": "同时向轨迹服务发出的请求数。",
            "track_service_type": "轨迹服务 image/get 中 `type` 的值。",
            "track_service_seq": "轨迹服务 image/get 中 `seq` 的值。",
            "track_service_image_type": "轨迹服务 image/get 中 `imageType` 的值。",
        },
    ),
    "annotation": Group(
        Text("标注", "Annotation"),
        {
            "annotation_inbox": "标注员放置已完成任务包的目录，供 /linedown 取回。",
            "annotation_outbox": "交付时任务包复制到的目录；空：标注员直接从 packages/ 取。",
            "label_studio_url": "标注任务包的 Label Studio 服务；空：标注员用目录工作。",
            "label_studio_token": "它的访问令牌：40 位十六进制数，或个人访问令牌。",
        },
    ),
    "other": Group(
        Text("其他", "Others"),
        {
            "mlflow_url": "每轮训练都告知的 MLflow 跟踪服务；空：没有。",
            "fail_point": "用于可靠性测试：任务的第一次尝试在何处结束自己或停下（`:stop`）。",
        },
    ),
}
