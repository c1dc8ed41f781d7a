"""What Hugging Face's configuration of a SegFormer says, and what the template can be."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from models.published_checkpoints import blueprint
from roadloop.errors import BrokenFileError, InvalidValueError
from roadloop.models import hugging_face

pytest.importorskip("transformers", reason="SegFormer needs transformers, which make setup installs")


@pytest.mark.parametrize("variant", ["b0", "b1", "b2"])
def test_read__knows_every_variant_of_the_template(tmp_path: Path, variant: str) -> None:
    with torch.device("meta"):
        network: Any = blueprint("segformer", 150, variant=variant).build()
    network.model.config.save_pretrained(tmp_path)
    found = hugging_face.read(tmp_path)
    assert found == {"network": "segformer", "settings": {"variant": variant}, "outputs": 150}


def test_read__refuses_what_the_template_cannot_be(tmp_path: Path) -> None:
    for text, error, says in (
        ("[]", BrokenFileError, "not a JSON object"),
        ("{", BrokenFileError, "cannot be read"),
        (json.dumps({"model_type": "beit"}), InvalidValueError, "model_type 'beit'"),
        (json.dumps({"model_type": "segformer", "sr_ratios": [1, 1, 1, 1]}), InvalidValueError, "sr_ratios"),
        (json.dumps({"model_type": "segformer"}), InvalidValueError, "depths None"),
    ):
        (tmp_path / "config.json").write_text(text)
        with pytest.raises(error, match=says):
            hugging_face.read(tmp_path)


def test_folder_of__is_asked_only_for_what_hugging_face_calls_so(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    assert hugging_face.folder_of(tmp_path) == tmp_path
    assert hugging_face.folder_of(tmp_path / "model.safetensors") == tmp_path
    assert hugging_face.folder_of(tmp_path / "other.safetensors") is None
