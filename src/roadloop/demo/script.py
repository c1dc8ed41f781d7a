"""What a tour does, what it calls its things, and what it brings home: plain records."""

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class Names:
    """What a tour calls its things.

    Attributes:
        data: The dataset; increments are `<data>-<arm>`.
        test: The split that every model is evaluated on.
        network: The network.
        task: The training; further ones are `<task>-<arm>`.
        version: Of the mined pictures, their packages and their labels.
        drives: The list of unlabelled drives.
    """

    data: str = "demo-data"
    test: str = "dataset:demo-data/test"
    network: str = "demo-fast-scnn"
    task: str = "demo-train"
    version: str = "demo-2"
    drives: str = "tracks/demo-drives.txt"


@dataclass(frozen=True)
class Lap:
    """What the second lap does.

    Attributes:
        drives: Unlabelled drives in each city.
        frames: Pictures of each drive.
        every: Frames of 0.4 s between them.
        picks: Pictures that are mined, and again drawn at random as control.
        classes: What is aimed at; "" takes the weak classes of the first lap's evaluation.
        per_track: Mined pictures of one drive, at most; 0: three times an even share.
        package: Most pictures in a package.
        epochs: Passes over old and new pictures together, from the first lap's model on.
        base_lr: The learning rate that this begins with.
    """

    drives: int = 40
    frames: int = 12
    every: int = 5
    picks: int = 96
    classes: str = ""
    per_track: int = 0
    package: int = 48
    epochs: int = 3
    base_lr: float = 0.003


@dataclass(frozen=True)
class Script:
    """What the tour does; everything that decides its numbers.

    Attributes:
        seed: Of the world, the split and the training.
        size: Width and height of the pictures in pixels.
        tracks: Drives in each city.
        frames: Pictures of each drive.
        every: Frames of 0.4 s between them.
        shares: Of train, val and test, by track.
        template: The network template.
        epochs: Passes over the training pictures.
        batch: Pictures in a step.
        gpus: That train and evaluate, by number with commas; empty: the CPU.
        train_con: What else the training's configuration says.
        data_con: What the data's configuration says.
        again: The second lap.
    """

    seed: int = 0
    size: tuple[int, int] = (320, 240)
    tracks: int = 70
    frames: int = 6
    every: int = 9
    shares: tuple[float, float, float] = (0.8, 0.05, 0.15)
    template: str = "fast-scnn"
    epochs: int = 8
    batch: int = 8
    gpus: str = ""
    train_con: dict[str, Any] = field(
        default_factory=lambda: {
            "optimizer": "adamw",
            "base_lr": 0.0075,
            "weight_decay": 0.0002,
            "schedule": "poly",
            "warmup_steps": 20,
            # In so few steps weights cost more precision on thin classes than they bring recall.
            "class_weighting": "none",
            "class_weights": None,
            "cpu_processes": 2,
            "network_settings": {"auxiliary": False, "dropout": 0.0},
            "log_every": 5,
        }
    )
    data_con: dict[str, Any] = field(
        # So few passes learn more from the pictures as they are than from varied ones.
        default_factory=lambda: {"scale": [1.0, 1.0], "brightness": 0.1, "contrast": 0.0, "saturation": 0.0}
    )
    again: Lap = field(default_factory=Lap)


@dataclass
class Gained:
    """What the second lap brings home; the arms are `mined` and `control`.

    Attributes:
        selection: Task id of the selection.
        pictures: Arm -> stems of its pictures.
        source: The source set that came back from the annotator.
        published: How many labels it has.
        evaluation: Task id of the evaluation of all three models.
        reports: `before` and the arms -> its entry for that model.
        comparison: Whether mining paid, and for which classes.
    """

    selection: str = ""
    pictures: dict[str, list[str]] = field(default_factory=dict)
    source: str = ""
    published: int = 0
    evaluation: str = ""
    reports: dict[str, dict[str, Any]] = field(default_factory=dict)
    comparison: dict[str, Any] = field(default_factory=dict)


@dataclass
class Found:
    """What the tour brings home.

    Attributes:
        counts: Pictures by split.
        tracks: Tracks by split.
        model: Name of the released `.params`.
        evaluation: Task id of the evaluation.
        report: The evaluation's entry for the model: scores and classes.
        shown: Pictures of the evaluation.
        release: The release record.
        gained: By the second lap.
    """

    counts: dict[str, int] = field(default_factory=dict)
    tracks: dict[str, int] = field(default_factory=dict)
    model: str = ""
    evaluation: str = ""
    report: dict[str, Any] = field(default_factory=dict)
    shown: int = 0
    release: dict[str, Any] = field(default_factory=dict)
    gained: Gained = field(default_factory=Gained)
