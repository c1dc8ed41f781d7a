"""Weights files of other makers: torch files in a process under limits, safetensors, `.params`; good and evil ones."""

import os
import struct
import subprocess
import sys
import zipfile
from collections import OrderedDict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from full_disk import Disk
from roadloop.errors import BrokenFileError, NotFoundError
from roadloop.models import foreign, load, torch_file
from roadloop.models.params import write_params
from roadloop.networks.trust import Trust

STATE = OrderedDict(
    (("z.weight", torch.arange(6.0).reshape(2, 3)), ("a.bias", torch.tensor([1.5, -2.0], dtype=torch.float16)))
)


def check(arrays: dict[str, np.ndarray]) -> None:
    assert list(arrays) == ["z.weight", "a.bias"]
    assert arrays["z.weight"].tolist() == [[0, 1, 2], [3, 4, 5]]
    assert arrays["a.bias"].dtype == np.float16
    assert arrays["a.bias"].tolist() == [1.5, -2.0]


@pytest.mark.parametrize("zipped", [True, False], ids=["zip", "legacy"])
def test_read_weights__torch_file_of_both_formats(tmp_path: Path, zipped: bool) -> None:
    path = tmp_path / "权重.pth"
    torch.save(STATE, path, _use_new_zipfile_serialization=zipped)
    check(foreign.read_weights(path))


@pytest.mark.parametrize(
    "content",
    [
        {"state_dict": STATE, "epoch": 3, "optimizer": {"state": {0: torch.zeros(1)}}},
        {"epoch": 3, "model": {f"module.{k}": v for k, v in STATE.items()}},
        {"model_state": {"state_dict": {f"_orig_mod.module.{k}": v for k, v in STATE.items()}}},
        {**STATE, "note": "text"},
    ],
)
def test_tensors_of__finds_the_network_in_a_checkpoint(content: Any) -> None:
    check({name: value.numpy() for name, value in torch_file.tensors_of(content).items()})


@pytest.mark.parametrize("name", ["state_dict_ema", "model_ema", "model"])
def test_tensors_of__a_network_that_stands_there_twice_is_not_chosen(name: str) -> None:
    other = {f"module.{k}": v + 1 for k, v in STATE.items()}
    with pytest.raises(ValueError, match=f"state_dict and as {name}"):
        torch_file.tensors_of({"state_dict": STATE, name: other})
    check({k: v.numpy() for k, v in torch_file.tensors_of({"state_dict": STATE, name: dict(STATE)}).items()})


def test_tensors_of__converts_what_numpy_lacks() -> None:
    found = torch_file.tensors_of([torch.tensor([1.5], dtype=torch.bfloat16), torch.ones(3)[::2]])
    assert list(found) == ["0", "1"]
    assert found["0"].dtype == torch.float32
    assert found["1"].is_contiguous()


@pytest.mark.parametrize("content", [{}, 7, {"a": 1}, {"a": torch.zeros(2).to_sparse()}, {"a": torch.zeros(1) * 1j}])
def test_tensors_of__says_what_it_is_instead(content: Any) -> None:
    with pytest.raises(ValueError, match=r"it holds|it has no tensors|another kind"):
        torch_file.tensors_of(content)


def test_tensors_of__a_loop_ends() -> None:
    content: dict[str, Any] = {}
    content["model"] = content
    with pytest.raises(ValueError, match="no tensors"):
        torch_file.tensors_of(content)


class Evil:
    """What a pickle can do when it is let."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> Any:
        return os.mkdir, (str(self.path),)


def test_read_weights__nothing_in_a_torch_file_is_run(tmp_path: Path) -> None:
    torch.save({"weight": torch.zeros(1), "x": Evil(tmp_path / "run")}, tmp_path / "evil.pth")
    with pytest.raises(BrokenFileError, match=r"from evil\.pth: it holds more than tensors: posix\.mkdir\. ") as caught:
        foreign.read_weights(tmp_path / "evil.pth")
    assert "其中不只有张量，还有 posix.mkdir。" in caught.value.text.zh
    assert not (tmp_path / "run").exists()


def test_read_weights__a_bomb_ends_at_its_limit(tmp_path: Path) -> None:
    """A zip of some kB whose tensor claims, and would unpack to, 800 MiB."""
    torch.save({"w": torch.zeros(4)}, tmp_path / "small.pth")
    with (
        zipfile.ZipFile(tmp_path / "small.pth") as small,
        zipfile.ZipFile(tmp_path / "bomb.pth", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as bomb,
    ):
        for name in small.namelist():
            if name.endswith("/data/0"):
                with bomb.open(name, "w") as stream:
                    for _ in range(800):
                        stream.write(bytes(2**20))
            else:
                bomb.writestr(name, small.read(name))
    assert (tmp_path / "bomb.pth").stat().st_size < 8 * 2**20
    with pytest.raises(BrokenFileError, match=r"No tensors can be read from bomb\.pth: .*(memory|alloc)"):
        foreign.read_weights(tmp_path / "bomb.pth")


def test_limit__memory_and_writing_end() -> None:
    program = (
        "from roadloop.models.torch_file import limit\n"
        "import resource, torch\n"
        "limit(1000)\n"
        "assert resource.getrlimit(resource.RLIMIT_CORE) == (0, 0)\n"
        "assert resource.getrlimit(resource.RLIMIT_CPU)[0] <= 130\n"
        "torch.zeros(2**20)\n"
        "try:\n"
        "    torch.zeros(2**28)\n"
        "except RuntimeError:\n"
        "    print('refused')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "refused\n"), done.stderr


def test_read_weights__broken_torch_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.pth").write_bytes(b"text" * 100)
    with pytest.raises(BrokenFileError, match=r"x\.pth: it is not a whole torch file\. .*torch\.save"):
        foreign.read_weights(tmp_path / "x.pth")


def test_read_weights__safetensors(tmp_path: Path) -> None:
    save_file({"b": torch.tensor([1.5], dtype=torch.bfloat16), "a": torch.ones(2, 2)}, tmp_path / "x.safetensors")
    arrays = foreign.read_weights(tmp_path / "x.safetensors")
    assert {name: (str(a.dtype), a.tolist()) for name, a in arrays.items()} == {
        "a": ("float32", [[1, 1], [1, 1]]),
        "b": ("float32", [1.5]),
    }


@pytest.mark.parametrize("data", [b"", b"\0" * 8, struct.pack("<Q", 2**62) + b"{}", struct.pack("<Q", 2) + b"[]"])
def test_read_weights__broken_safetensors_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "x.safetensors").write_bytes(data)
    with pytest.raises(BrokenFileError, match=r"x\.safetensors"):
        foreign.read_weights(tmp_path / "x.safetensors")
    with pytest.raises(NotFoundError):
        foreign.read_weights(tmp_path / "absent.pth")


MXNET = """
from collections import OrderedDict
from torch import nn

