"""What is seen of images is on one scale, edited or not."""

import numpy as np
import torch
from tests.diagnosis.attributes.conftest import Photographs

from nearsight.data import ImageSet, MemoryImages
from nearsight.diagnosis.attributes.edits import BRIGHTER
from nearsight.diagnosis.attributes.looks import Looks
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.attributes.seen import Scaled
from nearsight.diagnosis.candidates import Examined
from nearsight.diagnosis.decision import Decision
from nearsight.evidence import TiledModel

COUNT = 24


def scaled(photographs: Photographs) -> Scaled:
    pictures = photographs(COUNT, side=24)
    images = ImageSet(
        "toy",
        "test",
        ("a", "b"),
        np.arange(COUNT) % 2,
        MemoryImages(torch.stack(pictures), ("",) * COUNT),
    )
    bound = TiledModel(lambda tiles: tiles.mean((2, 3))[:, :2], tile=1, classes=images.classes)
    # Every third image tests, so places among those that choose are not places in the set.
    examined = Examined(
        images, Decision(bound, "mean-logit"), images.labels, np.arange(COUNT) % 3 > 0, scored=None
    )
    return Scaled.of(Looks(examined, measure_all(pictures)))


def test_an_edit_that_changes_nothing_leaves_images_where_they_are(photographs: Photographs) -> None:
    seen = scaled(photographs)
    places = np.array([3, 0, 5])
    np.testing.assert_array_equal(seen.edited(lambda image, _: image, places), seen.plain[places])
    assert not seen.changes(lambda image, _: image, places).any()


def test_what_an_edit_changes_is_seen_of_the_same_images_in_order(photographs: Photographs) -> None:
    seen = scaled(photographs)
    asked: list[int] = []

    def brighter(image: torch.Tensor, place: int) -> torch.Tensor:
        asked.append(place)
        return BRIGHTER.edit(40.0)(image)

    places = np.array([4, 1])
    changed = seen.changes(brighter, places)
    assert asked == seen.seen.grown[places].tolist()
    one_by_one = np.concatenate([seen.changes(brighter, places[k : k + 1]) for k in range(2)])
    np.testing.assert_allclose(changed, one_by_one)
    assert np.abs(changed).max() > 0.5
