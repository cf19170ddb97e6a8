"""Published networks: their classes, their preprocessing, and what cannot be obtained."""

import pytest
import timm
import torch

from nearsight.errors import InputError
from nearsight.models.published import published_classifier


def test_classes_and_preprocessing_are_the_published_ones() -> None:
    classifier = published_classifier("timm:test_vit", tile=32, pretrained=False)
    published = timm.get_pretrained_cfg("test_vit")
    assert classifier.preprocessing.mean == published.mean
    assert classifier.preprocessing.std == published.std
    assert classifier.preprocessing.resize_short == int(160 / published.crop_pct)
    assert classifier.tile == 32
    assert classifier(torch.zeros(1, 3, 32, 32)).shape == (1, 1000)


def test_every_class_has_a_name_of_its_own() -> None:
    classes = published_classifier("timm:test_resnet", tile=32, pretrained=False).classes
    assert len(set(classes)) == len(classes) == 1000
    assert [name for name in classes if name.startswith("crane")] == ["crane (134)", "crane (517)"]


@pytest.mark.parametrize(
    ("name", "says"),
    [
        ("timm:resnt18", "did you mean 'timm:resnet18'"),
        ("resnet18", "did you mean 'timm:resnet18'"),
        ("timm:resnet18.nonsense", "Invalid pretrained tag"),
        ("timm:vit_small_patch14_dinov2", "published without classes"),
    ],
)
def test_networks_that_cannot_be_had_are_refused_in_one_line(name: str, says: str) -> None:
    with pytest.raises(InputError, match=says) as caught:
        published_classifier(name, tile=28, pretrained=False)
    assert "\n" not in str(caught.value)
