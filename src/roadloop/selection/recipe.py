"""What the two jobs of selections are asked for and carry."""

from typing import Literal

from pydantic import Field, field_validator

from roadloop.parameters import Parameters
from roadloop.selection.model import Aim

Method = Literal["margin", "entropy", "least_confidence"]
ControlKind = Literal["random", "seen"]


class Draw(Parameters):
    """What is asked of any selection and carried as it is."""

    sele_ratio: str = Field(
        alias="ratio",
        max_length=40,
        description="A number of pictures, a share below 1, or percent such as 10%.",
        examples=["1"],
    )
    track_file: str = Field("", description="Text file with one track id a line.", examples=["tracks.txt"])
    task_file: str = Field(
        "", description="Instead: a text file with survey task ids, or the ids with commas.", max_length=100_000
    )
    isshuffle: bool = Field(True, description="1: at random. 0: evenly spaced along each track.")
    seed: int = Field(0, ge=0, lt=2**63, description="Of every draw: the same call takes the same pictures.")
    overwrite: bool = Field(False, description="Replace an earlier selection that stands in `output_dir`.")


class Sample(Draw):
    """What `/sam_value` takes."""

    tracks: str = Field(
        "",
        max_length=1_000_000,
        description="Instead: track ids with commas or one a line; `*`: every track that stands in a folder.",
    )
    output_dir: str = Field(
        "", description="Output folder, new or empty; absent: `selections/<task id>`.", examples=["selections/a"]
    )


class SampleRecipe(Draw):
    """A selection with its place and its list pinned; paths as the workspace stores them."""

    output_path: str = Field(description="Empty: the selection's own folder.")
    track_path: str = Field(description="The file of track ids; empty: the survey tasks say which.")
    tasks: tuple[str, ...]
    tracks: tuple[str, ...] = Field((), description="Track ids that were named in the request.")
    points: tuple[str, ...] = Field(
        (), description="Track points that were listed; these are taken, in place of a share."
    )
    reach: int = Field(0, ge=0, description="With `points`: so many neighbours on either side are taken, too.")


class Scoring(Parameters):
    """How pictures are scored."""

    weights_dir: str = Field(
        description="A training task (its best model), or a folder with model files.", examples=["suzhou"]
    )
    single_gpu: int = Field(1, ge=1, le=256, description="Pictures scored at once on each GPU (batch size).")
    method: Method = Field("margin", description="How the uncertainty of a pixel is measured.")


class Mining(Scoring):
    """What is asked of a mining besides and carried as it is."""

    control: int = Field(0, ge=0, le=1_000_000, description="Size of the random control arm.")
    control_kind: ControlKind = Field(
        "random",
        description="What the control arm is drawn from. random: everything that could be mined. seen: the pictures in which"
        " the model sees a class wanted.",
    )
    candidates: int = Field(50_000, ge=1, le=10_000_000, description="Pictures that are looked at, at most.")
    per_track: int = Field(0, ge=0, description="Pictures of one track, at most; 0: three times an even share.")
    gap_frames: int = Field(5, ge=0, description="Least distance of two pictures of a track, in points of it.")
    gap_seconds: float = Field(0, ge=0, allow_inf_nan=False, description="The same in seconds, where times are known.")
    gap_metres: float = Field(
        0,
        ge=0,
        allow_inf_nan=False,
        description="The same in metres, where places are known; their datum must be declared (docs/mining.md).",
    )
    memory_mib: int = Field(
        2048,
        ge=1,
        le=2**20,
        description="Memory for embeddings while pictures are picked, MiB. What does not fit is picked in parts, which"
        " takes other pictures (docs/mining.md).",
    )

    @field_validator("gap_seconds", "gap_metres")
    @classmethod
    def _plain_zero(cls, value: float) -> float:
        """0 and not 0.0 where there is none: reports of selections have it so."""
        return value or 0


class Aiming(Parameters):
    """On which devices pictures are scored, and for which classes."""

    gpus: str = Field(
        "",
        max_length=200,
        description="GPU numbers separated by commas (`0,1`; `node2:0,1` on another machine; `any:2`: whichever has two free); absent or cpu: CPU.",
    )
    classes: str = Field(
        "",
        max_length=2000,
        description="Names or train ids of the classes wanted, with commas; absent: the weak ones of the last evaluation.",
    )


class Mine(Mining, Aiming, Sample):
    """What `/sele_value` takes."""

    labelled: str = Field(
        "", max_length=4000, description="Source sets whose pictures are not taken again; absent: all; `none`: none."
    )


class MineRecipe(Mining, SampleRecipe):
    """A mining with its model and the classes that it aims at pinned."""

    model_path: str = Field(description="As the workspace stores it.")
    model_sha256: str
    aims: tuple[Aim, ...]
    aims_source: tuple[str, str] = Field(description="Where they come from, in Chinese and English.")
    labelled: tuple[str, ...] | None = Field(description="By name; null: all that there are when the job runs.")


class ListedPoints(Parameters):
    """What is asked of any selection of listed track points."""

    points: str = Field(
        max_length=1_000_000,
        description="Track point ids, with commas or one a line; `<track>/<point>` says the track, too.",
        examples=["d0_003,d1_003"],
    )
    tracks: str = Field(
        "",
        max_length=1_000_000,
        description="Tracks on which they are looked for, with commas or one a line; absent: the track that an id begins"
        " with, then all tracks that stand in folders.",
    )
    overwrite: bool = Field(False, description="Replace an earlier selection that stands there.")


class FetchPoints(ListedPoints):
    """Which pictures are fetched, and where to."""

    name: str = Field(description="Folder under images/, new or empty.", examples=["faults"])


class Neighbours(ListedPoints, Scoring, Aiming):
    """Which neighbourhoods are scored, and how."""

    reach: int = Field(20, ge=0, le=1000, description="Neighbours on either side of each point, at most.")
    output_dir: str = Field("", description="Output folder, new or empty; absent: `selections/<task id>`.")
    labelled: str = Field(
        "none",
        max_length=4000,
        description="Source sets whose pictures are not taken again; `none`: of none; empty: of all.",
    )
