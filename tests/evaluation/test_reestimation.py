"""Re-estimated BatchNorm against its definition."""

from dataclasses import replace

import pytest
import torch
from torch import nn

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evaluation.reestimation import reestimate_batch_norm
from nearsight.evidence import TiledModel
from nearsight.models import Classifier

LARGE = 2**28


def estimated(classifier: Classifier, images: ImageSet, memory: int = LARGE) -> Classifier:
    found = reestimate_batch_norm(TiledModel(classifier, memory=memory), images).model
    assert isinstance(found, Classifier)
    return found


def changed(classifier: Classifier, **settings: object) -> Classifier:
    classifier.preprocessing = replace(classifier.preprocessing, **settings)
    return classifier


def test_the_statistics_are_those_of_whole_images(classifier: Classifier, uniform: ImageSet) -> None:
    """One batch of forty images: mean and variance of the first layer's output, nothing of before."""
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    found = estimated(classifier, uniform)
    pixels = classifier.preprocessing.normalise(uniform.pixels)
    with torch.inference_mode():
        output = classifier.network[0](pixels)
    norm = found.network[1]
    torch.testing.assert_close(norm.running_mean, output.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, output.var((0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert not any(module.training for module in found.modules())
    for name, value in classifier.state_dict().items():
        assert value.equal(before[name])
        if "running" not in name and "tracked" not in name:
            assert value.equal(found.state_dict()[name])


def test_many_batches_are_averaged_alike(classifier: Classifier, uniform: ImageSet) -> None:
    """Batches of equal weight: the mean over images stays exact however many there are."""
    one = estimated(classifier, uniform).network[1]
    many = estimated(classifier, uniform, 400_000).network[1]
    assert 1 < int(many.num_batches_tracked) < 40
    torch.testing.assert_close(one.running_mean, many.running_mean, atol=0.02, rtol=0.02)
    torch.testing.assert_close(one.running_var, many.running_var, atol=0.1, rtol=0.1)


def test_images_of_different_sizes_need_resizing(classifier: Classifier, varied: ImageSet) -> None:
    with pytest.raises(InputError, match="varied test differ in size"):
        estimated(classifier, varied)
    found = estimated(changed(classifier, resize_short=8), varied)
    assert not found.network[1].running_mean.equal(classifier.network[1].running_mean)


def test_a_network_without_batch_norm_has_nothing_to_re_estimate(
    classifier: Classifier, uniform: ImageSet
) -> None:
    classifier.network[1] = nn.Identity()
    with pytest.raises(InputError, match="no BatchNorm"):
        estimated(classifier, uniform)


def test_only_a_classifier_says_how_training_images_are_prepared(uniform: ImageSet) -> None:
    with pytest.raises(InputError, match="leave `reestimate` out"):
        reestimate_batch_norm(TiledModel(lambda images: images.mean((2, 3)), tile=4), uniform)
