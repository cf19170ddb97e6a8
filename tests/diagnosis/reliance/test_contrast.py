"""The contrast: its zero is where outputs are treated alike, whatever textures they like."""

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from nearsight.diagnosis.overlap import object_shares
from nearsight.diagnosis.reliance.background import image_reliance
from nearsight.diagnosis.reliance.contrast import OffShareSums, off_shares
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid


def summed(means: NDArray[np.float64], images: int = 10) -> OffShareSums:
    sums = OffShareSums(len(means))
    for label, row in enumerate(means):
        for _ in range(images):
            sums.add(label, torch.from_numpy(row))
    return sums


def additive(random: np.random.Generator, count: int = 8) -> NDArray[np.float64]:
    return 0.5 + random.normal(0, 0.1, (count, 1)) + random.normal(0, 0.2, (1, count))


def test_shares_are_those_of_reliance_class_by_class() -> None:
    grid = TileGrid(12, 16, tile=4, stride=2)
    mask = torch.zeros(12, 16, dtype=torch.bool)
    mask[3:9, 2:11] = True
    logits = torch.randn(5, *grid.shape, generator=torch.Generator().manual_seed(0))
    tiles, on_object = EvidenceMap(logits, grid, tuple("abcde")), object_shares(mask, grid)
    alone = [image_reliance(tiles, label, on_object, mask).off_share for label in range(5)]
    assert off_shares(tiles, on_object).tolist() == pytest.approx(alone)


def test_a_class_without_evidence_prefers_nothing() -> None:
    grid = TileGrid(4, 8, tile=4, stride=4)
    tiles = EvidenceMap(torch.tensor([[[1.0, 1.0]], [[0.0, 0.0]]]), grid, ("a", "b"))
    assert off_shares(tiles, torch.tensor([[1.0, 0.5]])).tolist() == [0.25, 0.25]


def test_what_rows_and_columns_explain_is_no_contrast() -> None:
    overall, classes = summed(additive(np.random.default_rng(0))).contrasts()
    assert overall.estimate.value == pytest.approx(0)
    assert [one.estimate.value for one in classes] == pytest.approx([0] * 8)


def test_own_cells_that_stand_out_are_found_by_how_much_they_do() -> None:
    random = np.random.default_rng(0)
    extra = np.zeros(8)
    extra[2] = 0.3
    means = additive(random) + random.normal(0, 0.02, (8, 8)) + np.diag(extra)
    overall, classes = summed(means).contrasts()
    assert classes[2].estimate.low < 0.3 < classes[2].estimate.high
    assert [one.q is not None and one.q < 0.05 for one in classes] == [k == 2 for k in range(8)]
    assert overall.estimate.value == pytest.approx(np.mean([one.estimate.value for one in classes]))


def test_the_fit_is_the_least_squares_one() -> None:
    random = np.random.default_rng(1)
    count = 5
    means = additive(random, count) + random.normal(0, 0.05, (count, count))
    cells = [(i, j) for i in range(count) for j in range(count) if i != j]
    design = np.zeros((len(cells), 2 * count))
    for row, (i, j) in enumerate(cells):
        design[row, i] = design[row, count + j] = 1
    effects = np.linalg.lstsq(design, [means[cell] for cell in cells], rcond=None)[0]
    wanted = [means[k, k] - effects[k] - effects[count + k] for k in range(count)]
    assert [one.estimate.value for one in summed(means).contrasts()[1]] == pytest.approx(wanted)


def test_outputs_treated_alike_are_rarely_found() -> None:
    random = np.random.default_rng(2)
    wrong, overall_wrong, tables = 0, 0, 300
    for _ in range(tables):
        overall, classes = summed(additive(random, 6) + random.normal(0, 0.05, (6, 6)), images=1).contrasts()
        wrong += sum(not one.estimate.low < 0 < one.estimate.high for one in classes)
        overall_wrong += not overall.estimate.low < 0 < overall.estimate.high
    assert wrong / (6 * tables) == pytest.approx(0.05, abs=0.015)
    assert overall_wrong / tables == pytest.approx(0.05, abs=0.03)


def test_few_classes_have_a_value_and_no_interval() -> None:
    for count in (2, 3):
        overall, classes = summed(np.full((count, count), 0.5) + 0.1 * np.eye(count)).contrasts()
        assert overall.estimate.value == pytest.approx(0.1)
        assert overall.estimate.low is classes[0].estimate.low is overall.q is None
        assert overall.estimate.reason == "an interval needs 4 classes"


def test_classes_without_images_take_no_part() -> None:
    random = np.random.default_rng(3)
    means = additive(random, 6) + random.normal(0, 0.05, (6, 6))
    some = summed(means)
    del some.sums[1], some.sums[4]
    some.images[[1, 4]] = 0
    overall, classes = some.contrasts()
    left = [0, 2, 3, 5]
    alone, of_left = summed(means[np.ix_(left, left)]).contrasts()
    assert overall == alone
    assert tuple(classes[k] for k in left) == of_left
    assert classes[1].estimate.value is classes[4].q is None


def test_nothing_counted_is_nothing_known() -> None:
    overall, classes = OffShareSums(3).contrasts()
    assert overall.estimate.value is None
    assert len(classes) == 3
