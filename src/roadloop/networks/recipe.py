"""What the two jobs of networks are asked for and carry."""

from pydantic import Field

from roadloop.parameters import Parameters


class CreateNet(Parameters):
    """What `/create_net` takes."""

    name: str = Field(
        alias="network_name", description="Name of the new network; one folder name.", examples=["c_network"]
    )
    template: str = Field(
        alias="src_net", description="Template to copy, one of `/src_network`.", examples=["kd-seg.template"]
    )
    description: str = Field(
        "", alias="net_describe", exclude=True, max_length=10_000, description="Free text.", examples=["神经网络"]
    )


class AddNet(Parameters):
    """What `POST /v1/networks` takes."""

    name: str = Field(
        alias="network_name", description="Name of a folder in `networks/` of the workspace.", examples=["lane_net"]
    )
    description: str = Field(
        "", alias="net_describe", exclude=True, max_length=10_000, description="Free text.", examples=["车道网络"]
    )
