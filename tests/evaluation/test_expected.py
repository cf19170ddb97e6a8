"""What scoring will cost: counted exactly, measured on a few images, and silent where it is nothing."""

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.errors import InputError
from nearsight.evaluation import expected
from nearsight.evaluation.expected import expected_cost, expected_of
from nearsight.evidence import TiledModel

BLACK = torch.zeros(3, 64, 96, dtype=torch.uint8)


@pytest.fixture
def bound() -> TiledModel:
    return TiledModel(lambda tiles: tiles.mean((2, 3)), tile=8, stride=8, classes=("red", "green", "blue"))


@pytest.fixture
def one_second_a_call(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever is timed takes one second."""
    monkeypatch.setattr(expected, "Stopwatch", lambda: SimpleNamespace(seconds=lambda: 1.0))


class Passes:
    """Counts the images that it is given."""

    def __init__(self) -> None:
        self.images: list[int] = []

    def full_pass(self, images: list[Tensor]) -> Tensor:
        self.images.append(len(images))
        return torch.zeros(len(images), 3)


@pytest.mark.usefixtures("one_second_a_call")
def test_reading_and_passes_of_a_few_images_stand_for_all(bound: TiledModel) -> None:
    passes = Passes()
    read: list[int] = []

    def image(place: int) -> Tensor:
        read.append(place)
        return BLACK

    cost = expected_cost(bound, 6400, image, passes=[passes])
    assert cost is not None
    timed = passes.images[-1]
    assert cost.tiles == 0
    # A second for reading so many images, and one for passing them.
    assert cost.seconds == pytest.approx(2 * 6400 / timed)
    assert {0, 6399} <= set(read)
    with_workers = expected_cost(bound, 6400, image, passes=[passes], workers=4)
    assert with_workers is not None
    assert with_workers.seconds == pytest.approx(6400 / timed)


def test_tiles_are_counted_exactly_where_the_sizes_are_known(bound: TiledModel) -> None:
    pixels = torch.zeros(2000, 3, 48, 64, dtype=torch.uint8)
    images = ImageSet("black", "test", bound.classes, np.zeros(2000, int), MemoryImages(pixels, ("",) * 2000))
    cost = expected_of(bound, images, of_tiles=bound.cost)
    assert cost is not None
    assert cost.tiles == 2000 * 6 * 8


def test_little_work_is_not_measured(bound: TiledModel) -> None:
    passes = Passes()
    assert expected_cost(bound, 20, lambda _: BLACK, passes=[passes], of_tiles=bound.cost) is None
    assert passes.images == []
    assert expected_cost(bound, 0, lambda _: BLACK, of_tiles=bound.cost) is None


def test_images_that_cannot_be_read_are_left_to_whoever_reads_them(bound: TiledModel) -> None:
    def half(place: int) -> Tensor:
        if place == 0:
            raise InputError("damaged")
        return BLACK

    def none(place: int) -> Tensor:
        raise InputError(f"{place} is damaged")

    cost = expected_cost(bound, 5000, half, of_tiles=bound.cost)
    assert cost is not None
    assert cost.tiles == 5000 * 8 * 12
    assert expected_cost(bound, 5000, none, of_tiles=bound.cost) is None


def test_a_pass_that_is_refused_costs_nothing(bound: TiledModel) -> None:
    class Refusing(Passes):
        def full_pass(self, images: list[Tensor]) -> Tensor:
            raise RuntimeError(f"images of 224 pixels only, got {images[0].shape}")

    cost = expected_cost(bound, 5000, lambda _: BLACK, passes=[Refusing()])
    assert cost is not None
    assert cost.seconds < 100
