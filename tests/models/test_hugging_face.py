"""Processors of Hugging Face are taken over to the pixel, whatever their settings mean."""

from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from nearsight.errors import InputError
from nearsight.models import Classifier
from nearsight.models.hugging_face import is_of_transformers, preprocessing_of_processor

transformers = pytest.importorskip("transformers")

TINY = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def photograph(height: int = 400, width: int = 320) -> Any:
    """A picture that is smooth, as photographs are, and like none that the code itself looks at."""
    rows, columns = np.mgrid[0 : 1 : height * 1j, 0 : 1 : width * 1j]
    planes = [np.sin(9 * rows * columns), np.cos(4 * rows + columns), np.sin(6 * rows) * np.cos(8 * columns)]
    return ((np.stack(planes, 2) + 1) * 127.5).astype(np.uint8)


PROCESSORS = [
    ("ViTImageProcessor", {}),
    ("ViTImageProcessor", {"size": {"height": 64, "width": 48}, "image_mean": [0.4, 0.5, 0.6]}),
    ("ViTImageProcessor", {"do_resize": False, "do_normalize": False}),
    ("ViTImageProcessor", {"do_rescale": False, "image_mean": [120.0] * 3, "image_std": [60.0] * 3}),
    ("ViTImageProcessor", {"resample": 3}),
    ("DeiTImageProcessor", {}),
    ("BeitImageProcessor", {}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 224}, "crop_pct": 0.875}),
    ("ConvNextImageProcessor", {"size": {"shortest_edge": 384}}),
    ("BitImageProcessor", {}),
    ("LevitImageProcessor", {}),
    ("EfficientNetImageProcessor", {}),
    (
        "EfficientNetImageProcessor",
        {"rescale_factor": 1 / 127.5, "rescale_offset": True, "include_top": False},
    ),
    ("MobileNetV2ImageProcessor", {}),
    ("MobileViTImageProcessor", {"size": {"shortest_edge": 288}}),
    ("PvtImageProcessor", {}),
    ("CLIPImageProcessor", {}),
]


@pytest.mark.parametrize(("kind", "settings"), PROCESSORS)
def test_what_a_network_is_given_is_what_its_processor_gives_it(kind: str, settings: dict[str, Any]) -> None:
    processor = getattr(transformers, kind)(**settings)
    ours = preprocessing_of_processor(processor)
    picture = photograph()
    wanted = processor(images=Image.fromarray(picture), return_tensors="pt")["pixel_values"][0]
    image = torch.from_numpy(picture).permute(2, 0, 1)
    found = ours.normalise(ours.cut_whole(ours.resize(image)))
    assert found.shape == wanted.shape
    scale = torch.tensor(ours.std)[:, None, None] / (255 if ours.input_range == "0-255" else 1)
    apart = (found - wanted).abs() * scale * 255
    # Levels of grey: filters and rounding differ by one or two at edges.
    assert apart.mean() < 0.6
    assert apart.max() < 6


def test_a_processor_that_is_not_understood_is_refused() -> None:
    class Turning:
        size, do_resize = {"shortest_edge": 32}, True

        def __call__(self, **_: Any) -> dict[str, Any]:
            return {"pixel_values": np.zeros((1, 3, 32, 32), np.float32)}

    with pytest.raises(InputError, match="what Turning does to pictures is not understood; say it with"):
        preprocessing_of_processor(Turning())
    with pytest.raises(InputError, match="int, which does not turn a picture into pixel_values"):
        preprocessing_of_processor(3)


def networks() -> dict[str, Any]:
    names = {0: "cat", 1: "dog", 2: "dog"}
    return {
        "ViT": transformers.ViTForImageClassification(
            transformers.ViTConfig(image_size=32, patch_size=8, id2label=names, **TINY)
        ),
        "ResNet": transformers.ResNetForImageClassification(
            transformers.ResNetConfig(embedding_size=8, hidden_sizes=[8, 16], depths=[1, 1], id2label=names)
        ),
        "ConvNext": transformers.ConvNextForImageClassification(
            transformers.ConvNextConfig(hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, id2label=names)
        ),
    }


@pytest.mark.parametrize("name", ["ViT", "ResNet", "ConvNext"])
def test_a_classifier_with_its_processor_gives_the_logits_of_both(name: str) -> None:
    torch.manual_seed(0)
    network = networks()[name].eval()
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    classifier = Classifier.of(network, processor=processor)
    assert is_of_transformers(network)
    assert classifier.classes == ("cat", "dog (1)", "dog (2)")
    assert classifier.notes == ()
    picture = photograph()
    with torch.inference_mode():
        wanted = network(**processor(images=Image.fromarray(picture), return_tensors="pt")).logits
        found = classifier(classifier.prepare(torch.from_numpy(picture).permute(2, 0, 1))[None])
    torch.testing.assert_close(found, wanted, rtol=0, atol=0.01)


def test_a_pipeline_holds_both() -> None:
    processor = transformers.ViTImageProcessor(size={"height": 32, "width": 32})
    pipeline = transformers.pipeline(
        "image-classification", model=networks()["ViT"], image_processor=processor, device="cpu"
    )
    assert Classifier.of(pipeline).preprocessing.resize_to == (32, 32)


def test_a_network_without_its_processor_is_refused_unless_its_numbers_are_said() -> None:
    with pytest.raises(InputError, match=r"give both to Classifier\.of\(model, processor=…\)"):
        Classifier.of(networks()["ViT"])
    assert Classifier.of(networks()["ViT"], mean=0.5, std=0.5).preprocessing.mean == (0.5, 0.5, 0.5)
