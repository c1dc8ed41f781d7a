"""The pictures and the model of the evaluations' tests: the brightest channel is the class."""

import pytest

from evaluation.conftest import model, pictures

__all__ = ["model", "pictures"]


@pytest.fixture
def served() -> tuple[str, ...]:
    """Engines are evaluated, too."""
    return ("engines", "evaluation")
