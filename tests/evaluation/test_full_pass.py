"""Full passes against one image at a time, and re-estimated BatchNorm against its definition."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import nn

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evaluation.full_pass import full_pass, reestimate_batch_norm
from nearsight.models import Classifier

MEMORY = 2**20


def changed(classifier: Classifier, **settings: object) -> Classifier:
    classifier.preprocessing = replace(classifier.preprocessing, **settings)
    return classifier


@pytest.mark.parametrize("memory", [1, 20_000, MEMORY])
@pytest.mark.parametrize("kind", ["uniform", "varied"])
def test_the_logits_are_those_of_each_image_alone(
    kind: str, memory: int, classifier: Classifier, request: pytest.FixtureRequest
) -> None:
    images: ImageSet = request.getfixturevalue(kind)
    prepared = [classifier.prepare(images.image(i)) for i in range(len(images))]
    logits = full_pass(classifier, prepared, memory, {})
    with torch.inference_mode():
        expected = torch.cat([classifier(image[None]) for image in prepared])
    np.testing.assert_allclose(logits, expected, atol=1e-4)


def test_the_statistics_are_those_of_whole_images(classifier: Classifier, uniform: ImageSet) -> None:
    """One batch of forty images: mean and variance of the first layer's output, nothing of before."""
    before = {name: value.clone() for name, value in classifier.state_dict().items()}
    estimated = reestimate_batch_norm(classifier, uniform, MEMORY * 100)
    pixels = classifier.preprocessing.normalise(uniform.pixels)
    with torch.inference_mode():
        output = classifier.network[0](pixels)
    norm = estimated.network[1]
    torch.testing.assert_close(norm.running_mean, output.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(norm.running_var, output.var((0, 2, 3)), atol=1e-5, rtol=1e-4)
    assert not any(module.training for module in estimated.modules())
    for name, value in classifier.state_dict().items():
        assert value.equal(before[name])
        if "running" not in name and "tracked" not in name:
            assert value.equal(estimated.state_dict()[name])


def test_many_batches_are_averaged_alike(classifier: Classifier, uniform: ImageSet) -> None:
    """Batches of equal weight: the mean over images stays exact however many there are."""
    one = reestimate_batch_norm(classifier, uniform, MEMORY * 100).network[1]
    many = reestimate_batch_norm(classifier, uniform, 60_000).network[1]
    assert 1 < int(many.num_batches_tracked) < 40
    torch.testing.assert_close(one.running_mean, many.running_mean, atol=0.02, rtol=0.02)
    torch.testing.assert_close(one.running_var, many.running_var, atol=0.1, rtol=0.1)


def test_images_of_different_sizes_need_resizing(classifier: Classifier, varied: ImageSet) -> None:
    with pytest.raises(InputError, match="varied test differ in size"):
        reestimate_batch_norm(classifier, varied, MEMORY)
    estimated = reestimate_batch_norm(changed(classifier, resize_short=8), varied, MEMORY)
    assert not estimated.network[1].running_mean.equal(classifier.network[1].running_mean)


def test_a_network_without_batch_norm_has_nothing_to_re_estimate(
    classifier: Classifier, uniform: ImageSet
) -> None:
    classifier.network[1] = nn.Identity()
    with pytest.raises(InputError, match="no BatchNorm"):
        reestimate_batch_norm(classifier, uniform, MEMORY)
