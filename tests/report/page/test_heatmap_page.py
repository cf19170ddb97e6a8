"""The page of heatmaps: maps, the numbers under the pointer, and a bounded size."""

import base64
import json
import re
from dataclasses import replace
from html import unescape
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from tests.report.page.made_heatmaps import make_heatmaps

from nearsight.cli.show import print_heatmaps
from nearsight.report.heatmap import Heatmaps
from nearsight.report.page import heatmap_page
from nearsight.report.page.heatmap_page import KEPT, write_heatmap_page
from nearsight.report.page.outline import outline_path
from nearsight.report.page.pictures import map_uri
from nearsight.settings.pooled import POOLINGS, Pooling


def data(page: str) -> dict[str, Any]:
    found = re.search(r'id="data">(.*?)</script>', page, re.DOTALL)
    assert found is not None
    parsed: dict[str, Any] = json.loads(found[1])
    return parsed


@pytest.mark.parametrize("classes", [3, 1000])
def test_the_page_holds_the_logits_of_every_tile_of_the_classes_drawn(classes: int, tmp_path: Path) -> None:
    heatmaps = make_heatmaps(classes)
    write_heatmap_page(heatmaps, tmp_path / "heatmaps.html")
    page = (tmp_path / "heatmaps.html").read_text()
    for number, heatmap in enumerate(heatmaps.images, start=1):
        lens = data(page)["mapped"][f"m{number}"]
        assert tuple(lens["classes"][: len(heatmap.shown)]) == heatmap.shown
        assert len(lens["classes"]) == min(KEPT, classes)
        kept = heatmap.evidence.logits[lens["classes"]].flatten(1)
        assert torch.allclose(torch.tensor(lens["values"]), kept, rtol=1e-3)
        assert page.count(f'href="#m{number}-picture"') == len(heatmap.shown)
    assert "<0>.png" not in page
    assert len(page) < 200_000


def test_of_very_many_images_the_first_are_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(heatmap_page, "MOST_BYTES", 1)
    write_heatmap_page(make_heatmaps(3), tmp_path / "heatmaps.html")
    page = (tmp_path / "heatmaps.html").read_text()
    assert "1 of 2 are shown here" in page
    assert list(data(page)["mapped"]) == ["m1"]


def test_an_image_too_large_to_be_drawn_is_left_out_and_that_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(heatmap_page, "MOST_PIXELS", 24 * 20 - 1)
    write_heatmap_page(make_heatmaps(3), tmp_path / "heatmaps.html")
    page = (tmp_path / "heatmaps.html").read_text()
    assert "0 of 2 are shown here" in page
    assert data(page)["mapped"] == {}


def test_a_tile_that_was_skipped_has_no_colour_and_no_logits(tmp_path: Path) -> None:
    (heatmap,) = make_heatmaps(3, images=1).images
    heatmap.evidence.logits[:, 2, 1] = torch.nan
    write_heatmap_page(Heatmaps((heatmap,)), tmp_path / "heatmaps.html")
    page = (tmp_path / "heatmaps.html").read_text()
    values = data(page)["mapped"]["m1"]["values"]
    place = 2 * heatmap.evidence.grid.shape[1] + 1
    assert [of_class[place] for of_class in values] == [None] * 3
    assert all(None not in of_class[:place] + of_class[place + 1 :] for of_class in values)
    uri = map_uri(heatmap.evidence.logits[0], heatmap.evidence.grid, 2.0)
    cells = np.asarray(Image.open(BytesIO(base64.b64decode(uri.partition(",")[2]))))
    top, left = heatmap.evidence.grid.tops[2], heatmap.evidence.grid.lefts[1]
    assert cells[2 * (top + 4), 2 * (left + 4)] == 0
    assert cells[2 * (top + 8), 2 * (left + 4)] != 0


def test_the_score_is_said_to_be_what_the_pooling_makes_of_the_map(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = {
        "mean": ("mean logit", "the mean of the drawn map"),
        "top-k": ("top-k", "the mean of the strongest tiles of the drawn map (5 tiles)"),
        "max": ("max", "the strongest tile of the drawn map"),
        "noisy-or": ("noisy-or", "the log-odds that at least one tile of the drawn map shows the class"),
        "attention": ("attention", "the mean of the drawn map by the tiles' attention"),
    }
    assert set(said) == set(POOLINGS)
    for name in POOLINGS:
        score, made = said[name]
        made_up = make_heatmaps(3, images=1).images[0]
        evidence = replace(
            made_up.evidence,
            pooling=Pooling(name, top_k=5),
            attention=torch.zeros(made_up.evidence.grid.shape),
        )
        heatmaps = Heatmaps((replace(made_up, evidence=evidence),))
        write_heatmap_page(heatmaps, tmp_path / "heatmaps.html")
        page = unescape((tmp_path / "heatmaps.html").read_text())
        assert f"An image’s score is {made}." in page
        counting = [heatmaps.images[0].evidence.counting(number) for number in heatmaps.images[0].shown]
        outlines = re.findall(r'<path class="counting" d="([^"]+)"', page)
        grid = heatmaps.images[0].evidence.grid
        assert outlines == [outline_path(tiles, grid) for tiles in counting if tiles is not None]
        assert bool(outlines) == ("Outlined: the tile" in page) == (name in ("top-k", "max", "attention"))
        print_heatmaps(heatmaps, "out")
        assert f"{score}: {made}" in " ".join(capsys.readouterr().out.split())


@pytest.mark.usefixtures("undrawn")
def test_the_page_shows_the_command_that_made_it_and_the_next_also_when_drawn_again(tmp_path: Path) -> None:
    command = "nearsight heatmap runs/a owl.png --tile 8"
    replace(make_heatmaps(3), command=command).save(tmp_path / "maps")
    Heatmaps.load(tmp_path / "maps").draw(tmp_path / "again")
    for place in ("maps", "again"):
        page = (tmp_path / place / "heatmaps.html").read_text()
        assert f"<code>{command}</code>" in page
        assert "<code>nearsight diagnose runs/a --tile 8</code>" in page
    make_heatmaps(3, images=1).draw(tmp_path / "python")
    assert "Made by</dt>" not in (tmp_path / "python" / "heatmaps.html").read_text()
