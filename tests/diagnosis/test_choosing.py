"""The images that choose and those that test."""

import numpy as np

from nearsight.diagnosis.choosing import choosing_half


def test_half_of_each_class_chooses_and_the_draw_follows_the_seed() -> None:
    labels = np.random.default_rng(0).integers(4, size=203)
    chosen = choosing_half(labels, 0)
    for number in range(4):
        assert chosen[labels == number].sum() == (labels == number).sum() // 2
    assert (choosing_half(labels, 0) == chosen).all()
    assert (choosing_half(labels, 1) != chosen).any()
