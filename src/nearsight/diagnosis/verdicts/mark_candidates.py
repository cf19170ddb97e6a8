"""Marks at changing places as candidates: searched for in the tiles that the network itself found strongest."""

from collections.abc import Iterator

from nearsight.diagnosis.candidates import Candidate, Examined
from nearsight.diagnosis.reasons.atlas import Atlas
from nearsight.diagnosis.repeats import TileAt, find_repeated_marks


def mark_candidates(atlas: Atlas, examined: Examined, tile: int) -> Iterator[Candidate]:
    """Yield the marks that the strongest tiles of a class show again and again, wherever they are in their images.

    `tile` is the side of tiles in pixels. Tiles are those of the images that choose. If the network's
    preprocessing resizes images, tiles are not part of an image as it was decoded, and nothing is searched for.
    """
    preprocessing = examined.decision.bound.preprocessing
    if preprocessing is not None and preprocessing.resizes:
        return
    tiles = {
        number: [
            TileAt(image, top, left, tile)
            for reason in found.reasons
            for image, (top, left) in zip(reason.images, reason.corners, strict=True)
            if examined.choosing[image]
        ]
        for number, found in enumerate(atlas.classes)
    }
    yield from find_repeated_marks(examined, tiles)
