"""A suggested diagnosis is shortened by its stride, and by its images where that is not enough."""

import pytest
import torch

from nearsight.data import ImageSet, load
from nearsight.diagnosis.expected import Expected
from nearsight.evidence import TiledModel
from nearsight.verbs import foreseen
from nearsight.verbs.foreseen import quick_diagnosis


@pytest.mark.parametrize(
    ("fixed", "of_an_image", "options", "seconds"),
    [
        # A quarter of an hour is never shortened.
        (0.0, 2.0, {}, 730.0),
        # With a stride of four thirds of the usual one it fits.
        (0.0, 4.0, {"stride": 4}, 4 * 365 * 4 / 16),
        # With that of a tile it still takes hours: of as many images as fit into a quarter of an hour, or 100.
        (0.0, 40.0, {"stride": 8}, 40 * 365 * 4 / 64),
        (0.0, 200.0, {"stride": 8, "images": 100}, 200 * 100 * 4 / 64),
        # Where training images take most of the time, fewer of these images save little.
        (5000.0, 1.0, {}, 5365.0),
    ],
)
def test_a_long_diagnosis_is_suggested_with_what_shortens_it(
    monkeypatch: pytest.MonkeyPatch, fixed: float, of_an_image: float, options: dict[str, int], seconds: float
) -> None:
    bound = TiledModel(lambda tiles: tiles.mean((2, 3)), tile=8, stride=2, classes=("a", "b", "c"))

    def foresee(one: TiledModel, images: ImageSet) -> Expected:
        assert one.stride is not None
        taken = fixed + of_an_image * len(images) * 4 / one.stride**2
        return Expected(taken, taken)

    images = load("digits")["test"]
    assert len(images) == 365
    monkeypatch.setattr(foreseen, "_diagnosis", lambda *_, **__: (bound, images, foresee))
    found = quick_diagnosis("run")
    assert found is not None
    assert found[0] == options
    torch.testing.assert_close(found[1], seconds)
