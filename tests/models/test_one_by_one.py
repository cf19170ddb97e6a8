"""Models that take one image at a time give what they give of each image alone."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from nearsight.errors import InputError
from nearsight.evidence import TiledModel, forward
from nearsight.models import Classifier
from nearsight.models.one_by_one import NOTE, OneByOne, in_batches, takes_one
from nearsight.shortage import ShortOfMemoryError


class Alone(nn.Module):
    """A network of batches that refuses more than one image, in the way of `refuse`."""

    def __init__(self, refuse: Callable[[Tensor], Any]) -> None:
        super().__init__()
        with torch.random.fork_rng():
            torch.manual_seed(0)
            self.all = nn.Sequential(
                nn.Conv2d(3, 6, 3, padding=1),
                nn.ReLU(),
                nn.AdaptiveAvgPool2d(1),
                nn.Flatten(),
                nn.Linear(6, 4),
            )
        self.refuse = refuse

    def forward(self, images: Tensor) -> Any:
        """Return the logits of one image."""
        self.refuse(images)
        return self.all(images)


def silently(images: Tensor) -> None:
    assert len(images) == 1


def in_words(images: Tensor) -> None:
    if len(images) > 1:
        raise ValueError("one image, please")


def by_its_shape(images: Tensor) -> None:
    images.reshape(1, 3, *images.shape[2:])


def first_alone(images: Tensor) -> Tensor:
    return images[:1].mean((2, 3))


def named(images: Tensor) -> dict[str, Tensor]:
    in_words(images)
    means = images.mean((2, 3))
    return {"features": means.repeat(1, 2), "logits": means, "scale": torch.tensor(1.0)}


@pytest.mark.parametrize("refuse", [silently, in_words, by_its_shape])
def test_a_network_of_single_images_gives_what_it_gives_in_batches(refuse: Callable[[Tensor], Any]) -> None:
    alone = Alone(refuse).eval()
    images = torch.randn(5, 3, 16, 20)
    one, many = (TiledModel(network, tile=8, stride=4) for network in (alone, alone.all))
    for given, wanted in zip(one.maps(images), many.maps(images), strict=True):
        assert torch.allclose(given.logits, wanted.logits, atol=1e-5)
    assert torch.allclose(one.full_pass(images), many.full_pass(images), atol=1e-5)
    assert torch.allclose(one.embed(images), many.embed(images), atol=1e-5)
    assert one.embed(images).shape == (5, 6)
    for protocol in ("full-pass", "mean-logit"):
        lost, wanted = (next(bound.removal_maps(images, protocol=protocol)) for bound in (one, many))
        assert torch.allclose(lost.logits, wanted.logits, atol=1e-4)
    assert one.notes == (NOTE,)
    assert many.notes == ()
    assert not takes_one(many.module)


@pytest.mark.parametrize("function", [first_alone, named])
def test_a_function_of_single_images_is_given_one_at_a_time(function: Callable[[Tensor], Any]) -> None:
    images = torch.randn(3, 3, 8, 8)
    bound = TiledModel(function, tile=8)
    assert torch.allclose(bound.full_pass(images), images.mean((2, 3)), atol=1e-6)
    assert torch.equal(OneByOne(named)(images)["scale"], torch.tensor(1.0))


@pytest.mark.filterwarnings("ignore:.*deprecated:FutureWarning")
def test_a_torchscript_of_one_image_is_given_one_at_a_time() -> None:
    class Flat(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.last = nn.Linear(3 * 8 * 8, 4)

        def forward(self, images: Tensor) -> Tensor:
            return self.last(images.reshape(1, -1))

    traced = torch.jit.trace(Flat().eval(), torch.zeros(1, 3, 8, 8))
    images = torch.randn(3, 3, 8, 8)
    wanted = torch.cat([forward(traced, image[None]) for image in images])
    assert torch.allclose(TiledModel(traced, tile=8).full_pass(images), wanted, atol=1e-6)


def test_a_session_that_runs_one_image_is_given_one_at_a_time() -> None:
    class Session:
        def get_inputs(self) -> list[Any]:
            return [SimpleNamespace(name="images", shape=["batch", 3, 8, 8], type="tensor(float)")]

        def get_outputs(self) -> list[Any]:
            return [SimpleNamespace(name="means")]

        def run(self, _names: None, feed: dict[str, Any]) -> list[Any]:
            [image] = feed["images"]
            return [image.mean((1, 2))[None]]

    images = torch.randn(3, 3, 8, 8)
    made = Classifier.of(Session(), mean=0, std=1)
    assert NOTE in made.notes
    for model in (Session(), made):
        assert torch.allclose(TiledModel(model, tile=8).full_pass(images), images.mean((2, 3)), atol=1e-6)


def test_a_classifier_is_made_of_it_and_says_so() -> None:
    made = Classifier.of(Alone(silently).eval(), tile=16, mean=0.5, std=0.5)
    assert len(made.classes) == 4
    assert made.notes[0] == NOTE
    images = torch.randint(256, (3, 3, 16, 16), dtype=torch.uint8)
    bound = TiledModel(made)
    assert bound.full_pass(images).shape == (3, 4)
    assert bound.notes == made.notes


def test_a_model_that_refuses_one_too_is_told_in_its_own_words() -> None:
    def fixed(images: Tensor) -> Tensor:
        if images.shape[2] != 8:
            raise ValueError(f"{len(images)} of another size")
        return images.mean((2, 3))

    with pytest.raises(InputError, match="refuses images of 12×12 pixels \\(2 of another size\\)"):
        TiledModel(fixed, tile=12).logits([torch.ones(3, 12, 12)])


def test_what_memory_does_not_hold_is_not_tried_one_by_one() -> None:
    tried = []

    def attempt(model: Any) -> None:
        tried.append(model)
        raise ShortOfMemoryError("trying", ("tile",))

    with pytest.raises(ShortOfMemoryError):
        in_batches(abs, attempt)
    assert tried == [abs]


def test_memory_that_is_short_for_one_image_is_said_too() -> None:
    def model(images: Tensor) -> Tensor:
        if len(images) > 1:
            raise ValueError("one image, please")
        raise MemoryError

    with pytest.raises(MemoryError):
        in_batches(model, lambda able: able(torch.ones(2, 3, 8, 8)))
