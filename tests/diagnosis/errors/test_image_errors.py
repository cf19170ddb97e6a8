"""Misclassified images, one by one and by confusion pair."""

from collections import Counter

import numpy as np
import pytest
import torch

from nearsight.diagnosis.errors import image_errors
from nearsight.diagnosis.errors.image_errors import ImageError, collect_errors, tile_error
from nearsight.errors import InputError
from nearsight.evaluation import confusion_matrix
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid

CLASSES = ("cat", "dog", "owl", "fox")
GRID = TileGrid(20, 26, tile=8, stride=3, kind="covering")


def random_map(seed: int) -> EvidenceMap:
    generator = torch.Generator().manual_seed(seed)
    lean = torch.randn(len(CLASSES), 1, 1, generator=generator)
    return EvidenceMap(torch.randn(len(CLASSES), *GRID.shape, generator=generator) + lean, GRID, CLASSES)


MAPS = [random_map(seed) for seed in range(60)]
LABELS = np.random.default_rng(1).integers(0, len(CLASSES), len(MAPS))
ERRORS = [
    error
    for i, (tiles, label) in enumerate(zip(MAPS, LABELS, strict=True))
    if (error := tile_error(tiles, int(label), i, f"{i}.png")) is not None
]


def without(tiles: EvidenceMap, removed: tuple[int, ...]) -> int:
    kept = torch.ones(len(GRID), dtype=torch.bool)
    kept[list(removed)] = False
    return int(tiles.logits.flatten(1)[:, kept].double().mean(1).argmax())


def test_errors_are_the_images_that_mean_logit_gets_wrong() -> None:
    wrong = [i for i, tiles in enumerate(MAPS) if tiles.predicted() != LABELS[i]]
    assert [error.index for error in ERRORS] == wrong
    assert [error.path for error in ERRORS] == [f"{i}.png" for i in wrong]


@pytest.mark.parametrize("error", ERRORS[:12], ids=lambda error: error.path)
def test_figures_are_those_of_the_mean_logits(error: ImageError) -> None:
    mean = MAPS[error.index].mean()
    assert error.margin == pytest.approx(float(mean[error.prediction] - mean[error.label]), abs=1e-6)
    loss = torch.nn.functional.cross_entropy(mean[None], torch.tensor([error.label]))
    assert error.cost == pytest.approx(float(loss), rel=1e-6)
    # The drawn maps are the plain logits: their means are the scores.
    torch.testing.assert_close(error.evidence.mean((1, 2)), mean[list(error.kept)])
    assert error.kept[:2] == (error.prediction, error.label)
    assert sorted(error.kept) == list(range(len(mean)))


@pytest.mark.parametrize("error", ERRORS[:12], ids=lambda error: error.path)
def test_deciding_tiles_lie_apart_and_speak_most_for_the_prediction(error: ImageError) -> None:
    lead = (error.evidence[0] - error.evidence[1]).flatten()
    assert error.deciding[0].evidence == lead.max()
    assert 1 <= len(error.deciding) <= 5
    for number, tile in enumerate(error.deciding):
        assert tile.evidence == lead[tile.index] > 0
        assert all(
            max(abs(tile.top - other.top), abs(tile.left - other.left)) >= GRID.tile
            for other in error.deciding[:number]
        )


def test_flips_change_the_prediction_of_mean_logit() -> None:
    for error in ERRORS:
        if error.flip is not None:
            assert without(MAPS[error.index], error.flip.tiles) == error.flip.to != error.prediction
        if error.to_label is not None:
            assert without(MAPS[error.index], error.to_label.tiles) == error.label
            assert len(error.to_label.tiles) >= len(error.flip.tiles)
    assert sum(error.to_label is not None for error in ERRORS) > 10


def test_an_error_does_not_hold_on_to_the_map() -> None:
    tiles = random_map(0)
    error = tile_error(tiles, (tiles.predicted() + 1) % len(CLASSES), 0, "")
    assert error.evidence.untyped_storage().nbytes() == error.evidence.nbytes


