"""One batch through a black box: modes, output kinds, and what is refused."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import evidence, forward


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(3, 6, 3), nn.BatchNorm2d(6), nn.Dropout(0.5), nn.AdaptiveAvgPool2d(1), nn.Flatten()
    )


def test_a_model_in_training_mode_is_evaluated_in_eval_mode_and_put_back() -> None:
    model = network()
    model[1].eval()
    modes = [module.training for module in model.modules()]
    statistics = model[1].running_mean.clone()
    images = torch.randn(2, 3, 8, 8)
    with pytest.warns(UserWarning, match="training mode"):
        [first, _] = evidence(model, images, tile=8)
    assert [module.training for module in model.modules()] == modes
    assert model[1].running_mean.equal(statistics)
    model.eval()
    torch.testing.assert_close(first.logits, evidence(model, images, tile=8)[0].logits, rtol=0, atol=1e-6)


def test_the_modes_come_back_after_a_failure() -> None:
    model = nn.Sequential(nn.Conv2d(3, 6, 3), nn.BatchNorm2d(5)).train()
    with pytest.raises(RuntimeError):
        forward(model, torch.zeros(2, 3, 8, 8))
    assert all(module.training for module in model.modules())


def test_settings_of_precision_come_back() -> None:
    before = torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision
    inside = []

    def model(images: Tensor) -> Tensor:
        inside.append((torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision))
        return images.mean((2, 3))

    forward(model, torch.zeros(1, 3, 2, 2))
    assert inside == [("ieee", "ieee")]
    assert before == (torch.backends.cudnn.conv.fp32_precision, torch.backends.cuda.matmul.fp32_precision)


@pytest.mark.parametrize(
    "wrap",
    [lambda logits: logits, lambda logits: SimpleNamespace(logits=logits), lambda logits: logits.numpy()],
    ids=["tensor", "object with logits", "array"],
)
def test_what_a_model_may_return(wrap: object) -> None:
    images = torch.rand(3, 3, 4, 4)
    expected = images.mean((2, 3))
    assert forward(lambda batch: wrap(batch.mean((2, 3))), images).equal(expected)
    assert forward(lambda batch: np.asarray(batch).mean((2, 3)), images).shape == (3, 3)


@pytest.mark.parametrize(
    "model",
    [
        lambda images: images.mean((1, 2, 3)),
        lambda images: images,
        lambda images: images.mean((2, 3))[:1],
        lambda images: images.mean((2, 3)).argmax(1, keepdim=True),
    ],
    ids=["no classes", "a picture", "one row", "class numbers"],
)
def test_an_output_that_is_not_a_row_of_logits_an_image_is_refused(model: object) -> None:
    with pytest.raises(
        InputError, match=r"a batch of 2 images into .* expected logits of shape \(2, classes\)"
    ):
        forward(model, torch.zeros(2, 3, 4, 4))


def test_weights_of_another_type_are_refused_with_the_way_out() -> None:
    with pytest.raises(InputError, match=r"give dtype=torch.float64"):
        evidence(network().double().eval(), torch.zeros(1, 3, 8, 8), tile=4)
