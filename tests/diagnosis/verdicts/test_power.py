"""The limit of what is found: beside drawing with the test that verdicts use."""

import numpy as np

from nearsight.diagnosis.verdicts.power import fewest_images, smallest_difference
from nearsight.statistics import more_often


def test_a_difference_at_the_limit_is_found_as_often_as_said_and_a_smaller_one_is_not() -> None:
    images, accuracy, level = 150, 0.5, 0.01
    limit = smallest_difference(images, accuracy, level)
    assert limit is not None

    def found(difference: float) -> float:
        random = np.random.default_rng(1)
        draws = [
            more_often(random.random(50) < accuracy + difference, random.random(100) < accuracy) <= level
            for _ in range(300)
        ]
        return float(np.mean(draws))

    assert found(limit) >= 0.74
    assert found(limit - 0.05) < 0.86


def test_more_images_find_smaller_ones() -> None:
    few, many = (smallest_difference(images, 0.5, 0.01) for images in (60, 600))
    assert few is not None
    assert many is not None
    assert many < few


def test_where_all_are_right_or_images_are_few_none_is_found() -> None:
    assert smallest_difference(200, 1.0, 0.01) is None
    assert smallest_difference(1, 0.5, 0.05) is None


def test_the_fewest_images_are_those_from_which_on_fishers_test_believes_a_third() -> None:
    for classes, level in ((2, 0.05), (3, 0.005), (10, 0.001)):
        fewest = fewest_images(classes, level)

        def p(images: int, others: int = classes - 1) -> float:
            return more_often(np.arange(images) < round(images / 3), np.zeros(images * others))

        assert p(fewest) <= level
        assert min(p(images) for images in range(1, fewest)) > level
