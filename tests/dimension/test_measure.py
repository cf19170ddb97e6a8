"""The whole measurement: on sets whose answers are known, and on bad ones, without a NaN."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from nearsight.data import ImageSet, ImageSets, load
from nearsight.dimension import Dimension, measure_dimension
from nearsight.errors import InputError
from nearsight.settings import Sampling

MakeSet = Callable[..., ImageSet]
NoiseSets = Callable[..., ImageSets]

FEW = Sampling(
    training_tiles=300, test_images=30, tiles_per_test_image=3, points=100, pairs=60, example_images=64
)


@pytest.fixture(scope="module")
def digits() -> Dimension:
    return measure_dimension(load("digits"), tiles=[4, None], sampling=FEW)


def strict(found: Dimension) -> dict[str, Any]:
    """Return what dimension.json holds, read by a reader that refuses NaN."""
    text = json.dumps(found.to_json(), allow_nan=False)
    result: dict[str, Any] = json.loads(text)
    return result


def reasons(content: Any) -> list[tuple[Any, Any]]:
    """Return value and reason of every measured figure, however deep."""
    if isinstance(content, dict):
        own = [(content["value"], content["reason"])] if {"value", "reason"} <= content.keys() else []
        return own + [pair for part in content.values() for pair in reasons(part)]
    return [pair for part in content for pair in reasons(part)] if isinstance(content, list) else []


def test_tiles_are_counted_and_sampled_as_asked(digits: Dimension) -> None:
    four, full = digits.tiles
    assert (four.tiles, full.tiles) == (1289 * 25, 1289)
    assert (four.sampled.test_tiles, full.sampled.test_tiles) == (90, 30)
    assert four.sampled.training_tiles == four.sampled.training_images == 300
    assert full.effective["raw"].value == 1289
    assert 1289 <= four.effective["raw"].value <= four.tiles
    assert digits.chance == pytest.approx(0.1, abs=0.01)


def test_digits_are_found_by_their_neighbours(digits: Dimension) -> None:
    four, full = (row.coverage["raw"] for row in digits.tiles)
    assert full.tile_agreement.value > 0.85
    assert full.tile_agreement == full.image_agreement
    assert four.image_agreement.value > four.tile_agreement.value > 2 * digits.chance


def test_the_same_seed_measures_the_same(digits: Dimension) -> None:
    again = measure_dimension(load("digits"), tiles=[None, 4], sampling=FEW)
    assert again.table().equals(digits.table())


def test_noise_is_predicted_by_nothing(noise_sets: NoiseSets) -> None:
    found = measure_dimension(noise_sets(train=200, test=100), tiles=[4], sampling=FEW)
    coverage = found.tiles[0].coverage["raw"]
    assert coverage.tile_agreement.low < 0.25 < coverage.tile_agreement.high
    assert found.tiles[0].correlation["raw"].low < 0.02


def test_progress_counts_training_images_of_all_sizes(noise_sets: NoiseSets, listener: Any) -> None:
    measure_dimension(noise_sets(train=40), tiles=[2, 4], sampling=FEW, progress=listener)
    assert listener.counted[-1] == ("searching training images", 160, 160)
    assert listener.counted == sorted(listener.counted)
    assert listener.said == [
        "tile 2: 12 dimensions, 1,960 training tiles",
        "tile 4: 48 dimensions, 1,000 training tiles",
    ]


def flat(make: MakeSet, split: str) -> ImageSet:
    return make(np.full((20, 3, 6, 6), 77), np.arange(20) % 4, split=split)


def copies(make: MakeSet, split: str) -> ImageSet:
    pixels = np.random.default_rng(0).integers(0, 256, (2, 3, 6, 6))
    return make(np.repeat(pixels, 10, 0), np.repeat([0, 1], 10), split=split)


def one_class(make: MakeSet, split: str) -> ImageSet:
    return make(np.random.default_rng(len(split)).integers(0, 256, (20, 3, 6, 6)), np.zeros(20), split=split)


def few(make: MakeSet, split: str) -> ImageSet:
    return make(np.random.default_rng(len(split)).integers(0, 256, (1, 3, 6, 6)), [0], split=split)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (flat, "1 distinct tiles are too few"),
        (flat, "all tiles are alike"),
        (copies, "2 distinct tiles are too few"),
        (copies, "every test tile repeats a training tile"),
        (one_class, "all images carry one class"),
        (few, "1 training images are too few for a curve"),
        (few, "one image has no spread between images"),
    ],
)
def test_bad_sets_are_measured_as_far_as_they_go(
    make: Callable[[MakeSet, str], ImageSet], told: str, image_set: MakeSet, tmp_path: Path
) -> None:
    sets = ImageSets("bad", {split: make(image_set, split) for split in ("train", "test")})
    found = measure_dimension(sets, tiles=[4, None], sampling=FEW)
    found.save(tmp_path)
    measured = reasons(json.loads((tmp_path / "dimension.json").read_text(), parse_constant=pytest.fail))
    assert measured == reasons(strict(found))
    assert all((value is None) == (reason is not None) for value, reason in measured)
    assert any(told in reason for _, reason in measured if reason)
    assert found.words()
    assert len(found.table()) == 2


def test_what_cannot_be_measured_at_all_is_refused(noise_sets: NoiseSets, image_set: MakeSet) -> None:
    sets = noise_sets()
    with pytest.raises(
        InputError, match="a tile of 9 pixels does not fit every image of toy train; sides from 1 to 8"
    ):
        measure_dimension(sets, tiles=[4, 9], sampling=FEW)
    with pytest.raises(InputError, match="a tile of 0 pixels"):
        measure_dimension(sets, tiles=[0], sampling=FEW)
    with pytest.raises(InputError, match="no tile size is given"):
        measure_dimension(sets, tiles=[], sampling=FEW)
    with pytest.raises(InputError, match="has no split 'test'"):
        measure_dimension(ImageSets("toy", {"train": sets["train"]}), tiles=[4], sampling=FEW)
    larger = image_set(np.zeros((4, 3, 9, 9)), [0, 1, 2, 3], split="test")
    with pytest.raises(InputError, match="whole images of train and test differ in size"):
        measure_dimension(
            ImageSets("toy", {"train": sets["train"], "test": larger}), tiles=[None], sampling=FEW
        )


def test_images_of_many_sizes_have_no_whole_size(tmp_path: Path) -> None:
    from PIL import Image

    random = np.random.default_rng(0)
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            for number in range(6):
                place = tmp_path / split / name / f"{number}.png"
                place.parent.mkdir(parents=True, exist_ok=True)
                shape = (8 + number, 9, 3)
                Image.fromarray(random.integers(0, 256, shape, dtype=np.uint8)).save(place)
    sets = load(tmp_path, validation=0)
    with pytest.raises(
        InputError, match=r"whole images of .* are 8×9 to 13×9 pixels, and distances need one size"
    ):
        measure_dimension(sets, tiles=[None], sampling=FEW)
    found = measure_dimension(sets, sampling=FEW)
    assert [row.tile for row in found.tiles] == [1, 2, 3, 4, 6]
    assert found.tiles[0].tiles == 2 * sum((8 + number) * 9 for number in range(6))


def test_a_comparison_of_other_sizes_stops_it_before_it_starts(
    noise_sets: NoiseSets, tmp_path: Path, listener: Any
) -> None:
    with pytest.raises(InputError, match=r"holds no comparison\.json"):
        measure_dimension(noise_sets(), tiles=[4], comparison=tmp_path, sampling=FEW, progress=listener)
    assert listener.said == []
