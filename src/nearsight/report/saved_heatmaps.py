"""Heatmaps on disk: what `Heatmaps.load` reads beside the maps, so that figures are drawn again."""

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image
from torch import Tensor

from nearsight.data.decode import allowed_pixels, decode_image
from nearsight.digest import digest_of
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.rows import from_values, read_json, to_values
from nearsight.schema import numbered
from nearsight.write import replace_atomically, write_json

if TYPE_CHECKING:
    from nearsight.report.heatmap import Heatmap

HEATMAPS = "heatmaps.json"
PICTURES = "pictures"


@dataclass(frozen=True)
class SavedHeatmap:
    """One image of a directory of heatmaps: its name, the name of its files, and the class that was asked for.

    `digest` is that of its picture, empty where the version that wrote it kept none.
    """

    name: str
    files: str
    chosen: int | None
    digest: str = ""


@dataclass(frozen=True)
class _Listed:
    images: tuple[SavedHeatmap, ...]


def save_pictures(directory: Path, heatmaps: Sequence["Heatmap"], stems: Sequence[str]) -> list[Path]:
    """Write heatmaps.json and each image as pictures/NAME.png, each whole or not at all; return the paths."""
    paths = []
    for heatmap, stem in zip(heatmaps, stems, strict=True):
        paths.append(directory / PICTURES / f"{stem}.png")
        with replace_atomically(paths[-1]) as temporary:
            pixels = np.ascontiguousarray(heatmap.image.permute(1, 2, 0).cpu().numpy())
            # A photograph takes the strongest compression minutes and little becomes of it.
            Image.fromarray(pixels).save(temporary, "PNG", compress_level=1)
    digests = [digest_of(path.read_bytes()) for path in paths]
    rows = [
        SavedHeatmap(each.name, stem, each.chosen, digest)
        for each, stem, digest in zip(heatmaps, stems, digests, strict=True)
    ]
    paths.append(directory / HEATMAPS)
    write_json(paths[-1], numbered("heatmaps", {"images": to_values(rows)}))
    return paths


def read_saved(directory: Path) -> list[tuple[SavedHeatmap, Tensor, EvidenceMap]]:
    """Return what lies in a directory of heatmaps: each image's row, its pixels as uint8 (3, H, W), and its map.

    Raises `InputError` where a file is missing or damaged, or of a newer version.
    """
    schema, values = read_json("heatmaps", directory / HEATMAPS, "heatmap")
    listed = from_values(_Listed, values, directory / HEATMAPS, schema=schema)
    return [
        (
            row,
            _read_picture(directory / PICTURES / f"{row.files}.png", row.digest),
            EvidenceMap.load(directory / f"{row.files}.safetensors"),
        )
        for row in listed.images
    ]


def _read_picture(path: Path, digest: str) -> Tensor:
    try:
        if digest and path.is_file() and digest_of(path.read_bytes()) != digest:
            raise InputError(f"{path} is damaged: its content is not what {HEATMAPS} says")
        # It was written here, of an image that was allowed.
        with allowed_pixels(sys.maxsize):
            return decode_image(path)
    except InputError as error:
        raise InputError(f"{error}; run `nearsight heatmap` again") from error
