"""A classifier from anything: what is taken over, what is found, what is told, what is refused."""

import re
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import timm
import torch
from torch import Tensor, nn

from nearsight.digest import unsealed_json
from nearsight.errors import InputError
from nearsight.evidence import evidence
from nearsight.models import Architecture, Classifier, Preprocessing, load_classifier, save_classifier
from nearsight.models.said import class_names

PIXELS = "nothing was said of mean and std: the model is given pixels from 0 for black to 1 for white"


def network(*layers: nn.Module, outputs: int = 3) -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 5), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(6, outputs), *layers
    )


def image(height: int = 24, width: int = 30) -> Tensor:
    return torch.randint(
        0, 256, (3, height, width), dtype=torch.uint8, generator=torch.Generator().manual_seed(0)
    )


def test_a_size_that_images_are_brought_to_is_shown() -> None:
    small = Classifier.of(lambda images: images.mean((2, 3)), classes=3, resize_to=(32, 48))
    assert "32×48 pixels" in repr(small)


def test_a_directory_of_hugging_face_or_timm_is_told_how_it_opens(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match=r"timm:local-dir:.*from_pretrained"):
        Classifier.of(tmp_path)


def test_a_module_is_used_as_it_is() -> None:
    own = network().train()
    made = Classifier.of(own, classes=("a", "b", "c"), tile=16, mean=(0.1, 0.2, 0.3), std=0.5)
    assert made.network is own
    assert own.training
    assert made.architecture == Architecture("custom:Sequential", 3)
    assert made.preprocessing == Preprocessing((0.1, 0.2, 0.3), (0.5, 0.5, 0.5))
    assert (made.tile, made.notes) == (16, ())
    made.eval()
    picture = made.prepare(image())
    assert torch.equal(made(picture[None]), own(picture[None]))
    assert evidence(made, [picture], tile=16, classes=made.classes)[0].logits.shape == (3, 9, 15)


def test_classes_that_are_not_named_are_counted_and_it_is_said() -> None:
    made = Classifier.of(network(), name="mine")
    assert made.classes == ("0", "1", "2")
    assert made.notes == (PIXELS, "mine gives 3 logits, whose classes are numbered as none were named")
    assert Classifier.of(network(), classes=3, mean=0.5, std=0.5).notes == ()


def test_what_is_said_wins_over_what_is_known() -> None:
    known = timm.create_model("test_resnet", num_classes=3)
    taken = Classifier.of(known, classes="a,b,c").preprocessing
    assert taken.mean == known.pretrained_cfg["mean"]
    assert taken.resize_short == int(160 / known.pretrained_cfg["crop_pct"])
    said = Classifier.of(known, classes="a,b,c", resize_to=(40, 50), crop=32, std=1, interpolation="lanczos")
    assert said.preprocessing == Preprocessing(
        taken.mean, (1.0, 1.0, 1.0), interpolation="lanczos", resize_to=(40, 50), crop=(32, 32)
    )


def test_the_layout_that_a_network_takes() -> None:
    made = Classifier.of(lambda images: images.mean((1, 2)), layout="NHWC", mean=0, std=1)
    assert made.classes == ("0", "1", "2")
    expected = image().float().mean((1, 2)) / 255
    torch.testing.assert_close(made(made.prepare(image())[None])[0], expected)


def test_the_range_and_the_order_of_colours_that_a_network_takes() -> None:
    made = Classifier.of(
        lambda images: images.mean((2, 3)), input_range="0-255", mean=(100, 110, 120), channels="BGR"
    )
    expected = image().float().mean((1, 2)).flip(0) - torch.tensor([100.0, 110.0, 120.0])
    torch.testing.assert_close(made(made.prepare(image())[None])[0], expected)


