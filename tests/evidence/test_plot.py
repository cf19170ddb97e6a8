"""The drawn map holds the logits themselves, one cell per tile, on a scale symmetric about zero."""

import numpy as np
import pytest
import torch
from matplotlib import colormaps
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.evidence.figure import NotebookFigure
from nearsight.evidence.kinds import Removal
from nearsight.evidence.plot import COLOURS, draw_map, shared_limit
from nearsight.tiles import TileGrid

GRID = TileGrid(20, 15, tile=4, stride=3, kind="covering")
IMAGE = torch.randint(256, (3, 20, 15), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))


@pytest.fixture
def evidence_map() -> EvidenceMap:
    logits = torch.randn(2, *GRID.shape, generator=torch.Generator().manual_seed(0)) * 3
    return EvidenceMap(logits, GRID, ("cat", "$dog$"))


def drawn(figure: Figure) -> QuadMesh:
    [mesh] = [each for axes in figure.axes for each in axes.collections if isinstance(each, QuadMesh)][:1]
    return mesh


@pytest.mark.parametrize("number", [0, 1])
def test_the_mean_of_the_drawn_map_is_the_mean_logit(evidence_map: EvidenceMap, number: int) -> None:
    figure = evidence_map.plot(number, image=IMAGE)
    values = np.asarray(drawn(figure).get_array())
    assert np.array_equal(values, evidence_map.logits[number].numpy())
    assert values.mean() == pytest.approx(evidence_map.mean()[number].item(), abs=1e-6)
    [title] = {axes.get_title(loc="left") for axes in figure.axes} - {""}
    assert title == f"{evidence_map.classes[number]}: mean logit {values.mean():+.2f}".replace("-", "−")


def test_every_tile_has_its_centre_in_its_own_cell(evidence_map: EvidenceMap) -> None:
    corners = drawn(evidence_map.plot(0)).get_coordinates()
    for row, top in enumerate(GRID.tops):
        for column, left in enumerate(GRID.lefts):
            x, y = left + GRID.tile / 2, top + GRID.tile / 2
            (x0, y0), (x1, y1) = corners[row, column], corners[row + 1, column + 1]
            assert x0 < x < x1
            assert y0 < y < y1
    assert corners.min() >= 0
    assert (corners <= (GRID.width, GRID.height)).all()


def test_tiles_that_do_not_overlap_are_their_own_cells() -> None:
    grid = TileGrid(8, 12, tile=4, stride=4)
    corners = drawn(EvidenceMap(torch.zeros(1, 2, 3), grid, ("cat",)).plot()).get_coordinates()
    assert corners[:, 0, 1].tolist() == [0, 4, 8]
    assert corners[0, :, 0].tolist() == [0, 4, 8, 12]


def test_the_scale_is_symmetric_shared_when_asked_and_named_in_logits(evidence_map: EvidenceMap) -> None:
    largest = evidence_map.logits[0].abs().max().item()
    assert drawn(evidence_map.plot(0)).get_clim() == (-largest, largest)
    figure = evidence_map.plot(0, limit=7)
    assert drawn(figure).get_clim() == (-7, 7)
    assert any("logits" in axes.get_ylabel() for axes in figure.axes)


@pytest.mark.parametrize("value", [0.0, -5.0, 5.0])
def test_a_flat_map_is_drawn_in_one_colour_that_says_its_sign(value: float) -> None:
    mesh = drawn(EvidenceMap(torch.full((1, *GRID.shape), value), GRID, ("cat",)).plot())
    mesh.update_scalarmappable()
    [colour] = np.unique(mesh.get_facecolor(), axis=0)
    assert np.allclose(colour, colormaps[COLOURS](0.5 + np.sign(value) / 2), atol=0.02)


def test_the_limit_is_the_largest_evidence_for_or_against() -> None:
    assert shared_limit([torch.tensor([[1.0, -6.0]]), torch.tensor([2.5])]) == 6
    assert shared_limit([torch.zeros(3)]) == 1


@pytest.mark.parametrize("limit", [0.0, -1.0, float("nan"), float("inf")])
def test_a_limit_that_is_no_scale_is_refused(evidence_map: EvidenceMap, limit: float) -> None:
    with pytest.raises(InputError, match="limit must be a positive number"):
        evidence_map.plot(0, limit=limit)


@pytest.mark.parametrize("image", [IMAGE.float(), IMAGE[:, :-1], IMAGE[:1]])
def test_an_image_that_is_not_the_maps_is_refused(evidence_map: EvidenceMap, image: torch.Tensor) -> None:
    with pytest.raises(InputError, match=r"expected uint8 of shape \(3, 20, 15\)"):
        evidence_map.plot(0, image=image)


def test_a_notebook_gets_a_picture_and_no_figure_is_left_open(evidence_map: EvidenceMap) -> None:
    from matplotlib import pyplot

    figure = evidence_map.plot(0)
    assert isinstance(figure, NotebookFigure)
    assert figure._repr_png_().startswith(b"\x89PNG")
    assert pyplot.get_fignums() == []


def test_the_map_lies_on_the_pixels_of_its_image(evidence_map: EvidenceMap) -> None:
    axes = Figure().subplots()
    draw_map(axes, evidence_map, 0, 1.0, IMAGE)
    [shown] = axes.images
    assert tuple(shown.get_extent()) == (0, 15, 20, 0)
    assert (axes.get_xlim(), axes.get_ylim()) == ((0, 15), (20, 0))


def test_a_map_of_removal_says_what_its_colours_and_its_score_are() -> None:
    removal = Removal("full-pass", "blur", (2.5,))
    tiles = EvidenceMap(torch.ones(1, 1, 2), TileGrid(2, 4, tile=2, stride=2), ("cat",), removal)
    figure = tiles.plot("cat")
    assert figure.axes[0].get_title(loc="left") == "cat: full-pass logit +2.50"
    assert figure.axes[-1].get_ylabel() == "lost without the tile, logits"
