"""Whatever was written can be drawn again from disk, also what older versions wrote."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from tests.repair.made_repair import make_repair

from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.report import Heatmap, Heatmaps, redraw, write_comparison
from nearsight.study import Comparison
from nearsight.tiles import TileGrid

OLD = Path(__file__).parents[1] / "fixtures" / "schema-1"


@pytest.fixture
def heatmaps() -> Heatmaps:
    random = torch.Generator().manual_seed(0)
    grid = TileGrid(20, 24, tile=8, stride=4)
    return Heatmaps(
        tuple(
            Heatmap(
                name,
                torch.randint(256, (3, 20, 24), dtype=torch.uint8, generator=random),
                EvidenceMap(torch.randn(2, *grid.shape, generator=random), grid, ("cat", "dog")),
                chosen,
            )
            for name, chosen in (("a/owl.png", 1), ("b/owl.png", None))
        )
    )


@pytest.mark.parametrize(
    ("kind", "files"),
    [
        ("comparison", {"report.html", "comparison.md", "accuracy.png", "accuracy.svg"}),
        ("dimension", {"report.html", "dimension.md", "dimension.png", "dimension.svg"}),
        ("diagnosis", {"report.html"}),
        ("run", {"report.html"}),
    ],
)
def test_what_an_older_version_wrote_is_drawn_again(kind: str, files: set[str], tmp_path: Path) -> None:
    before = sorted((OLD / kind).iterdir())
    paths = redraw(OLD / kind, tmp_path)
    assert {path.name for path in paths} == files
    assert sorted(paths) == sorted(tmp_path.iterdir())
    assert sorted((OLD / kind).iterdir()) == before


def test_a_comparison_is_drawn_as_it_was(make_comparison: Callable[..., Comparison], tmp_path: Path) -> None:
    found = make_comparison()
    found.save(tmp_path)
    paths = write_comparison(found, tmp_path)
    before = [path.read_bytes() for path in paths]
    assert [path.read_bytes() for path in redraw(tmp_path, tmp_path)] == before


def test_heatmaps_are_drawn_as_they_were(heatmaps: Heatmaps, tmp_path: Path) -> None:
    heatmaps.save(tmp_path / "maps")
    again = Heatmaps.load(tmp_path / "maps")
    assert again.to_json() == heatmaps.to_json()
    for ours, theirs in zip(again.images, heatmaps.images, strict=True):
        assert torch.equal(ours.image, theirs.image)
        assert torch.equal(ours.evidence.logits, theirs.evidence.logits)
    paths = redraw(tmp_path / "maps", tmp_path / "again")
    assert [path.name for path in paths] == ["owl.png", "owl.svg", "owl-2.png", "owl-2.svg", "heatmaps.html"]
    assert all(path.read_bytes() == (tmp_path / "maps" / path.name).read_bytes() for path in paths)


@pytest.mark.usefixtures("undrawn")
def test_the_page_of_a_run_names_protocol_tile_and_stride(tmp_path: Path) -> None:
    (page,) = redraw(OLD / "run", tmp_path)
    html = page.read_text()
    assert html.count("tile 4, stride 1, covering grid") == 2
    assert "<code>mean-logit</code>" in html
    # What `evaluate --out` leaves has no recipe.
    for name in ("result.json", "predictions.parquet"):
        shutil.copy(OLD / "run" / name, tmp_path)
    assert "tile 4, stride 1" in redraw(tmp_path, tmp_path)[0].read_text()


@pytest.mark.usefixtures("undrawn")
def test_what_holds_no_results_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        redraw(tmp_path / "nowhere", tmp_path)
    with pytest.raises(
        InputError, match=r"holds no results \(none of comparison\.json, .*give a directory that"
    ):
        redraw(tmp_path, tmp_path)
    with pytest.raises(InputError, match=r"maps were saved without their pictures.*image-0\.safetensors"):
        redraw(OLD / "heatmaps", tmp_path)
    with pytest.raises(InputError, match=r"begun has no result\.json: the run is not finished"):
        redraw(OLD / "begun", tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.usefixtures("undrawn")
def test_a_picture_that_is_missing_is_named(heatmaps: Heatmaps, tmp_path: Path) -> None:
    heatmaps.save(tmp_path)
    (tmp_path / "pictures" / "owl-2.png").unlink()
    with pytest.raises(InputError, match=r"owl-2\.png cannot be read"):
        redraw(tmp_path, tmp_path)


@pytest.mark.usefixtures("undrawn")
def test_a_finished_comparison_is_asked_whether_tiles_are_good_enough(tmp_path: Path) -> None:
    redraw(OLD / "comparison", tmp_path, 50)
    assert "## Good enough?" in (tmp_path / "comparison.md").read_text(encoding="utf-8")
    assert "Good enough?</h3>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_margin_of_anything_else_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"`margin` is for what compare wrote, and .* holds no comparison\.json"
    ):
        redraw(OLD / "diagnosis", tmp_path, 1)


@pytest.mark.usefixtures("undrawn")
def test_the_page_of_a_repair_keeps_its_link_to_the_diagnosis_that_chose(tmp_path: Path) -> None:
    directory = tmp_path / "repair"
    make_repair(directory=directory).save(directory)
    (directory / "diagnosis").mkdir()
    (directory / "diagnosis" / "report.html").write_text("what chose")
    for out, linked in ((directory, True), (tmp_path / "elsewhere", False)):
        redraw(directory, out)
        page = (out / "report.html").read_text(encoding="utf-8")
        assert ('href="diagnosis/report.html"' in page) is linked