@pytest.mark.parametrize(
    ("layers", "outputs", "kind", "says"),
    [
        ([], 1, "logit", "looks like a logit: two classes are made of it"),
        ([nn.Sigmoid()], 1, "probability", "looks like a probability: two classes are made of it"),
        ([nn.Softmax(1)], 2, "logits", "outputs='probabilities' takes their logarithm"),
    ],
)
def test_what_outputs_are_is_found_and_told(
    layers: list[nn.Module], outputs: int, kind: str, says: str
) -> None:
    own = network(*layers, outputs=outputs)
    made = Classifier.of(own, classes=("no", "yes"), mean=0, std=1)
    assert made.outputs == kind
    assert says in " ".join(made.notes)
    images = torch.randn(4, 3, 16, 16)
    assert made(images).shape == (4, 2)
    assert Classifier.of(own, classes=("no", "yes"), mean=0, std=1, outputs=kind).notes == ()


def test_shares_become_logits_whose_softmax_they_are() -> None:
    images = torch.randn(4, 3, 16, 16)
    shares = network(nn.Softmax(1))
    made = Classifier.of(shares, classes=3, outputs="probabilities", mean=0, std=1)
    torch.testing.assert_close(made(images).softmax(1), shares(images))
    one = network(nn.Sigmoid(), outputs=1)
    torch.testing.assert_close(Classifier.of(one, mean=0, std=1)(images).softmax(1)[:, 1:], one(images))
    bare = network(outputs=1)
    found = Classifier.of(bare, mean=0, std=1)(images)
    torch.testing.assert_close(found[:, 1:] - found[:, :1], bare(images))
    assert made(torch.full((1, 3, 16, 16), 1e6)).isfinite().all()


def test_outputs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(InputError, match="'logit' does not fit a model that gives 3 numbers"):
        Classifier.of(network(), outputs="logit")
    with pytest.raises(InputError, match="'probabilities' does not fit a model that gives 1 numbers"):
        Classifier.of(network(outputs=1), outputs="probabilities")


