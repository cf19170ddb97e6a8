"""Heatmaps of noise, for the tests of their page."""

import torch

from nearsight.evidence import EvidenceMap
from nearsight.report.heatmap import Heatmap, Heatmaps
from nearsight.tiles import TileGrid


def make_heatmaps(classes: int, images: int = 2) -> Heatmaps:
    """Random maps of random images of 24×20 pixels, cut at stride 4 into tiles of 8."""
    random = torch.Generator().manual_seed(0)
    grid = TileGrid(24, 20, tile=8, stride=4)
    names = tuple(f"class-{number}" for number in range(classes))
    return Heatmaps(
        tuple(
            Heatmap(
                f"<{number}>.png",
                torch.randint(256, (3, 24, 20), dtype=torch.uint8, generator=random),
                EvidenceMap(torch.randn(classes, *grid.shape, generator=random), grid, names),
                chosen=1,
            )
            for number in range(images)
        )
    )
