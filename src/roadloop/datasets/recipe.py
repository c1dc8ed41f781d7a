"""What decides a dataset: the frozen description of one /create_data call, resolved."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field


class DatasetRecipe(BaseModel):
    """Everything that the same bytes need, and where to put them."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: str = Field(description="Name of the dataset.")
    sources: tuple[str, ...] = Field(description="Source sets, in order; the first one's names stay short.")
    data_type: Literal["all", "aug"] = Field("all", description="Everything, or an increment of base_data.")
    base_data: str = Field("", description="The dataset that an increment starts from.")
    shares: dict[str, float] = Field(description="Shares as sent, by split.")
    lists: bool = Field(False, description="Use the sets' official lists instead of splitting.")
    split_by: Literal["track", "picture"] = Field("track", description="What is never torn apart.")
    seed: int = Field(0, description="Draws the split.")
    filter: dict[str, tuple[str, ...] | dict[str, str]] = Field({}, description="Which pictures; see sources.choice.")
    max_bad: float = Field(0.05, description="Larger shares of bad files fail the job.")
