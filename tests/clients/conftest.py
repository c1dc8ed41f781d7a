"""One server for all these tests: the whole journey is made once, so they stay with one worker."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from old_journey import Made, journey


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keep them together."""
    for item in items:
        if item.path.parent == Path(__file__).parent:
            item.add_marker(pytest.mark.xdist_group("clients"))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Made]:
    """A server in which that client has been."""
    with journey(tmp_path_factory.mktemp("clients")) as one:
        yield one
