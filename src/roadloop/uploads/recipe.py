"""What calls about uploads say, and what the job that unpacks one carries."""

from pydantic import Field

from roadloop.parameters import Parameters


class OneUpload(Parameters):
    """Names one upload."""

    upload: str = Field(description="Id of the upload: the last part of its `Location`.")


class Unpack(Parameters):
    """What the job that unpacks an upload carries."""

    upload: str
    name: str
