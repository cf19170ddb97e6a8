"""Groups against those that were planted."""

import numpy as np
import pytest
from numpy.typing import NDArray

from nearsight.diagnosis.grouping import Groups, group, stability


def blobs(count: int, *, size: int = 30, apart: float = 4.0, seed: int = 0) -> NDArray[np.float32]:
    random = np.random.default_rng(seed)
    centres = apart * np.eye(32)[:count] + 3
    points = centres[:, None] + random.normal(size=(count, size, 32)) * 0.5
    return points.reshape(-1, 32).astype(np.float32)


def ones(points: NDArray[np.float32]) -> NDArray[np.float32]:
    return np.ones(len(points), dtype=np.float32)


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_as_many_groups_are_found_as_were_planted(count: int) -> None:
    points = blobs(count, apart=10.0)
    groups = group(points, ones(points))
    assert len(groups) == count
    found = groups.nearest(points).reshape(count, -1)
    assert (found == found[:, :1]).all()
    assert len(set(found[:, 0].tolist())) == count


def test_a_single_cloud_is_rarely_taken_apart() -> None:
    taken_apart = sum(
        len(group(blobs(1, size=60, seed=seed), np.ones(60, np.float32))) > 1 for seed in range(10)
    )
    assert taken_apart <= 2


def test_the_length_of_an_embedding_does_not_matter() -> None:
    points = blobs(2, apart=10.0)
    lengths = np.random.default_rng(1).uniform(0.1, 10, (len(points), 1)).astype(np.float32)
    assert group(points, ones(points)).nearest(points * lengths).tolist() == (
        group(points * lengths, ones(points)).nearest(points).tolist()
    )


def test_few_tiles_are_one_group_and_most_bounds_the_number() -> None:
    points = blobs(4, size=4, apart=10.0)
    assert len(group(points, ones(points))) == 1
    points = blobs(4, apart=10.0)
    assert len(group(points, ones(points), most=2)) == 2


@pytest.mark.parametrize("value", [0.0, 1.0])
def test_equal_embeddings_are_one_group(value: float) -> None:
    points = np.full((40, 8), value, dtype=np.float32)
    groups = group(points, ones(points))
    assert len(groups) == 1
    assert groups.nearest(points[:0]).tolist() == []
    assert groups.nearest(points).tolist() == [0] * 40


def test_there_are_no_more_groups_than_points_that_differ() -> None:
    two = np.repeat(np.array([[1.0], [-1.0]], dtype=np.float32), 40, axis=0)
    assert len(group(two, np.ones(80, np.float32))) == 2


def test_groups_that_are_there_are_found_again_and_pieces_of_one_cloud_are_not() -> None:
    random = np.random.default_rng(0)
    cloud = random.normal(size=(120, 8)).astype(np.float32)
    apart = np.concatenate([cloud[:60] + 6, cloud[60:] - 6])
    ones = np.ones(120, np.float32)
    sure = stability(group(apart, ones), apart, ones)
    assert (sure > 0.95).all()
    # Borders in a continuum are arbitrary, and fall elsewhere with other draws.
    pieces = group(apart, ones)
    pieces = Groups(random.normal(size=(4, pieces.centres.shape[1])), pieces.pca)
    assert stability(pieces, cloud, ones).mean() < 0.75
