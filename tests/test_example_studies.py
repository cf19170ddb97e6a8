"""The studies of more examples and of many classes: what is trained on, and how it is summed up."""

import numpy as np
import pytest
import torch
from studies import many_classes, more_examples
from studies.many_classes import class_sets, judged_classes, of_classes, plain, slope
from studies.more_examples import ANEW, SEVERAL, SINGLE, TILE, image_order, tiles_of, worth

from nearsight.data import ImageSet


@pytest.fixture(scope="module")
def images() -> ImageSet:
    pixels = torch.randint(0, 256, (40, 3, 18, 18), generator=torch.Generator().manual_seed(0))
    return plain("toy", "train", "abcd", np.arange(40) % 4, pixels.to(torch.uint8))


def test_more_tiles_hold_the_fewer_and_more_images_the_few(images: ImageSet) -> None:
    one, four, more = (
        tiles_of(images, arm, tiles, few=5, seed=1)
        for arm, tiles in ((SEVERAL, 1), (SEVERAL, 4), (SINGLE, 4))
    )
    assert (len(one), len(four), len(more)) == (5, 20, 20)
    assert torch.equal(one.pixels, four.pixels[::4])
    assert torch.equal(one.pixels, more.pixels[:5])
    assert np.array_equal(four.labels, one.labels.repeat(4))
    whole = tiles_of(images, ANEW, 1, few=5, seed=1)
    assert np.array_equal(whole.labels, one.labels)
    assert np.array_equal(whole.labels, images.labels[image_order(40, 5, 1)[:5]])


def test_tiles_are_cut_from_their_images(images: ImageSet) -> None:
    four = tiles_of(images, SEVERAL, 4, few=5, seed=1)
    chosen = image_order(40, 5, 1)[:5]
    for number, tile in enumerate(four.pixels):
        windows = images.pixels[chosen[number // 4]].unfold(1, TILE, 1).unfold(2, TILE, 1)
        places = [torch.equal(tile, windows[:, top, left]) for top in range(3) for left in range(3)]
        assert sum(places) == 1


def test_worth_is_read_between_the_numbers_of_images() -> None:
    def flat(share: float) -> np.ndarray:
        return np.tile(np.arange(100) < round(100 * share), (3, 1)).astype(float)

    right = {(SINGLE, 1): flat(0.4), (SINGLE, 2): flat(0.5), (SINGLE, 4): flat(0.6)}
    for share, times in ((0.4, 1), (0.5, 2), (0.55, 2**1.5), (0.6, 4)):
        assert worth(right, flat(share)).value == pytest.approx(times)


def test_every_judged_class_is_in_one_set_of_each_number() -> None:
    for seed in range(3):
        for count in (5, 10, 20):
            joined = np.concatenate(class_sets(seed, count))
            assert np.array_equal(np.sort(joined), judged_classes())
    assert not np.array_equal(class_sets(0, 5)[0], class_sets(1, 5)[0])
    assert len(many_classes.COUNTS) == 4
    assert more_examples.TILES[0] == 1


def test_images_are_labelled_among_their_classes(images: ImageSet) -> None:
    chosen = of_classes(images, np.array([1, 3]), np.array([3]), most=2)
    assert chosen.classes == ("b", "d")
    assert chosen.labels.tolist() == [1, 1]
    assert torch.equal(chosen.pixels, images.pixels[[3, 7]])


def test_the_slope_is_that_of_the_line() -> None:
    random = np.random.default_rng(0)
    whole = {count: random.uniform(0.4, 0.6, (3, 20)) for count in (5, 10, 20, 40)}
    shares = {("whole", count): table for count, table in whole.items()}
    # Two points less each time the classes double.
    shares |= {("tile", count): table - 0.02 * np.log2(count / 5) for count, table in whole.items()}
    found = slope(shares, list(whole))
    assert found.value == pytest.approx(-0.02)
    _, low, high = found.numbers
    assert low - 1e-9 <= -0.02 <= high + 1e-9
    assert found.covers == "classes and seeds"
