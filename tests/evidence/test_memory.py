"""The measure of a model's memory against arithmetic."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from nearsight.evidence import memory
from nearsight.evidence.memory import (
    ALIVE_HANDED_BACK,
    ALIVE_KEPT,
    LARGEST_BATCH,
    LEAST_BATCH_CPU,
    UNSEEN_FACTOR,
    Footprints,
)


def fitting_batch(run: Callable[[Tensor], object], example: Tensor, room: int, *, seen: bool) -> int:
    return Footprints(seen).fitting(run, example, room)[0]


def test_the_bytes_alive_at_once_are_those_of_two_neighbouring_layers() -> None:
    """A chain holds one layer's input and output: at the widest, 8×8 maps of 16 and of 32 channels."""
    chain = nn.Sequential(
        nn.Conv2d(3, 16, 3, padding=1), nn.Conv2d(16, 32, 3, padding=1), nn.Conv2d(32, 4, 3, padding=1)
    ).eval()

    def run(images: Tensor) -> Tensor:
        with torch.inference_mode():
            return chain(images)

    inside, tile = 4 * 64 * (16 + 32), 4 * 64 * 3
    memory = 1_000_000
    assert fitting_batch(run, torch.zeros(3, 8, 8), memory, seen=True) == int(
        memory // (2 * tile + 1.5 * inside)
    )


def test_views_and_changes_in_place_take_no_memory() -> None:
    weight = torch.zeros(1000, 48)

    def run(images: Tensor) -> Tensor:
        doubled = images.flatten(1).clone().mul_(2)
        return doubled[:, None] if weight.t().shape == (48, 1000) else doubled

    size = 4 * 3 * 16
    assert fitting_batch(run, torch.zeros(3, 4, 4), 35 * size, seen=True) == 10


def test_sparse_tensors_are_left_out_of_the_count() -> None:
    weight = torch.eye(48).to_sparse()

    def run(images: Tensor) -> Tensor:
        return torch.sparse.mm(weight, images.flatten(1).T).T

    assert fitting_batch(run, torch.zeros(3, 4, 4), 2**20, seen=True) > 1


def test_what_cannot_be_seen_is_taken_to_be_large() -> None:
    size = 4 * 3 * 16
    memory = size * (2 + 1.5 * UNSEEN_FACTOR) * 7

    def run(images: Tensor) -> object:
        return images.numpy().mean((2, 3))

    assert fitting_batch(run, torch.zeros(3, 4, 4), int(memory), seen=False) == 7


def test_a_batch_has_at_least_one_image_and_at_most_what_is_of_use() -> None:
    example = torch.zeros(3, 4, 4)
    assert fitting_batch(lambda images: images * 2, example, 1, seen=True) == 1
    assert fitting_batch(lambda images: images.sum((1, 2, 3)), example, 2**40, seen=True) == LARGEST_BATCH


@pytest.mark.parametrize(("kept", "alive"), [(True, ALIVE_KEPT), (False, ALIVE_HANDED_BACK)])
def test_a_batch_on_a_cpu_keeps_no_more_alive_than_is_of_use(
    monkeypatch: pytest.MonkeyPatch, kept: bool, alive: int
) -> None:
    monkeypatch.setattr(memory, "freed_memory_is_kept", lambda: kept)
    wide = torch.zeros(3, 64, 64)
    assert fitting_batch(lambda images: images * 2, wide, 2**40, seen=True) == alive // wide.nbytes
    assert (
        fitting_batch(lambda images: images.repeat(1, 4096, 1, 1), wide, 2**40, seen=True) == LEAST_BATCH_CPU
    )


def test_a_size_is_measured_once_it_is_twice_as_large_as_any_before() -> None:
    footprints = Footprints(seen=True)
    found = [
        footprints.fitting(lambda images: images * 2, torch.zeros(3, side, side), 2**20)[1]
        for side in (8, 8, 4, 11, 12, 16, 17, 10)
    ]
    assert found == [True, False, False, False, True, False, True, False]


def test_what_is_reckoned_is_what_is_measured_where_pixels_count_alone() -> None:
    footprints = Footprints(seen=True)
    for side in (8, 24, 16, 30):
        alone = fitting_batch(lambda images: images * 2, torch.zeros(3, side, side), 2**20, seen=True)
        assert footprints.fitting(lambda images: images * 2, torch.zeros(3, side, side), 2**20)[0] == alone
