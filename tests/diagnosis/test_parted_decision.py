"""The decision on changed parts is that on the whole changed image."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from tests.diagnosis.conftest import bound_function
from torch import Tensor

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.decision import Decision
from nearsight.diagnosis.parted import PartedPicture, PartedPictures
from nearsight.diagnosis.parted_decision import PartedDecision
from nearsight.evidence import TiledModel


def colours(tiles: Tensor) -> Tensor:
    return torch.stack([tiles[:, 0].amax((1, 2)), tiles.mean((1, 2, 3)), tiles[:, 2].amin((1, 2))], 1)


def parted(blank: int | None) -> PartedDecision:
    """Return the decision on images whose right half is blank."""
    random = torch.Generator().manual_seed(0)
    pixels = torch.randint(0, 256, (3, 3, 40, 52), generator=random, dtype=torch.uint8)
    pixels[..., 26:] = 200
    pixels[2] = 200
    images = ImageSet("toy", "test", ("a", "b", "c"), np.arange(3), MemoryImages(pixels, tuple("abc")))
    bound = bound_function(colours, images, tile=8, stride=3, grid="covering", skip_blank=blank)
    maps = list(bound.maps(list(pixels)))
    return PartedDecision(
        Decision.of(bound, whole=False),
        PartedPictures(images),
        [found.grid for found in maps],
        np.stack([found.mean().numpy() for found in maps]),
        np.array([int((~found.skipped).sum()) for found in maps]),
    )


def of_whole(decision: PartedDecision, picture: PartedPicture) -> Tensor:
    """Return the scores of a changed picture, passed whole."""
    height, width = picture.size
    [found] = decision.decision.bound.maps([picture.part(0, 0, (height, width))])
    return found.mean()


@pytest.mark.parametrize("blank", [None, 4])
@pytest.mark.parametrize(
    "boxes",
    [
        [(0, 0, 5, 7)],
        [(33, 45, 7, 7)],
        [(3, 20, 9, 30), (8, 24, 20, 4)],
        [(10, 2, 1, 1), (30, 40, 3, 12)],
        [],
    ],
)
def test_scores_follow_from_the_tiles_that_changed(blank: int | None, boxes: list[tuple[int, ...]]) -> None:
    decision, random = parted(blank), torch.Generator().manual_seed(1)
    for index in range(2):
        picture = decision.picture(index)
        for top, left, height, width in boxes:
            noise = torch.randint(0, 256, (3, height, width), generator=random, dtype=torch.uint8)
            picture = picture.with_part(top, left, noise)
        expected = of_whole(decision, picture)
        torch.testing.assert_close(decision.scores_of(picture).float(), expected, rtol=1e-4, atol=1e-5)


def test_tiles_that_become_blank_no_longer_count() -> None:
    decision = parted(4)
    picture = decision.picture(0).with_part(0, 0, torch.full((3, 30, 20), 90, dtype=torch.uint8))
    expected = of_whole(decision, picture)
    assert not torch.allclose(expected, torch.from_numpy(decision.scores[0]), atol=1e-3)
    torch.testing.assert_close(decision.scores_of(picture).float(), expected, rtol=1e-4, atol=1e-5)


def test_tiles_of_an_image_that_is_all_blank_all_count() -> None:
    decision = parted(4)
    assert decision.counted[2] == len(decision.grids[2])
    dark = decision.picture(2).with_part(4, 4, torch.full((3, 3, 3), 198, dtype=torch.uint8))
    torch.testing.assert_close(decision.scores_of(dark).float(), of_whole(decision, dark))


def test_predictions_are_those_of_the_edited_images() -> None:
    decision = parted(None)

    def brighter(picture: PartedPicture) -> PartedPicture:
        return picture.with_part(0, 0, torch.full((3, 40, 30), 255, dtype=torch.uint8))

    expected = [int(of_whole(decision, brighter(decision.picture(place))).argmax()) for place in (2, 0)]
    assert decision.predictions_of([2, 0], brighter).tolist() == expected


def test_only_the_mean_of_tiles_is_additive() -> None:
    decision = parted(None)
    assert decision.additive
    bound = TiledModel(decision.decision.bound.model, tile=8, stride=3)
    other = PartedDecision(
        Decision(bound, "max"), decision.pictures, decision.grids, decision.scores, decision.counted
    )
    assert not other.additive


def test_later_patches_lie_on_earlier_ones() -> None:
    picture = parted(None).picture(0)
    ones, twos = (torch.full((3, 4, 4), value, dtype=torch.uint8) for value in (1, 2))
    both = picture.with_part(2, 2, ones).with_part(4, 4, twos)
    seen = both.part(0, 0, (10, 10))
    assert (seen[:, 4:8, 4:8] == 2).all()
    assert (seen[:, 2:4, 2:6] == 1).all()
    before, after = both.tiles([(0, 0), (3, 3)], 5)
    assert before[0].equal(picture.part(0, 0, (5, 5)))
    assert after[1].equal(seen[:, 3:8, 3:8])


def test_parts_are_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    pictures = parted(None).pictures
    looked: list[int] = []
    look: Callable[[ImageSet, int], Tensor] = ImageSet.looked_at  # type: ignore[assignment]
    monkeypatch.setattr(ImageSet, "looked_at", lambda images, i: looked.append(i) or look(images, i))
    first = pictures.parts(1, [(0, 0), (3, 5), (0, 0)], (6, 6))
    again = pictures.parts(1, [(3, 5)], (6, 6))
    assert again[0].equal(first[1])
    assert looked == [1]
