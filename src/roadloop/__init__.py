"""roadloop: the self-hosted loop for teams that teach networks to segment road scenes."""

__version__ = "0.1.0"
