"""Places of pictures that a test knows to be on the disk."""

from pathlib import Path

from roadloop.storage.objects import Place


def on_disk(place: Place) -> Path:
    """The path; the test fails when it is an object's."""
    assert isinstance(place, Path)
    return place
