"""What a release is asked for and carries."""

from pydantic import Field

from roadloop.parameters import JsonObject, Parameters


class Publication(Parameters):
    """What is asked of a release and carried as it is."""

    category: str = Field(alias="type", description="Model category, one of the configured ones.", examples=["车道线"])
    version: str = Field(description="Version of the model.", examples=["20180731"])
    env: str = Field(description="Environment.", examples=["北京"])
    adcode: str = Field("0", description="Six-digit administrative code, or 0 for everywhere.", examples=["1110000"])
    desc: str = Field("", max_length=10_000, description="Free text.", examples=["北京模型"])
    time: str = Field("", description="Time of the release; absent: now.", examples=["2018-07-31 12:22:30"])
    parity: float | None = Field(
        None,
        ge=0,
        le=1,
        description="Ours: publish only if the ONNX export differs from the trained network in at most this share of the"
        " pixels of the task's val split; absent: not asked.",
        examples=[0.0001],
    )
    evaluation: str = Field(
        "",
        max_length=80,
        description="Ours: task id of a finished evaluation of this model with labels, whose scores the release quotes;"
        " absent: those of the model's own validation.",
    )


class Release(Publication):
    """What `/release` takes."""

    dicts: JsonObject = Field(
        description="One source (training task, or release `<category>/<version>`) with its pair of files.",
        examples=[{"20180427": ["kdss.params", "kdss.json"]}],
    )
    page: int = Field(1, description="Which screen asked; changes nothing.")

    @property
    def folder(self) -> str:
        """Where the bundle stands below `models/`."""
        return f"{self.category}/{self.version}/{self.env}-{self.adcode}"


class ReleaseRecipe(Publication):
    """A release with its place, its model file and the pictures of its comparison pinned."""

    source: str = Field(description="Training task, or an earlier release `<category>/<version>`.")
    file: str = Field(description="The `.params` of the pair.")
    folder: str = Field(description="Where the bundle stands below `models/`.")
    path: str = Field(description="Of the `.params`, as the workspace stores it.")
    sha256: str
    pictures: str | None = Field(None, description="For parity: the val split, as evaluations name it.")
