"""Tables of the names of published weights: each is whole, and a broken one is named."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from roadloop.errors import InvalidValueError
from roadloop.networks.folder import TEMPLATES
from roadloop.networks.load import load_network
from roadloop.networks.names import Published, key, read_published


def test_key__is_the_same_whichever_library_wrote_the_name() -> None:
    assert key("bn1.weight") == key("bn1_gamma") == "bn1_weight"
    assert key("bn1.running_var") == key("bn1_moving_var")


def test_find__stars_are_numbers_and_the_first_pattern_counts() -> None:
    whose = Published(
        name="x",
        source="y",
        modules={"levels.*.0.norm": "bn*a", "levels.*.*.norm": "bn*b*", "head": "linear{classes}"},
        auxiliary=("side",),
    )
    keys = {"bn3a_weight", "bn3b2_weight", "linear19_bias", "linearx_bias"}
    assert whose.find("levels.3.0.norm.weight", keys) == "bn3a_weight"
    assert whose.find("levels.3.2.norm.weight", keys) == "bn3b2_weight"
    assert whose.find("levels.3.4.norm.weight", keys) is None
    assert whose.find("head.bias", keys) == "linear19_bias"
    assert whose.find("tail.bias", keys) is None
    assert whose.known(["bn3a_gamma", "bn3b2.weight", "side.0.weight", "sideways.weight"]) == (3, -1)
    assert whose.is_apart("side.0.weight")
    assert not whose.is_apart("sideways.weight")


@pytest.mark.parametrize("template", [p.name for p in sorted(TEMPLATES.iterdir()) if (p / "names.json").is_file()])
def test_names__every_tensor_of_ours_has_one_name_of_theirs(template: str) -> None:
    for whose in read_published(TEMPLATES / template):
        settings: dict[str, Any] = whose.settings
        with torch.device("meta"):
            network = load_network(TEMPLATES / template, 19, settings)
        ours = [n for n in network.state_dict() if not n.startswith(tuple(f"{m}." for m in whose.without))]
        found = [whose.find(own, _Whatever()) for own in ours]
        assert None not in found
        assert len(set(found)) == len(found)


class _Whatever(set[str]):
    """The keys of a file that has every name there can be, and 19 classes."""

    def __contains__(self, key: object) -> bool:
        return True

    def __iter__(self) -> Iterator[str]:
        return iter(("linear19_weight", "linear19_bias"))


def test_read_published__a_broken_table_is_named(tmp_path: Path) -> None:
    assert read_published(tmp_path) == ()
    for text in ("[", '[{"name": "x"}]', json.dumps([{"name": "x", "source": "y", "modules": {}, "more": 1}])):
        (tmp_path / "names.json").write_text(text)
        with pytest.raises(InvalidValueError, match=r"names\.json is not a valid table of names"):
            read_published(tmp_path)
