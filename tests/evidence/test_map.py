"""The evidence map against loops over its tiles and pixels, and through a file and a table."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.tiles import TileGrid, cut_grid

CLASSES = ("cat", "dog", "owl", "fox")
GRID = TileGrid(11, 9, tile=4, stride=2, kind="covering")


@pytest.fixture
def evidence_map() -> EvidenceMap:
    logits = torch.randn(4, *GRID.shape, generator=torch.Generator().manual_seed(0)) * 3
    return EvidenceMap(logits, GRID, CLASSES)


def tiles_of(evidence_map: EvidenceMap) -> list[np.ndarray]:
    rows, columns = evidence_map.grid.shape
    return [
        evidence_map.logits[:, row, column].double().numpy()
        for row in range(rows)
        for column in range(columns)
    ]


def test_mean_is_the_mean_of_the_tiles(evidence_map: EvidenceMap) -> None:
    np.testing.assert_allclose(evidence_map.mean(), np.mean(tiles_of(evidence_map), axis=0), atol=1e-6)


def test_probabilities_is_the_mean_of_each_tiles_softmax(evidence_map: EvidenceMap) -> None:
    softmax = [np.exp(tile) / np.exp(tile).sum() for tile in tiles_of(evidence_map)]
    np.testing.assert_allclose(evidence_map.probabilities(), np.mean(softmax, axis=0), atol=1e-6)


def test_vote_is_the_share_of_tiles_that_choose_a_class(evidence_map: EvidenceMap) -> None:
    chosen = Counter(int(tile.argmax()) for tile in tiles_of(evidence_map))
    expected = [chosen[number] / len(GRID) for number in range(4)]
    np.testing.assert_allclose(evidence_map.vote(), expected, atol=1e-7)


def test_a_tile_that_cannot_decide_votes_for_the_first_class() -> None:
    assert EvidenceMap(torch.zeros(4, *GRID.shape), GRID, CLASSES).vote().tolist() == [1, 0, 0, 0]


@pytest.mark.parametrize("shape", [(3, *GRID.shape), (4, GRID.shape[1], GRID.shape[0]), (4, len(GRID))])
def test_logits_that_do_not_belong_to_the_grid_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match="4 classes on a grid of 5×4 tiles"):
        EvidenceMap(torch.zeros(shape), GRID, CLASSES)


grids = st.builds(
    lambda tile, extra_height, extra_width, stride, kind: TileGrid(
        tile + extra_height, tile + extra_width, tile, stride, kind
    ),
    st.integers(1, 5),
    st.integers(0, 9),
    st.integers(0, 9),
    st.integers(1, 7),
    st.sampled_from(["aligned", "covering"]),
)


def random_map(grid: TileGrid, classes: int = 2, seed: int = 0) -> EvidenceMap:
    logits = torch.randn(classes, *grid.shape, generator=torch.Generator().manual_seed(seed)) * 3
    return EvidenceMap(logits, grid, CLASSES[:classes])


@given(grids)
def test_a_pixel_has_the_mean_of_the_tiles_that_cover_it(grid: TileGrid) -> None:
    evidence_map = random_map(grid)
    expected = np.full((grid.height, grid.width), np.nan)
    for y in range(grid.height):
        for x in range(grid.width):
            covering = [
                evidence_map.logits[1, row, column].item()
                for row, top in enumerate(grid.tops)
                for column, left in enumerate(grid.lefts)
                if top <= y < top + grid.tile and left <= x < left + grid.tile
            ]
            if covering:
                expected[y, x] = np.mean(covering)
    np.testing.assert_allclose(evidence_map.per_pixel("dog"), expected, atol=1e-5)
    if grid.kind == "covering" and grid.stride <= grid.tile:
        assert not np.isnan(expected).any()


@given(grids, st.integers(1, 40), st.booleans())
def test_top_tiles_are_the_extremes_in_order_and_where_they_say(
    grid: TileGrid, count: int, against: bool
) -> None:
    evidence_map = random_map(grid)
    found = evidence_map.top_tiles(0, count, against=against)
    ordered = sorted(evidence_map.logits[0].flatten().tolist(), reverse=not against)
    assert [tile.evidence for tile in found] == ordered[:count]
    for tile in found:
        assert (grid.tops[tile.row], grid.lefts[tile.column]) == (tile.top, tile.left)
        assert evidence_map.logits[0, tile.row, tile.column] == tile.evidence
        assert evidence_map.logits[0].flatten()[tile.index] == tile.evidence


@given(grids, st.booleans())
def test_tiles_apart_share_no_pixel_and_pass_over_none_that_would_fit(grid: TileGrid, against: bool) -> None:
    evidence_map = random_map(grid)
    every = evidence_map.top_tiles(0, len(grid), against=against)
    found = evidence_map.top_tiles(0, len(grid), against=against, apart=True)
    covered = np.zeros((grid.height, grid.width), dtype=int)
    kept = []
    for tile in every:
        window = covered[tile.top : tile.top + grid.tile, tile.left : tile.left + grid.tile]
        if not window.any():
            window += 1
            kept.append(tile)
    assert list(found) == kept


def test_equal_tiles_come_in_row_major_order() -> None:
    flat = EvidenceMap(torch.zeros(4, *GRID.shape), GRID, CLASSES)
    for against in (False, True):
        assert [tile.index for tile in flat.top_tiles("owl", 3, against=against)] == [0, 1, 2]


@given(grids)
def test_crops_are_the_tiles_that_are_cut_for_the_model(grid: TileGrid) -> None:
    image = torch.arange(3 * grid.height * grid.width).reshape(3, grid.height, grid.width)
    cut = cut_grid(image[None], grid)[0].flatten(0, 1)
    evidence_map = random_map(grid)
    for index in range(len(grid)):
        assert evidence_map.crop(image, index).equal(cut[index])


def test_a_crop_of_another_image_or_of_no_tile_is_refused(evidence_map: EvidenceMap) -> None:
    with pytest.raises(InputError, match=r"\(3, 9, 11\) but the map is of one of 11×9"):
        evidence_map.crop(torch.zeros(3, 9, 11), 0)
    for index in (-1, len(GRID)):
        with pytest.raises(InputError, match=f"tile {index} does not exist; the map has tiles 0 to 19"):
            evidence_map.crop(torch.zeros(3, 11, 9), index)


@pytest.mark.parametrize(("name", "says"), [("dgo", "did you mean 'dog'"), (4, "0 to 3"), (-1, "0 to 3")])
def test_a_class_that_does_not_exist_is_refused(
    evidence_map: EvidenceMap, name: str | int, says: str
) -> None:
    for look in (evidence_map.top_tiles, evidence_map.per_pixel, evidence_map.plot):
        with pytest.raises(InputError, match=says):
            look(name)


def test_no_tile_is_no_count(evidence_map: EvidenceMap) -> None:
    with pytest.raises(InputError, match="at least 1 tile, got 0"):
        evidence_map.top_tiles(0, 0)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_saved_map_comes_back_bit_for_bit(tmp_path: Path, dtype: torch.dtype) -> None:
    logits = torch.randn(*GRID.shape[::-1], 2, generator=torch.Generator().manual_seed(1), dtype=dtype)
    saved = EvidenceMap(logits.permute(2, 1, 0), GRID, ("höhle", 'a "b"'))
    saved.save(tmp_path / "new" / "map.safetensors")
    loaded = EvidenceMap.load(tmp_path / "new" / "map.safetensors")
    assert loaded.logits.equal(saved.logits)
    assert loaded.logits.dtype == dtype
    assert (loaded.grid, loaded.classes) == (saved.grid, saved.classes)


def test_what_is_no_saved_map_is_refused_in_one_line(tmp_path: Path, evidence_map: EvidenceMap) -> None:
    path = tmp_path / "map.safetensors"
    with pytest.raises(InputError, match="No such file"):
        EvidenceMap.load(path)
    evidence_map.save(path)
    whole = path.read_bytes()
    path.write_bytes(whole[:-7])
    with pytest.raises(InputError, match="cut short"):
        EvidenceMap.load(path)
    path.write_bytes(whole)
    with safe_open(path, "pt") as file:
        said = {name: text for name, text in file.metadata().items() if "digest" not in name}
    save_file({"logits": torch.zeros(0, 3, 3)}, path, said)
    with pytest.raises(InputError, match="of shape \\(0, 3, 3\\), which has no value"):
        EvidenceMap.load(path)
    save_file({"weights": torch.zeros(2)}, path)
    with pytest.raises(InputError, match="holds no evidence map"):
        EvidenceMap.load(path)
    save_file({"logits": torch.zeros(2)}, path, {"evidence": '{"grid": {"height": 4}, "classes": ["cat"]}'})
    with pytest.raises(InputError, match="does not hold an evidence map"):
        EvidenceMap.load(path)


def test_the_table_has_a_row_for_each_tile(evidence_map: EvidenceMap) -> None:
    table = evidence_map.to_arrow()
    assert table.num_rows == len(GRID)
    for row in table.to_pylist():
        assert (GRID.tops[row["row"]], GRID.lefts[row["column"]]) == (row["top"], row["left"])
        for number, name in enumerate(CLASSES):
            assert row[f"evidence.{name}"] == evidence_map.logits[number, row["row"], row["column"]]
    pytest.importorskip("pandas")
    means = table.to_pandas()[[f"evidence.{name}" for name in CLASSES]].mean()
    np.testing.assert_allclose(means, evidence_map.mean(), atol=1e-6)