def test_the_costliest_errors_come_first_and_pairs_are_the_confusion_matrix() -> None:
    found = collect_errors(ERRORS, LABELS, CLASSES)
    costs = [error.cost for error in found.errors]
    assert costs == sorted(costs, reverse=True)
    assert found.images == len(MAPS)

    scores = np.stack([tiles.mean().numpy() for tiles in MAPS])
    matrix = confusion_matrix("mean-logit", scores, LABELS)
    off_diagonal = matrix * (1 - np.eye(len(CLASSES)))
    assert {(pair.label, pair.prediction): pair.count for pair in found.pairs} == {
        (label, prediction): count for (label, prediction), count in np.ndenumerate(off_diagonal) if count
    }
    counts = [pair.count for pair in found.pairs]
    assert counts == sorted(counts, reverse=True)
    by_index = {error.index: error for error in ERRORS}
    for pair in found.pairs:
        assert pair.share == pair.count / matrix[pair.label].sum()
        members = [by_index[index] for index in pair.errors]
        assert Counter((error.label, error.prediction) for error in members) == {
            (pair.label, pair.prediction): pair.count
        }
        assert [error.cost for error in members] == sorted((error.cost for error in members), reverse=True)


def test_classes_without_images_and_sets_without_errors_make_no_pairs() -> None:
    found = collect_errors([], np.array([0, 0]), CLASSES)
    assert (found.errors, found.pairs, found.images) == ((), (), 2)
    assert collect_errors([], np.array([], dtype=np.int64), CLASSES).images == 0


def test_one_class_is_never_wrong_and_a_class_that_does_not_exist_is_refused() -> None:
    alone = EvidenceMap(torch.ones(1, *GRID.shape), GRID, ("cat",))
    assert tile_error(alone, 0, 0, "") is None
    with pytest.raises(InputError, match="class 1 does not exist"):
        tile_error(alone, 1, 0, "")


def test_tiles_that_were_skipped_are_in_no_flip_and_decide_nothing() -> None:
    found = 0
    for seed, tiles in enumerate(MAPS):
        skipped = torch.rand(GRID.shape, generator=torch.Generator().manual_seed(seed)) < 0.4
        logits = tiles.logits.masked_fill(skipped, torch.nan)
        error = tile_error(EvidenceMap(logits, GRID, CLASSES), int(LABELS[seed]), 0, "a.png")
        if error is None or error.flip is None:
            continue
        found += 1
        gone = list(error.flip.tiles)
        assert not skipped.flatten()[gone].any()
        kept = ~skipped.flatten()
        kept[gone] = False
        assert int(logits.flatten(1)[:, kept].mean(1).argmax()) == error.flip.to
        assert not any(skipped.flatten()[tile.index] for tile in error.deciding)
    assert found > 10


def test_a_large_map_is_kept_in_means_and_its_flip_in_part(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(image_errors, "LARGEST_MAP", 3)
    monkeypatch.setattr(image_errors, "MOST_TILES", 8)
    monkeypatch.setattr(image_errors, "NAMED", 1)
    for error in ERRORS:
        tiles = MAPS[error.index]
        found = tile_error(tiles, error.label, error.index, error.path)
        assert found is not None
        assert found.drawn is not None
        assert found.evidence is not None
        assert found.drawn.shape == found.evidence.shape[1:]
        assert max(found.evidence.shape[1:]) <= 4
        assert found.grid == error.grid
        for number, kept in enumerate(found.kept):
            assert found.mean(number) == pytest.approx(float(tiles.logits[kept].mean()), abs=1e-5)
            row = found.drawn.tops[0], found.drawn.tops[0] + found.drawn.tile
            inside = [top >= row[0] and top + GRID.tile <= row[1] for top in GRID.tops]
            assert found.evidence[number, 0, 0] == pytest.approx(
                float(tiles.logits[kept][: sum(inside), : sum(inside)].mean()), abs=1e-5
            )
        for number in range(len(error.deciding)):
            assert found.of_deciding(number) == pytest.approx(error.of_deciding(number))
        if error.flip is not None:
            assert found.flip is not None
            assert found.flip.tiles == error.flip.tiles[:1]
            assert (found.flip.share, found.flip.area) == (error.flip.share, error.flip.area)
