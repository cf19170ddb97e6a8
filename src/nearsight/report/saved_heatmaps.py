"""Heatmaps on disk: what `Heatmaps.load` reads beside the maps, so that figures can be drawn again."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from nearsight.data.decode import allowed_pixels, decode_image
from nearsight.data.placement import Placement
from nearsight.digest import BESIDE, digest_of
from nearsight.errors import InputError
from nearsight.evidence import EvidenceMap
from nearsight.evidence.plot import check_image
from nearsight.numbers import Count
from nearsight.read import check_beside, read_bytes
from nearsight.report.large_picture import LargePicture
from nearsight.rows import from_values, read_result, to_values
from nearsight.schema import numbered
from nearsight.write import replace_atomically, seals_of, write_json

if TYPE_CHECKING:
    from nearsight.report.heatmap import Heatmap

HEATMAPS = "heatmaps.json"
PICTURES = "pictures"
TILES = "tiles"


@dataclass(frozen=True)
class SavedHeatmap:
    """One image of a directory of heatmaps: its name, the name of its files, and the requested class.

    `digest` is that of its picture, empty if the version that wrote it kept none. For an image that was too large
    to be held, `tiles` are the numbers of those that are side by side in tiles/FILES.png, whose digest is
    `tiles_digest`, and `placement` says where the image is in the world.
    """

    name: str
    files: str
    chosen: Count | None
    digest: str = ""
    tiles: tuple[Count, ...] | None = None
    tiles_digest: str = ""
    placement: Placement | None = None


@dataclass(frozen=True)
class _Listed:
    images: tuple[SavedHeatmap, ...]
    command: str = ""


def save_pictures(
    directory: Path, heatmaps: Sequence["Heatmap"], stems: Sequence[str], command: str = ""
) -> list[Path]:
    """Write heatmaps.json and each image as pictures/NAME.png, each whole or not at all; return the paths.

    The maps are there already; `command` made them.
    """
    paths, rows = [], []
    for heatmap, stem in zip(heatmaps, stems, strict=True):
        paths.append(directory / PICTURES / f"{stem}.png")
        row = SavedHeatmap(heatmap.name, stem, heatmap.chosen, _save_picture(paths[-1], heatmap.image))
        if heatmap.large is not None:
            tiles = heatmap.large.tiles
            paths.append(directory / TILES / f"{stem}.png")
            row = replace(
                row,
                tiles=tuple(tiles),
                tiles_digest=_save_picture(paths[-1], torch.cat(list(tiles.values()), 2)),
                placement=heatmap.large.placement,
            )
        rows.append(row)
    paths.append(directory / HEATMAPS)
    beside = seals_of(directory, [f"{stem}.safetensors" for stem in stems])
    write_json(
        paths[-1], numbered("heatmaps", {"images": to_values(rows), "command": command, BESIDE: beside})
    )
    return paths


def _save_picture(path: Path, image: Tensor) -> str:
    """Write pixels, uint8 (3, H, W), as PNG; return the file's digest."""
    with replace_atomically(path) as temporary:
        pixels = np.ascontiguousarray(image.permute(1, 2, 0).cpu().numpy())
        # For a photograph, the strongest compression takes minutes and hardly makes it smaller.
        Image.fromarray(pixels).save(temporary, "PNG", compress_level=1)
    return digest_of(path.read_bytes())


def read_saved(
    directory: Path,
) -> tuple[list[tuple[SavedHeatmap, Tensor, EvidenceMap, LargePicture | None]], str]:
    """Return the content of a directory of heatmaps, and the command that made it.

    The content is each image's row, its pixels as uint8 (3, H, W), and its map. For an image that was too large to be
    held, its shown tiles are returned too.

    Raises `InputError` if a file is missing or damaged, or of a newer version.
    """
    source = directory / HEATMAPS
    schema, values = read_result("heatmaps", source, "heatmap")
    check_beside(source, values, "run `nearsight heatmap` again")
    listed = from_values(_Listed, values, source, schema=schema)
    if [row.files for row in listed.images] != file_stems([row.name for row in listed.images]):
        raise InputError(
            f"{source}: names and files of its images do not belong together; run `nearsight heatmap` again"
        )
    return [_read_one(directory, row) for row in listed.images], listed.command


