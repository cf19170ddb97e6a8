"""Tiles are hidden as it is said: in order, within bounds, and judged as whole images."""

import numpy as np
import pytest
import torch
from torch import Tensor

from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.errors.hidden import (
    MOST_HIDDEN,
    MOST_STEPS,
    changed_by_hiding,
    covered,
    covered_share,
    hide,
    hiding_flips,
    shifted,
)
from nearsight.errors import InputError
from nearsight.evidence import TiledModel
from nearsight.tiles import TileGrid

GRID = TileGrid(12, 12, tile=4, stride=2)


def colours(images: Tensor) -> Tensor:
    return images.amax((2, 3))


DECISION = Decision(TiledModel(colours, classes=("red", "green", "blue")), "full-pass")


def test_what_is_covered_is_every_pixel_of_the_tiles_and_no_other() -> None:
    tiles = [0, 7, 24]
    expected = torch.zeros(12, 12, dtype=torch.bool)
    for number in tiles:
        row, column = divmod(number, GRID.shape[1])
        expected[GRID.tops[row] : GRID.tops[row] + 4, GRID.lefts[column] : GRID.lefts[column] + 4] = True
    assert torch.equal(covered(GRID, tiles), expected)
    assert covered_share(GRID, tiles) == pytest.approx(float(expected.double().mean()))
    with pytest.raises(InputError, match="tile 25 does not exist"):
        covered(GRID, [25])


def test_hidden_pixels_have_the_mean_colour_and_the_others_are_untouched() -> None:
    image = torch.randint(0, 256, (3, 12, 12), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))
    pixels = covered(GRID, [6])
    changed = hide(image, pixels)
    assert changed.dtype == torch.uint8
    assert torch.equal(changed[:, ~pixels], image[:, ~pixels])
    assert changed[:, pixels].unique(dim=1)[:, 0].tolist() == image.float().mean((1, 2)).round().tolist()


@pytest.mark.parametrize("seed", range(6))
def test_a_flip_is_the_first_of_the_order_after_which_the_prediction_is_another(seed: int) -> None:
    random = torch.Generator().manual_seed(seed)
    image = torch.rand(3, 12, 12, generator=random)
    # The fourth tile of the order decides, until all of it is hidden.
    order = torch.randperm(len(GRID), generator=random).tolist()
    image[0][covered(GRID, order[3:4])] += 1
    prediction = int(DECISION.predictions([image])[0])
    flips = 0
    for label in range(3):
        if label == prediction:
            continue
        flip, to_label = hiding_flips(DECISION, image, GRID, order, prediction=prediction, label=label)
        for found, wanted in ((flip, None), (to_label, label)):
            if found is None:
                continue
            flips += 1
            for count in range(len(found.tiles) + 1):
                seen = DECISION.predictions([hide(image, covered(GRID, found.tiles[:count]))])[0]
                done = seen != prediction if wanted is None else seen == wanted
                assert done == (count == len(found.tiles))
            assert found.area == pytest.approx(covered_share(GRID, found.tiles))
            assert found.area <= MOST_HIDDEN
            assert len(found.tiles) <= MOST_STEPS
            # In the order, some skipped as most of them was hidden.
            assert [tile for tile in order if tile in found.tiles] == list(found.tiles)
            assert (found.smallest, found.holds) == (False, True)
    assert flips


def test_nothing_is_hidden_beyond_half_of_the_image() -> None:
    never = Decision(
        TiledModel(lambda images: images.new_tensor([[1.0, 0.0]]).expand(len(images), 2)), "full-pass"
    )
    image = torch.rand(3, 12, 12)
    found = hiding_flips(never, image, GRID, list(range(len(GRID))), prediction=0, label=1)
    assert found == (None, None)


def test_chance_hides_as_many_pixels_elsewhere() -> None:
    random = torch.Generator().manual_seed(2)
    pixels = covered(GRID, [0, 1])
    moved = [shifted(pixels, random) for _ in range(50)]
    assert all(one.sum() == pixels.sum() for one in moved)
    assert len({tuple(one.nonzero()[0].tolist()) for one in moved}) > 10


def test_images_that_hang_on_one_spot_change_where_it_is_hidden_and_seldom_elsewhere() -> None:
    places = np.random.default_rng(3).integers(0, 8, size=(60, 2))

    def images():
        for top, left in places.tolist():
            image = torch.zeros(3, 12, 12)
            image[1] = 0.5
            image[0, top : top + 2, left : left + 2] = 9
            yield image, image[0] > 1, 0

    changed, share = changed_by_hiding(DECISION, images(), seed=0)
    assert all(changed)
    assert share.value == 1
    # One shift in 144 leaves all of it, and nine in 144 some.
    assert share.chance is not None
    assert share.chance < 0.1


@pytest.mark.parametrize("kind", ["aligned", "covering"])
@pytest.mark.parametrize(("tile", "stride"), [(4, 2), (3, 5), (7, 1), (5, 5)])
def test_the_share_that_tiles_cover_is_counted_without_pixels(kind: str, tile: int, stride: int) -> None:
    grid = TileGrid(31, 23, tile, stride, kind)  # type: ignore[arg-type]
    random = np.random.default_rng(0)
    for count in (0, 1, len(grid) // 3, len(grid)):
        tiles = random.permutation(len(grid))[:count].tolist()
        assert covered_share(grid, tiles) == int(covered(grid, tiles).sum()) / (31 * 23)
