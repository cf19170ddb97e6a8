"""The heatmap figure: the logits that are reported, on one scale for all images, with the tiles themselves."""

import json
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from matplotlib.collections import QuadMesh
from matplotlib.figure import Figure
from PIL import Image

from nearsight.evidence import EvidenceMap
from nearsight.progress import watched
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.tiles import TileGrid
from nearsight.write import plain

CLASSES = ("cat", "dog", "owl")


def make_heatmap(name: str, *, seed: int, chosen: int | None = None, scale: float = 1.0) -> Heatmap:
    random = torch.Generator().manual_seed(seed)
    grid = TileGrid(24, 20, tile=8, stride=3, kind="covering")
    image = torch.randint(256, (3, 24, 20), dtype=torch.uint8, generator=random)
    logits = scale * torch.randn(3, *grid.shape, generator=random)
    return Heatmap(name, image, EvidenceMap(logits, grid, CLASSES), chosen)


def meshes(figure: Figure) -> list[QuadMesh]:
    # A colour bar's own mesh is a single column.
    found = [each for axes in figure.axes for each in axes.collections if isinstance(each, QuadMesh)]
    return [mesh for mesh in found if np.asarray(mesh.get_array()).shape == (7, 5)]


def pictures(figure: Figure, side: int) -> list[np.ndarray]:
    shown = [np.asarray(image.get_array()) for axes in figure.axes for image in axes.images]
    return [picture for picture in shown if picture.shape == (side, side, 3)]


@pytest.mark.parametrize("chosen", [None, 0, 1, 2])
def test_the_mean_of_each_drawn_map_is_the_logit_that_is_written_and_reported(chosen: int | None) -> None:
    heatmap = make_heatmap("owl.png", seed=0, chosen=chosen)
    heatmaps = Heatmaps((heatmap,))
    drawn = meshes(heatmaps.figure(0))
    reported = heatmaps.to_json()["images"][0]["classes"]
    titles = [axes.get_title(loc="left") for axes in heatmaps.figure(0).axes]
    assert len(drawn) == len(heatmap.shown) == len(reported)
    for mesh, (name, measured) in zip(drawn, reported.items(), strict=True):
        mean = np.asarray(mesh.get_array(), dtype=np.float64).mean()
        assert mean == pytest.approx(heatmap.evidence.mean()[CLASSES.index(name)].item(), abs=1e-6)
        assert measured["mean-logit"] == pytest.approx(mean, abs=1e-6)
        assert any(f"mean logit {mean:+.2f}".replace("-", "−") in title for title in titles)


def test_the_chosen_class_comes_first_and_the_predicted_one_once() -> None:
    predicted = make_heatmap("a", seed=0).predicted
    other = (predicted + 1) % 3
    assert make_heatmap("a", seed=0).shown == (predicted,)
    assert make_heatmap("a", seed=0, chosen=predicted).shown == (predicted,)
    assert make_heatmap("a", seed=0, chosen=other).shown == (other, predicted)


def test_one_scale_holds_for_all_images_of_a_call() -> None:
    weak, strong = make_heatmap("a", seed=0, chosen=0), make_heatmap("b", seed=1, chosen=0, scale=9)
    heatmaps = Heatmaps((weak, strong))
    largest = max(
        heatmap.evidence.logits[number].abs().max().item()
        for heatmap in heatmaps.images
        for number in heatmap.shown
    )
    assert heatmaps.limit == largest
    for number in range(2):
        assert {mesh.get_clim() for mesh in meshes(heatmaps.figure(number))} == {(-largest, largest)}


def test_the_strongest_tiles_are_shown_as_they_are() -> None:
    heatmap = make_heatmap("a", seed=2)
    [number] = heatmap.shown
    expected = [
        heatmap.evidence.crop(heatmap.image, tile.index).permute(1, 2, 0).numpy()
        for against in (False, True)
        for tile in heatmap.strongest(number, against=against)
    ]
    shown = pictures(Heatmaps((heatmap,)).figure(0), side=8)
    assert len(shown) == len(expected)
    assert all(np.array_equal(one, other) for one, other in zip(shown, expected, strict=True))


