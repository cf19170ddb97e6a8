"""The order of images: permutations, seams, chunks, and generators that share nothing."""

import itertools

import torch
from hypothesis import given
from hypothesis import strategies as st

from nearsight.training.order import epoch_order, generator, positions


@given(seed=st.integers(0, 2**62), epoch=st.integers(0, 10_000), images=st.integers(1, 200))
def test_every_epoch_is_a_permutation(seed: int, epoch: int, images: int) -> None:
    place = positions(seed, epoch * images, (epoch + 1) * images, images)
    assert place.index.sort().values.equal(torch.arange(images))
    assert place.epoch.unique().tolist() == [epoch]


@given(
    seed=st.integers(0, 99),
    images=st.integers(1, 30),
    start=st.integers(0, 100),
    lengths=st.lists(st.integers(1, 40), min_size=1, max_size=6),
)
def test_chunks_of_any_length_make_one_sequence(
    seed: int, images: int, start: int, lengths: list[int]
) -> None:
    edges = [start, *(start + total for total in itertools.accumulate(lengths))]
    whole = positions(seed, start, edges[-1], images)
    parts = [positions(seed, begin, end, images) for begin, end in itertools.pairwise(edges)]
    assert torch.cat([part.index for part in parts]).equal(whole.index)
    assert torch.cat([part.epoch for part in parts]).equal(whole.epoch)
    assert whole.epoch.tolist() == [position // images for position in range(start, edges[-1])]


def test_epochs_and_seeds_differ_and_nothing_else_decides() -> None:
    orders = [tuple(epoch_order(seed, epoch, 50).tolist()) for seed in range(4) for epoch in range(4)]
    assert len(set(orders)) == len(orders)
    torch.manual_seed(7)
    again = [tuple(epoch_order(seed, epoch, 50).tolist()) for seed in range(4) for epoch in range(4)]
    assert again == orders


def test_purposes_positions_and_seeds_have_generators_of_their_own() -> None:
    keys = list(itertools.product((0, 1, 11), ("order", "flips"), (0, 1, 10)))
    draws = {tuple(torch.rand(4, generator=generator(*key)).tolist()) for key in keys}
    assert len(draws) == len(keys)


def test_drawing_for_one_purpose_leaves_another_alone() -> None:
    before = torch.rand(3, generator=generator(0, "flips", 2))
    torch.rand(100, generator=generator(0, "corners", 2))
    assert torch.rand(3, generator=generator(0, "flips", 2)).equal(before)
