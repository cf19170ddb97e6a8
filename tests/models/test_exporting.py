"""Exported networks give the logits of the original, and say what their classes are; a wrong one is never kept."""

import json
import re
import resource
import sys
from pathlib import Path

import onnx
import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.models import Architecture, Classifier, Preprocessing, exporting
from nearsight.models.exporting import FORMATS, export_classifier

CLASSES = ("cat", "dog", "owl")
PREPARED = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.25, 0.3), resize_short=40)


def classifier(name: str, tile: int | None = 16) -> Classifier:
    torch.manual_seed(0)
    architecture = Architecture(name, len(CLASSES), width=0.1, tile=tile)
    return Classifier(architecture.build(), architecture, CLASSES, tile, PREPARED).eval()


# Tracing a ResNet by `torch.export` takes as long as all others together, and it has no layer that they lack.
@pytest.mark.parametrize(
    ("form", "name"),
    [
        *((form, name) for form in FORMATS for name in ("airbench", "tilenet")),
        *((form, "resnet18") for form in FORMATS if form != "torch-export"),
    ],
)
def test_the_file_gives_the_logits_of_the_network_for_any_batch(form: str, name: str, tmp_path: Path) -> None:
    model, path = classifier(name), tmp_path / f"model{FORMATS[form].suffix}"
    export_classifier(model, path, form)
    run = FORMATS[form].read(path)
    for count in (1, 3, 64):
        images = torch.randn(count, 3, 16, 16)
        torch.testing.assert_close(run(images), model(images).detach(), rtol=1e-4, atol=1e-4)
    assert [each.name for each in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("form", FORMATS)
def test_the_file_says_what_the_classes_are(form: str, tmp_path: Path) -> None:
    path = tmp_path / f"model{FORMATS[form].suffix}"
    export_classifier(classifier("airbench"), path, form)
    extra = {"nearsight.json": ""}
    if form == "onnx":
        text = {entry.key: entry.value for entry in onnx.load(str(path)).metadata_props}["nearsight"]
    elif form == "torchscript":
        with pytest.warns((DeprecationWarning, FutureWarning), match="deprecated"):
            torch.jit.load(str(path), _extra_files=extra)
        text = extra["nearsight.json"]
    else:
        torch.export.load(str(path), extra_files=extra)
        text = extra["nearsight.json"]
    found = json.loads(text)
    assert (found["classes"], found["tile"]) == (list(CLASSES), 16)
    assert found["preprocessing"]["mean"] == [0.4, 0.5, 0.6]
    assert found["schema"] == 4


def test_a_classifier_is_made_of_the_file_again(tmp_path: Path) -> None:
    model, path = classifier("airbench"), tmp_path / "model.onnx"
    export_classifier(model, path, "onnx")
    again = Classifier.of(path)
    assert (again.classes, again.tile, again.preprocessing) == (CLASSES, 16, PREPARED)
    image = torch.randint(256, (3, 16, 16), dtype=torch.uint8)
    prepared = PREPARED.normalise(image)[None]
    torch.testing.assert_close(again(prepared), model(prepared).detach(), rtol=1e-4, atol=1e-4)
    assert Classifier.of(path, classes=("a", "b", "c"), mean=0.5).classes == ("a", "b", "c")


class OneSize(nn.Module):
    """A network whose head is for one size of images."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 16 * 16, len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.head(images.flatten(1))
        return found


@pytest.mark.parametrize("form", FORMATS)
def test_a_network_of_one_size_is_exported_for_it_and_it_is_said(form: str, tmp_path: Path) -> None:
    model = Classifier.of(OneSize(), classes=CLASSES, tile=16, mean=0.5, std=0.5)
    notes = export_classifier(model, tmp_path / "model", form)
    assert "16×16 pixels alone" in notes[-1]


@pytest.mark.parametrize("form", FORMATS)
def test_a_file_with_other_logits_is_not_kept(
    form: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read = FORMATS[form].read

    def wrong(path: Path) -> exporting.Run:
        run = read(path)
        return lambda images: run(images) + 0.01

    monkeypatch.setattr(exporting, "FORMATS", FORMATS | {form: FORMATS[form]._replace(read=wrong)})
    path = tmp_path / "model"
    path.write_bytes(b"before")
    with pytest.raises(InputError, match=r"logits differ from the network's by 0\.01; try another format"):
        export_classifier(classifier("airbench"), path, form)
    assert path.read_bytes() == b"before"
    assert [each.name for each in tmp_path.iterdir()] == ["model"]


@pytest.mark.parametrize("form", FORMATS)
def test_a_disk_that_does_not_take_the_file_is_said(form: str, tmp_path: Path) -> None:
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "model"
    path.write_bytes(b"before")
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, before[1]))
        with pytest.raises(InputError, match=r"cannot write .*model: File too large"):
            export_classifier(classifier("airbench"), path, form)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert [each.name for each in tmp_path.iterdir()] == ["model"]
    assert path.read_bytes() == b"before"


class Chance(nn.Module):
    """A network that no graph can hold: what it does depends on what it is given."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3, len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        found: Tensor = self.head(images.mean((2, 3)))
        return found if float(found.detach().sum()) > 1e9 else -found * len(images)


def test_what_cannot_be_exported_is_one_line(tmp_path: Path) -> None:
    model = Classifier.of(Chance(), classes=CLASSES, tile=8, mean=0.5, std=0.5)
    for form in FORMATS:
        with pytest.raises(InputError, match=f"cannot be exported as {form}: ") as caught:
            export_classifier(model, tmp_path / "model", form)
        assert "\n" not in str(caught.value)
    assert not list(tmp_path.iterdir())
    with pytest.raises(InputError, match="is not a PyTorch network"):
        export_classifier(
            Classifier.of(lambda images: images.mean((2, 3)), classes=CLASSES), tmp_path / "model", "onnx"
        )
    with pytest.raises(InputError, match="unknown format 'onx'; did you mean 'onnx'"):
        export_classifier(model, tmp_path / "model", "onx")


def test_a_file_of_probabilities_gives_logits_and_says_so(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, 2), nn.Softmax(1)).eval()
    toy = Classifier.of(network, classes=("cat", "dog"), tile=4, mean=0.5, std=0.5, outputs="probabilities")
    path = tmp_path / "toy.onnx"
    export_classifier(toy, path, "onnx")
    images = torch.rand(3, 3, 4, 4)
    torch.testing.assert_close(Classifier.of(path)(images), toy(images))


@pytest.mark.parametrize("package", ["onnx", "onnxruntime"])
def test_a_package_that_is_missing_is_told_with_the_extra_that_brings_it(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(InputError, match=re.escape("pip install 'nearsight[onnx]'")):
        export_classifier(classifier("tilenet"), tmp_path / "toy.onnx", "onnx")
    assert not list(tmp_path.iterdir())