@pytest.mark.parametrize(
    ("shift", "labels"),
    [
        (50.0, {"strongest for", "least for"}),
        (-50.0, {"least against", "strongest against"}),
        (0.0, {"strongest for", "strongest against"}),
    ],
)
def test_tiles_for_a_class_are_not_said_to_be_against_it(shift: float, labels: set[str]) -> None:
    heatmap = make_heatmap("a", seed=0)
    shifted = EvidenceMap(heatmap.evidence.logits + shift, heatmap.evidence.grid, CLASSES)
    figure = Heatmaps((Heatmap("a", heatmap.image, shifted),)).figure(0)
    assert {axes.get_ylabel() for axes in figure.axes} - {"", "evidence of a tile, logits"} == labels


def test_a_tile_that_speaks_for_a_class_is_not_shown_beside_those_against_it() -> None:
    logits = torch.tensor([[[2.0, 1.0, 0.5, -3.0]]])
    evidence = EvidenceMap(logits, TileGrid(8, 32, tile=8, stride=8), ("a",))
    heatmap = Heatmap("one.png", torch.zeros(3, 8, 32, dtype=torch.uint8), evidence)
    assert [tile.evidence for tile in heatmap.strongest(0, against=True)] == [-3.0]
    assert [tile.evidence for tile in heatmap.strongest(0, against=False)] == [2.0, 1.0, 0.5]


def test_a_single_tile_and_a_flat_map_are_drawn(tmp_path: Path) -> None:
    evidence = EvidenceMap(torch.zeros(3, 1, 1), TileGrid(8, 8, tile=8, stride=2), CLASSES)
    heatmap = Heatmap("one.png", torch.zeros(3, 8, 8, dtype=torch.uint8), evidence, chosen=1)
    assert len(Heatmaps((heatmap,)).save(tmp_path)) == 6


def test_files_are_a_picture_an_svg_and_the_raw_map(tmp_path: Path) -> None:
    heatmaps = Heatmaps((make_heatmap("x/owl.png", seed=0, chosen=1), make_heatmap("y/OWL.jpg", seed=1)))
    paths = heatmaps.save(tmp_path / "new")
    assert {str(path.relative_to(tmp_path / "new")) for path in paths} == {
        "heatmaps.json",
        "heatmaps.html",
        *(f"{stem}{suffix}" for stem in ("owl", "OWL-2") for suffix in (".png", ".svg", ".safetensors")),
        *(f"pictures/{stem}.png" for stem in ("owl", "OWL-2")),
    }
    assert sorted(path for path in (tmp_path / "new").rglob("*") if path.is_file()) == sorted(paths)
    with Image.open(paths[0]) as picture:
        assert picture.width > 1000
    assert "strongest for" in set(ElementTree.parse(paths[1]).getroot().itertext())
    assert EvidenceMap.load(tmp_path / "new" / "owl.safetensors").logits.equal(
        heatmaps.images[0].evidence.logits
    )
    assert [each["files"] for each in heatmaps.to_json()["images"]] == ["owl", "OWL-2"]


def test_the_result_is_json() -> None:
    heatmaps = Heatmaps((make_heatmap("owl.png", seed=0, chosen=1),))
    [image] = json.loads(json.dumps(plain(heatmaps.to_json()), allow_nan=False))["images"]
    assert image["chosen"] == "dog"
    assert image["tiles"] == 35
    strongest = image["classes"]["dog"]["for"][0]
    assert strongest["evidence"] == pytest.approx(heatmaps.images[0].evidence.logits[1].max().item())
    assert image["grid"]["tile"] == 8


@pytest.mark.usefixtures("undrawn")
def test_the_drawing_of_figures_is_counted_for_whoever_watches(tmp_path: Path, listener: Any) -> None:
    maps = Heatmaps((make_heatmap("a.png", seed=0), make_heatmap("b.png", seed=1)))
    with watched(listener):
        maps.save(tmp_path)
    assert listener.counted == [("drawing figures", 1, 2), ("drawing figures", 2, 2)]