def build(num_classes):
    return nn.Sequential(OrderedDict(conv=nn.Conv2d(2, num_classes, 1), bn=nn.BatchNorm2d(num_classes)))
"""


def test_load_start_weights__foreign_params_with_names_of_mxnet(tmp_path: Path) -> None:
    plan = load.Blueprint(MXNET, 3, trust=Trust.of(MXNET))
    network = plan.build()
    draw = np.random.default_rng(0)
    shapes = {"conv_weight": (3, 2), "conv_bias": (3,), "bn_gamma": (3,), "bn_beta": (3,)}
    arrays = {f"arg:{name}": draw.random(shape).astype(np.float32) for name, shape in shapes.items()}
    arrays |= {f"aux:bn_moving_{name}": draw.random(3).astype(np.float32) for name in ("mean", "var")}
    (tmp_path / "foreign.params").write_bytes(write_params(arrays))
    (tmp_path / "foreign.v0").write_bytes(write_params(arrays))  # known by its first bytes
    assert (
        foreign.read_weights(tmp_path / "foreign.v0").keys() == foreign.read_weights(tmp_path / "foreign.params").keys()
    )
    report = load.load_start_weights(tmp_path / "foreign.params", network, plan)
    assert len(report.taken) == 6
    assert report.reshaped == (("conv.weight", (3, 2), (3, 2, 1, 1)),)
    state = network.state_dict()
    assert np.array_equal(state["conv.weight"].numpy()[:, :, 0, 0], arrays["arg:conv_weight"])
    assert np.array_equal(state["bn.running_var"].numpy(), arrays["aux:bn_moving_var"])


def test_main__says_what_is_wrong_and_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Here without its limits, which would stay with this process."""
    monkeypatch.setattr(torch_file, "limit", lambda _size: None)
    torch.save(STATE, tmp_path / "whole.pth")
    torch_file.main(tmp_path / "whole.pth", tmp_path / "tensors.safetensors")
    check(foreign.read_weights(tmp_path / "tensors.safetensors"))
    (tmp_path / "cut.pth").write_bytes((tmp_path / "whole.pth").read_bytes()[:100])
    torch.save({"w": torch.empty(4, dtype=torch.bits8)}, tmp_path / "bits.pth")  # safetensors has no such type
    for source, target, code, said in (
        ("bits.pth", "x.safetensors", 2, '["'),
        ("cut.pth", "x.safetensors", 2, '["'),
        ("whole.pth", "no/such/folder/x.safetensors", torch_file.UNWRITTEN, "No such file or directory"),
    ):
        with pytest.raises(SystemExit) as left:
            torch_file.main(tmp_path / source, tmp_path / target)
        assert left.value.code == code
        assert said in capsys.readouterr().err.splitlines()[-1]


@pytest.mark.parametrize(("room", "what"), [(1, "temporary"), (2, "tensors.safetensors")])
def test_read_weights__a_full_disk_is_not_the_files_fault(tmp_path: Path, room: int, what: str) -> None:
    torch.save(STATE, tmp_path / "whole.pth")
    (tmp_path / "temporary").mkdir()
    disk = Disk(tmp_path / "temporary")
    disk.restart(room=room)  # Python tries the folder with a write of its own
    code = "import sys, pathlib, roadloop.models.foreign as f; f.read_weights(pathlib.Path(sys.argv[1]))"
    process = disk.start(
        [sys.executable, "-P", "-c", code, str(tmp_path / "whole.pth")],
        env=os.environ | {"TMPDIR": disk.home}, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    _, said = process.communicate(timeout=60)
    disk.close()
    assert f"DiskFullError: Cannot write {what}: " in said.splitlines()[-1], said
    assert "No space left on device" in said.splitlines()[-1]
    assert list((tmp_path / "temporary").iterdir()) == []


def test_read_weights__broken_params_is_named(tmp_path: Path) -> None:
    (tmp_path / "层.params").write_bytes(b"short")
    with pytest.raises(BrokenFileError, match=r"层\.params: Not a whole.*within the header") as caught:
        foreign.read_weights(tmp_path / "层.params")
    assert "层.params" in caught.value.text.zh