def _read_one(
    directory: Path, row: SavedHeatmap
) -> tuple[SavedHeatmap, Tensor, EvidenceMap, LargePicture | None]:
    path, picture = directory / f"{row.files}.safetensors", directory / PICTURES / f"{row.files}.png"
    evidence = EvidenceMap.load(path)
    height, width = evidence.grid.height, evidence.grid.width
    if row.chosen is not None and row.chosen >= len(evidence.classes):
        raise InputError(
            f"{directory / HEATMAPS}: {row.name} was drawn for class {row.chosen}, and {path.name} has "
            f"{len(evidence.classes)} classes; run `nearsight heatmap` again"
        )
    pixels = _read_picture(picture, row.digest, height * width)
    if row.tiles is not None:
        return row, pixels, evidence, _read_large(directory, row, evidence, pixels)
    if tuple(pixels.shape[1:]) != (height, width):
        raise InputError(
            f"{picture} has {pixels.shape[1]}×{pixels.shape[2]} pixels, and its map is of {height}×{width}; run "
            "`nearsight heatmap` again"
        )
    return row, pixels, evidence, None


def _read_large(directory: Path, row: SavedHeatmap, evidence: EvidenceMap, pixels: Tensor) -> LargePicture:
    path, numbers = directory / TILES / f"{row.files}.png", row.tiles or ()
    side = evidence.grid.tile
    strip = _read_picture(path, row.tiles_digest, side * side * max(1, len(numbers)))
    if strip.shape[1:] != (side, side * len(numbers)) or any(
        number >= len(evidence.grid) for number in numbers
    ):
        raise InputError(
            f"{path} does not hold the tiles that {HEATMAPS} lists; run `nearsight heatmap` again"
        )
    try:
        check_image(pixels, evidence.grid)
    except InputError as error:
        raise InputError(
            f"{directory / PICTURES / row.files}.png: {error}; run `nearsight heatmap` again"
        ) from error
    return LargePicture(dict(zip(numbers, torch.split(strip, side, 2), strict=True)), row.placement)


def file_stems(names: Sequence[str]) -> list[str]:
    """Return the name of each image's files, from the images' names; equal names get a number.

    >>> file_stems(["a/owl.png", "b/Owl.jpg"])
    ['owl', 'Owl-2']
    """
    stems: list[str] = []
    taken: set[str] = set()
    counts: dict[str, int] = {}
    for name in names:
        stem = unique = Path(name).stem
        count = counts.get(stem, 1)
        # Some file systems treat names that differ only in case as one name.
        while unique.casefold() in taken:
            count += 1
            unique = f"{stem}-{count}"
        taken.add(unique.casefold())
        counts[stem] = count
        stems.append(unique)
    return stems


def check_images_stay(directory: Path, names: Sequence[str]) -> None:
    """Raise `InputError` if a picture that is written for images in a directory would replace one of the images."""
    given = {path.resolve() for path in map(Path, names) if path.is_file()}
    for stem in file_stems(names):
        for path in (
            directory / f"{stem}.png",
            directory / f"{stem}.svg",
            directory / PICTURES / f"{stem}.png",
        ):
            if path.resolve() in given:
                raise InputError(
                    f"the heatmap {path} would replace the image of that name; choose another directory with `out`"
                )


def _read_picture(path: Path, digest: str, most_pixels: int) -> Tensor:
    try:
        if digest and digest_of(read_bytes(path, "put back a copy of it")) != digest:
            raise InputError(f"{path} is damaged: its content is not what {HEATMAPS} says")
        # It was written here, from an image that was allowed, and is as large as its map says.
        with allowed_pixels(most_pixels):
            return decode_image(path)
    except InputError as error:
        raise InputError(f"{error}; run `nearsight heatmap` again") from error
