"""The shipped templates as tests build them. What stands in their folder counts: a new one is tested by being there."""

from typing import Final

from roadloop.networks.folder import TEMPLATES

NAMES: Final = sorted(path.parent.name for path in TEMPLATES.glob("*/network.py"))
#: How wide each is built, so that a test is quick; `build` of every template takes `width`.
WIDTHS: Final = dict.fromkeys(NAMES, 1 / 4) | {"rna-a1": 1 / 64}
