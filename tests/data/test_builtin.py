"""The sets that come with the package."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

import nearsight.data.scenes
from nearsight.data.loading import load
from nearsight.errors import InputError


def test_digits_are_scikit_learns() -> None:
    sets = load("digits", validation=0)
    own = {images.tobytes(): target for images, target in zip(*load_digits(return_X_y=True), strict=True)}
    assert sum(map(len, sets.values())) == 1797
    for images in sets.values():
        for i, label in enumerate(images.labels):
            image = images.image(i).numpy()
            assert (image == image[:1]).all()
            assert own[np.rint(image[0] * (16 / 255)).astype(float).tobytes()] == label


@pytest.mark.usefixtures("few_scenes")
def test_scenes_have_their_splits_and_masks() -> None:
    sets = load("scenes:shortcut=0.9,seed=3")
    assert list(sets) == ["train", "val", "test", "shuffled", "swapped"]
    for split, images in sets.items():
        drawn = nearsight.data.scenes.draw_scenes(split, shortcut=0.9, seed=3)
        assert images.pixels is not None
        assert images.pixels.equal(drawn.pixels)
        assert images.labels.tolist() == drawn.labels.tolist()
        assert all(images.region(i).equal(drawn.masks[i]) for i in range(len(images)))


@pytest.mark.usefixtures("few_scenes")
def test_scenes_without_options_are_the_usual_ones() -> None:
    drawn = nearsight.data.scenes.draw_scenes("train")
    assert load("scenes")["train"].pixels.equal(drawn.pixels)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scenes:shotcut=1", "unknown option of scenes 'shotcut'; did you mean 'shortcut'"),
        ("scenes:shortcut=much", "shortcut of scenes is a number, got 'much'"),
        ("scenes:seed=1.5", r"seed of scenes is a number, got '1\.5'"),
        ("scenes:shortcut", "shortcut of scenes is a number, got ''"),
        ("scenes:shortcut=2", "2"),
    ],
)
def test_options_that_scenes_lack_are_refused(name: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load(name)