class Several(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body, self.head = network(outputs=6), nn.Linear(6, 2)

    def forward(self, images: Tensor) -> Any:
        features = self.body(images)
        return {"embedding": features, "scores": self.head(features)}


def test_the_logits_are_found_by_the_names_or_asked_for() -> None:
    own = Several()
    images = torch.randn(2, 3, 16, 16)
    for said in ({"classes": ("no", "yes")}, {"output": "scores"}, {"output": 1}):
        made = Classifier.of(own, mean=0, std=1, **said)
        assert torch.equal(made(images), own(images)["scores"])
    with pytest.raises(InputError, match="which of 'embedding' and 'scores'"):
        Classifier.of(own)
    with pytest.raises(InputError, match="no output 'logits'; it returns 'embedding'"):
        Classifier.of(own, output="logits")


def test_a_model_outside_pytorch_is_shared_by_copies() -> None:
    import copy

    def model(images: Tensor) -> Any:
        return np.asarray(images).mean((2, 3))

    made = Classifier.of(model, mean=0, std=1)
    copied = copy.deepcopy(made).eval()
    assert copied.network is made.network
    assert torch.equal(copied(torch.ones(1, 3, 4, 4)), torch.ones(1, 3))
    with pytest.raises(InputError, match="is not a PyTorch network"):
        save_classifier(made, Path("nowhere"))


def test_a_run_and_a_classifier_are_taken_as_they_are(tmp_path: Path) -> None:
    made = Classifier.of("airbench", classes=("a", "b"), pretrained=False, width=0.1, tile=16)
    save_classifier(made, tmp_path)
    assert Classifier.of(made) is made
    run = SimpleNamespace(classifier=lambda: made)
    assert Classifier.of(run) is made
    again = Classifier.of(tmp_path, classes=("x", "y"), tile=20)
    assert (again.classes, again.tile) == (("x", "y"), 20)
    assert not again.training
    with pytest.raises(InputError, match="3 names, and the classifier knows 2"):
        Classifier.of(made, classes=("x", "y", "z"))


def test_a_network_in_a_directory_of_timm(tmp_path: Path) -> None:
    import json

    from safetensors.torch import save_file

    trained = timm.create_model("test_resnet", num_classes=4)
    config = {
        "architecture": "test_resnet",
        "num_classes": 4,
        "num_features": trained.num_features,
        "pretrained_cfg": {
            "input_size": [3, 64, 64],
            "mean": [0.1, 0.2, 0.3],
            "std": [0.4, 0.5, 0.6],
            "crop_pct": 0.8,
            "interpolation": "bilinear",
            "num_classes": 4,
            "label_names": ["n1", "n2", "n3", "n4"],
            "label_descriptions": {"n1": "cat", "n2": "dog", "n3": "fox", "n4": "dog"},
        },
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    save_file(trained.state_dict(), tmp_path / "model.safetensors")
    made = Classifier.of(f"timm:local-dir:{tmp_path}", tile=32)
    assert made.classes == ("cat", "dog (1)", "fox", "dog (3)")
    assert made.preprocessing == Preprocessing((0.1, 0.2, 0.3), (0.4, 0.5, 0.6), 80, "bilinear")
    images = torch.randn(2, 3, 32, 32)
    with torch.inference_mode():
        torch.testing.assert_close(made(images), trained.eval()(images))
    with pytest.raises(InputError, match=r"has no config\.json"):
        Classifier.of(f"timm:local-dir:{tmp_path / 'nowhere'}", tile=32)


def test_a_fixed_size_network_sees_the_middle_in_a_full_pass() -> None:
    built = Classifier.of("timm:test_vit", pretrained=False)
    assert built.preprocessing.crop == (160, 160)
    assert built(built.prepare(image(200, 300))[None]).shape == (1, 1000)
    assert Classifier.of("timm:test_vit", tile=32, pretrained=False).preprocessing.crop is None


@pytest.mark.parametrize(
    ("source", "said", "says"),
    [
        (3, {}, "cannot be made of int; expected a network, a function"),
        ("resnet18", {}, "no published weights for 'resnet18'; give a file of them"),
        ("resnet18", {"pretrained": False}, "needs the names of its classes"),
        ("resnt18", {}, "did you mean 'resnet18'"),
        ("timm:resnt18", {}, "did you mean 'timm:resnet18'"),
        ("weights.safetensors", {}, r"holds weights, and not the network .* Classifier.of\('timm:resnet18'"),
        ("nowhere.onnx", {}, "nowhere.onnx does not exist"),
        (network(), {"classes": ("a", "b")}, "classes has 2 names, and Sequential gives 3 numbers"),
        (network(), {"crop": 0}, r"crop must be a height and a width of at least 1 pixel, got \(0, 0\)"),
        (network(), {"mean": (1, 2)}, "one for each of three colours"),
        (network(), {"preprocessing": 3}, "expected a Preprocessing, or the transforms"),
        (network(), {"classes": ()}, "classes is empty"),
        (network().to("meta"), {}, r"on the meta device, .* network.to_empty"),
        (nn.Linear(7, 3), {}, r"refuses images of every size that was tried \(.*\); give classes= and tile="),
        (lambda images: images, {}, r"expected logits of shape \(4, classes\)"),
    ],
)
def test_what_cannot_be_is_refused_in_one_line(source: Any, said: dict[str, Any], says: str) -> None:
    with pytest.raises(InputError, match=says) as told:
        Classifier.of(source, **said)
    assert "\n" not in str(told.value)


def test_a_network_that_cannot_be_tried_is_taken_by_its_names() -> None:
    made = Classifier.of(nn.Linear(7, 3), classes=3, mean=0, std=1)
    assert made.notes == ("Linear could not be tried: it refuses images of every size that was tried",)


def test_a_network_of_ones_own_is_saved_and_needed_again(tmp_path: Path) -> None:
    own = network()
    own.tied = own[3]
    made = Classifier.of(own, classes=3, mean=0.5, std=0.5, crop=16, layout="NCHW", name="Mine")
    save_classifier(made, tmp_path)
    with pytest.raises(
        InputError, match=r"a network of your own, 'Mine', which no file can build; .*network=Mine"
    ):
        load_classifier(tmp_path)
    other = network()
    other.tied = other[3]
    nn.init.zeros_(other[3].weight)
    loaded = load_classifier(tmp_path, other)
    assert loaded.preprocessing == made.preprocessing
    assert not torch.equal(other[3].weight, own[3].weight)
    assert torch.equal(loaded.network[3].weight, own[3].weight)

    def factory(classes: int) -> nn.Module:
        built = network(outputs=classes)
        built.tied = built[3]
        return built

    assert torch.equal(load_classifier(tmp_path, factory).network[3].bias, own[3].bias)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("names.txt", "cat\ndog\nfox\n"),
        ("names.json", '["cat", "dog", "fox"]'),
        ("names.json", '{"0": "cat", "1": "dog", "2": "fox"}'),
        ("names.json", '{"0": ["n01", "cat"], "1": ["n02", "dog"], "2": ["n03", "fox"]}'),
    ],
)
def test_names_of_classes_are_read_from_files(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    assert class_names(tmp_path / name) == class_names(str(tmp_path / name)) == ("cat", "dog", "fox")


@pytest.mark.parametrize(
    ("name", "content"),
    [("names.json", "{"), ("names.json", "3"), ("names.json", '{"a": 1}'), ("names.txt", "a\n\nb")],
)
def test_files_without_names_are_refused(name: str, content: str, tmp_path: Path) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(InputError, match=r"names|empty name"):
        class_names(tmp_path / name)
    with pytest.raises(InputError, match="cannot be read"):
        class_names(tmp_path / "nowhere.txt")


def test_a_number_may_be_one_of_numpy() -> None:
    made = Classifier.of(
        network(), classes=np.int64(3), tile=np.int64(16), crop=np.int64(8), mean=np.float32(0.5)
    )
    assert made.classes == ("0", "1", "2")
    assert type(made.tile) is int
    assert made.preprocessing.crop == (8, 8)


@pytest.mark.parametrize("outputs", ["probabilities", "probability"])
def test_what_outputs_are_is_saved_with_a_classifier(outputs: str, tmp_path: Path) -> None:
    count = 1 if outputs == "probability" else 2
    end: nn.Module = nn.Sigmoid() if outputs == "probability" else nn.Softmax(1)
    network = nn.Sequential(nn.Flatten(), nn.Linear(48, count), end).eval()
    saved = Classifier.of(network, classes=("cat", "dog"), tile=4, mean=0.5, std=0.5, outputs=outputs)
    save_classifier(saved, tmp_path)
    read = load_classifier(tmp_path, network)
    images = torch.rand(3, 3, 4, 4)
    assert torch.equal(read(images), saved(images))


def test_what_no_output_can_be_is_refused_in_a_description(tmp_path: Path) -> None:
    save_classifier(Classifier.of("airbench", classes=2, pretrained=False, width=0.1), tmp_path)
    description = tmp_path / "model.json"
    written = unsealed_json(description.read_bytes(), description).decode()
    description.write_text(written.replace('"outputs": "logits"', '"outputs": "shares"'))
    with pytest.raises(InputError, match=r"model\.json.*unknown value 'shares'"):
        load_classifier(tmp_path)


def test_a_missing_file_is_named_before_the_package_that_reads_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(InputError, match="does not exist"):
        Classifier.of(tmp_path / "cats.onnx")
    (tmp_path / "cats.onnx").touch()
    with pytest.raises(InputError, match=re.escape("pip install 'nearsight[onnx]'")):
        Classifier.of(tmp_path / "cats.onnx")
