"""Weights in files: what is read, what is found in it, and what is never run."""

import pickle
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models import Classifier, build
from nearsight.models.weights import load_weights, read_weights


def network() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4))


STATE = network().state_dict()


@pytest.mark.parametrize(
    "content",
    [
        STATE,
        {"state_dict": STATE, "epoch": 3},
        {"model": STATE, "optimizer": {"state": {}}},
        {"model_state_dict": {f"module.{name}": tensor for name, tensor in STATE.items()}},
        {f"module._orig_mod.{name}": tensor for name, tensor in STATE.items()},
        {name: tensor for name, tensor in STATE.items() if "num_batches" not in name},
    ],
    ids=["bare", "state_dict", "model", "module.", "compiled", "without counters"],
)
@pytest.mark.parametrize("suffix", ["pt", "pth"])
def test_weights_are_found_in_what_scripts_save(content: dict[str, Any], suffix: str, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{suffix}"
    torch.save(content, path)
    other = network()
    load_weights(other, read_weights(path), str(path))
    for name, tensor in other.state_dict().items():
        assert torch.equal(tensor, STATE[name]), name


def test_safetensors_are_read(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "weights.safetensors")
    assert read_weights(tmp_path / "weights.safetensors").keys() == STATE.keys()


class Trap:
    """A pickle that leaves a file behind when it is loaded."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> Any:
        return Path.touch, (self.mark,)


@pytest.mark.parametrize("suffix", ["pt", "pth", "bin"])
def test_a_file_never_runs_code(suffix: str, tmp_path: Path) -> None:
    path, mark = tmp_path / f"weights.{suffix}", tmp_path / "mark"
    torch.save({"state_dict": STATE, "args": Trap(mark)}, path)
    with pytest.raises(InputError, match=r"holds more than weights, .* best as safetensors") as told:
        read_weights(path)
    assert not mark.exists()
    assert "\n" not in str(told.value)
    path.write_bytes(pickle.dumps(Trap(mark)))
    with pytest.raises(InputError):
        read_weights(path)
    assert not mark.exists()


def test_a_whole_network_in_a_pickle_is_refused(tmp_path: Path) -> None:
    torch.save(network(), tmp_path / "network.pt")
    with pytest.raises(InputError, match="holds more than weights"):
        read_weights(tmp_path / "network.pt")


@pytest.mark.parametrize("suffix", ["safetensors", "pt"])
@pytest.mark.parametrize("content", [b"", b"cut short", None])
def test_a_damaged_or_absent_file_is_named(suffix: str, content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / f"weights.{suffix}"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(InputError, match="weights"):
        read_weights(path)


@pytest.mark.parametrize("content", [3, [STATE], {"epoch": 3}, {}])
def test_a_file_without_weights_is_refused(content: Any, tmp_path: Path) -> None:
    torch.save(content, tmp_path / "weights.pt")
    with pytest.raises(InputError, match="not weights by name"):
        read_weights(tmp_path / "weights.pt")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"expected one whose name ends in \.safetensors"):
        read_weights(tmp_path / "weights.h5")


@pytest.mark.parametrize(
    ("name", "tensor", "says"),
    [
        ("0.bias", torch.zeros(5), "'0.bias' is 5 in the file but 4 in the network"),
        ("0.bias", None, "'0.bias' is missing in the file but 4"),
        ("head.weight", torch.zeros(2, 4), "'head.weight' is 2×4 in the file but missing"),
    ],
)
def test_what_does_not_fit_is_named_and_changes_nothing(name: str, tensor: Tensor | None, says: str) -> None:
    changed = {key: value + 1 for key, value in STATE.items() if key != name}
    changed |= {} if tensor is None else {name: tensor}
    other = network()
    before = {key: value.clone() for key, value in other.state_dict().items()}
    with pytest.raises(InputError, match=f"file does not fit the architecture: {says}"):
        load_weights(other, changed, "file")
    assert all(torch.equal(value, before[key]) for key, value in other.state_dict().items())


@pytest.mark.parametrize(
    ("name", "width"), [("resnet18", 0.25), ("airbench", 0.25), ("timm:test_resnet", 1.0)]
)
def test_a_named_architecture_takes_weights_and_their_number_of_classes(
    name: str, width: float, tmp_path: Path
) -> None:
    torch.manual_seed(1)
    trained = build(name, 7, width=width).eval()
    save_file(trained.state_dict(), tmp_path / "weights.safetensors")
    made = Classifier.of(name, weights=tmp_path / "weights.safetensors", width=width, mean=0.5, std=0.5)
    assert made.classes == tuple("0123456")
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(made(images), trained(images))


def test_a_network_of_ones_own_takes_weights_into_a_copy(tmp_path: Path) -> None:
    own = nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten())
    weights = {name: tensor + 1 for name, tensor in own.state_dict().items()}
    torch.save({"model": weights}, tmp_path / "weights.pt")
    made = Classifier.of(own, classes=4, weights=tmp_path / "weights.pt", mean=0, std=1)
    assert torch.equal(made.network.state_dict()["0.bias"], own.state_dict()["0.bias"] + 1)
