"""How tiles are shown: grids that cover, and images that say nothing beside their tile."""

from collections.abc import Iterator

import pytest
import torch
from torch import nn

from nearsight.data import ImageSet
from nearsight.errors import InputError
from nearsight.evaluation.reestimation import reestimate_batch_norm
from nearsight.evaluation.tile_views import (
    MOST_PLACES,
    cut_alone,
    in_place_maps,
    left_in_place,
    shown_at_random,
    view_stride,
)
from nearsight.evidence import TiledModel
from nearsight.models import Classifier
from nearsight.tiles import TileGrid


@pytest.mark.parametrize("side", [7, 32, 97])
def test_grids_have_few_places_and_cover_from_a_fifth_of_a_side_up(side: int) -> None:
    for tile in range(1, side + 1):
        grid = TileGrid(side, side, tile, view_stride(side, tile), "covering")
        assert len(grid.tops) <= MOST_PLACES
        seen = {pixel for top in grid.tops for pixel in range(top, top + tile)}
        assert len(seen) == side or tile < side / MOST_PLACES


def test_in_place_nothing_is_seen_but_the_tile() -> None:
    torch.manual_seed(0)
    network = nn.Sequential(
        nn.Conv2d(3, 4, 3, padding=1), nn.GELU(), nn.Flatten(), nn.Linear(4 * 36, 5)
    ).eval()
    one, other = torch.randn(2, 3, 6, 6)
    other[:, :3, 3:] = one[:, :3, 3:]
    first, second = in_place_maps(TiledModel(network, classes="abcde"), [one, other], tile=3, stride=3)
    assert torch.equal(first.logits[:, 0, 1], second.logits[:, 0, 1])
    assert not torch.equal(first.logits[:, 1, 1], second.logits[:, 1, 1])
    plain = network(torch.stack([left_in_place(one, top, left, 3) for top in (0, 3) for left in (0, 3)]))
    torch.testing.assert_close(first.logits.flatten(1).T, plain.detach())


def test_few_images_are_held_at_once_where_memory_is_little() -> None:
    """Images of 1.8 MiB, of which the share of a bound of 16 MiB holds one: each is looked at before the next."""
    seen: list[int] = []
    network = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())

    def images() -> Iterator[torch.Tensor]:
        for number in range(4):
            seen.append(number)
            yield torch.full((3, 400, 400), float(number))

    maps = in_place_maps(TiledModel(network, classes="rgb", memory=2**24), images(), tile=200, stride=200)
    for number, found in enumerate(maps):
        assert len(seen) <= number + 2
        torch.testing.assert_close(found.logits, torch.full((3, 2, 2), number / 4))


def test_statistics_on_tiles_are_those_of_the_tiles_shown(classifier: Classifier, uniform: ImageSet) -> None:
    given: list[torch.Tensor] = []

    def noted(batch: torch.Tensor) -> torch.Tensor:
        given.append(shown_at_random(cut_alone, tile=5)(batch))
        return given[-1]

    model = reestimate_batch_norm(TiledModel(classifier), uniform, shown=noted, most=30).model
    assert isinstance(model, Classifier)
    [tiles] = given
    assert tiles.shape == (30, 3, 5, 5)
    output = classifier.network[0](tiles).detach()
    torch.testing.assert_close(model.network[1].running_mean, output.mean((0, 2, 3)), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(model.network[1].running_var, output.var((0, 2, 3)), atol=1e-5, rtol=1e-4)


def test_places_are_drawn_over_all_that_fit() -> None:
    columns = torch.arange(6.0).expand(2000, 1, 4, 6)
    shown = shown_at_random(cut_alone, tile=4)
    counts = torch.bincount(shown(columns)[:, 0, 0, 0].int(), minlength=3)
    assert counts.shape == (3,)
    assert counts.min() > 550
    with pytest.raises(InputError, match="a tile of 4 pixels does not fit images of 3×6"):
        shown(torch.zeros(1, 3, 3, 6))
