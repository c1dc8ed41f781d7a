"""What an examination of a source set is asked for and carries."""

from pydantic import Field

from roadloop.parameters import Parameters
from roadloop.sources.health.noise import CONFIDENCE, MIN_PIXELS
from roadloop.sources.health.similar import DISTANCE


class Examination(Parameters):
    """What is asked of an examination and carried as it is."""

    name: str = Field(description="Name of a source set.")
    model: str = Field("", description="Model file <task>/<file>.params that looks for label noise; absent: none.")
    confidence: float = Field(CONFIDENCE, ge=0, le=1, description="Certainty from which a model's word counts.")
    min_pixels: int = Field(MIN_PIXELS, ge=1, description="Smaller pieces of disagreement are passed over.")
    distance: int = Field(DISTANCE, ge=0, le=16, description="Bits (of 64) in which near-duplicates may differ.")


class CheckHealth(Examination):
    """Parameters of an examination."""

    against: str = Field("", description="Sets searched for the same pictures: a comma list, or none; absent: all.")
    gpus: str = Field("", description="GPU for the model; absent or cpu: CPU.")


class HealthRecipe(Examination):
    """An examination with the sets that it compares with, by name."""

    against: tuple[str, ...] = ()
