"""Regions are kept small, and with the errors that are shown."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from nearsight.data.regions import MaskRegions
from nearsight.diagnosis import Diagnosis, diagnose
from nearsight.diagnosis.errors.regions import kept_region
from nearsight.evidence import TiledModel
from nearsight.report.page.diagnosis_page import diagnosis_html


@pytest.mark.parametrize("shape", [(500, 300), (300, 500), (1, 1000), (128, 128), (40, 30)])
def test_a_kept_region_covers_the_same_share_of_the_picture(shape: tuple[int, int]) -> None:
    region = torch.zeros(shape, dtype=torch.bool)
    region[: (shape[0] + 1) // 2, : shape[1] // 2] = True
    kept = kept_region(region)
    assert max(kept.shape) == min(128, max(shape))
    assert float(kept.float().mean()) == pytest.approx(float(region.float().mean()), abs=0.02)
    assert kept.dtype == torch.bool


def test_errors_have_their_region_on_page_and_disk(
    shades: Callable, shaded: Callable, tmp_path: Path
) -> None:
    images = shaded("abc", shown=[0, 1, 2, 2], labels=[0, 1, 2, 0])
    masks = torch.zeros(4, 16, 20, dtype=torch.bool)
    masks[:, 4:8, 5:15] = True
    found = diagnose(
        TiledModel(shades("abc"), stride=4),
        replace(images, regions=MaskRegions(masks)),
        parts=["errors"],
    )
    [error] = found["errors"].errors
    assert torch.equal(error.region, masks[3])
    page = diagnosis_html(found)
    assert page.count('<path class="region" d="M5 4H15M5 8H15M5 4V8M15 4V8"/>') == 1
    assert "the object</figcaption>" in page
    found.save(tmp_path)
    assert diagnosis_html(Diagnosis.load(tmp_path)) == page
    bare = diagnose(TiledModel(shades("abc"), stride=4), images, parts=["errors"])
    assert 'class="region"' not in diagnosis_html(bare)
