"""An edit learned from images of a class, whatever they share: the fine detail of one of them, in another image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from torch import Tensor
from torch.nn.functional import interpolate

from nearsight.diagnosis.candidates import Candidate, Examined

# With fewer images on either side there is nothing to learn from or to compare with; at most so many are used.
FEWEST, DONORS = 8, 32
# Of so many images at most, those are taken of which the classifier is surest.
RANKED = 120
# Images of other classes on which an edit is chosen.
TRIED_ON = 48
# Pixels per side from which on what counts as fine grows with the picture.
SIDE = 64
# The spread in pixels below which a blur is not made on a smaller picture.
COARSEST = 4.0


@dataclass(frozen=True, eq=False)
class FineDetail:
    """Adds the fine detail of one of several images to another, always that of the same one to the same image.

    >>> striped = torch.zeros(3, 8, 8, dtype=torch.uint8)
    >>> striped[:, ::2] = 100
    >>> FineDetail([striped], 1.0)(torch.full((3, 8, 8), 60, dtype=torch.uint8))[0, 2:6, 4].tolist()
    [109, 11, 109, 11]

    Fine detail is what is left of a picture without its blurred self: no tones, and of shapes no more than thin
    outlines. `fine` is the spread of that blur in pixels of pictures of at most 64 pixels a side, and in as many
    64ths of the shorter side of larger ones. With `instead` the image's own fine detail is taken away first.
    `donors` are uint8 (3, H, W) each; one of another size is repeated, or cut off, at the right and at the bottom.
    """

    donors: Sequence[Tensor]
    fine: float
    instead: bool = False

    def __call__(self, image: Tensor) -> Tensor:
        """Return an image with the fine detail of a donor, uint8 (3, H, W)."""
        donor = self.donors[int(image.to(torch.int64).sum()) % len(self.donors)]
        detail = _values(donor) - self._blurred(donor)
        rows, columns = (
            np.arange(n) % side for n, side in zip(image.shape[1:], detail.shape[1:], strict=True)
        )
        ground = self._blurred(image) if self.instead else _values(image)
        changed = ground + detail[:, rows][:, :, columns]
        return torch.from_numpy(np.clip(np.rint(changed), 0, 255).astype(np.uint8))

    def _blurred(self, image: Tensor) -> NDArray[np.float32]:
        return blurred(_values(image), self.fine * max(1.0, min(image.shape[1:]) / SIDE))


def _values(image: Tensor) -> NDArray[np.float32]:
    return image.numpy().astype(np.float32)


def blurred(values: NDArray[np.float32], spread: float) -> NDArray[np.float32]:
    """Blur a picture (3, H, W) with a Gaussian of a spread in pixels; a wide one on means of squares of pixels.

    >>> blurred(np.full((3, 400, 300), 7, dtype=np.float32), 20.0)[0, 0, 0]
    np.float32(7.0)

    A blur of many pixels leaves nothing that a smaller picture could not hold, and there it takes a small part of the
    time. A photograph of a camera needs one of 47 pixels, hundreds of times.
    """
    coarser = int(spread / COARSEST)
    if coarser < 2:
        return np.asarray(gaussian_filter(values, (0, spread, spread), mode="nearest"))
    height, width = values.shape[1:]
    small = interpolate(
        torch.from_numpy(values)[None], size=(height // coarser, width // coarser), mode="area"
    ).numpy()[0]
    spreads = (0, spread * small.shape[1] / height, spread * small.shape[2] / width)
    soft = torch.from_numpy(gaussian_filter(small, spreads, mode="nearest"))[None]
    return np.asarray(interpolate(soft, size=(height, width), mode="bilinear", align_corners=False)[0])


# How fine detail may be, and whether it replaces an image's own.
WAYS = ((1.0, False), (1.0, True))


def with_learned_edit(examined: Examined, candidate: Candidate) -> Candidate | None:
    """Return a candidate with the edit that is learned from its images in place of its own; None if they are too few.

    Its edit gives other images the fine detail of those that have it, and `beside` that of those of the class that
    lack it: of the ones that the classifier is surest of, since images that are easy to classify show more of what
    the class pictures. All are images that choose. Of two ways to do so it is the one that moves the most
    images of other classes that choose to the class beyond what `beside` moves.
    """
    if examined.parted is not None:
        return None
    number = candidate.class_number
    mine = examined.labels == number
    donors = examined.pictures(mine & candidate.has, DONORS)
    lacking = np.flatnonzero(mine & ~candidate.has & examined.choosing & ~np.isnan(candidate.value))
    if min(len(donors), len(lacking)) < FEWEST:
        return None
    ranked = np.random.default_rng((examined.seed, 10)).permutation(lacking)[:RANKED]
    others = examined.pictures_at(ranked[surest_first(examined, ranked, number)][: len(donors)])
    pictures = examined.pictures(~mine & ~candidate.has, TRIED_ON)

    def moved(edit: Callable[[Tensor], Tensor]) -> float:
        return float((examined.decision.predictions_of(pictures, edit) == number).mean()) if pictures else 0.0

    pairs = [(FineDetail(donors, *way), FineDetail(others, *way)) for way in WAYS]
    gains = [moved(edit) - moved(beside) for edit, beside in pairs]
    edit, beside = pairs[int(np.argmax(gains))]
    return replace(candidate, put_on=edit, put_on_of=None, take_off=None, take_off_of=None, beside=beside)


def surest_first(examined: Examined, places: NDArray[np.int64], number: int) -> NDArray[np.int64]:
    """Return the order of some images by how sure the classifier is of a class, the surest first, int64 (n,)."""
    scores = examined.scores_of(places)
    ahead = scores[:, number] - np.delete(scores, number, axis=1).max(1)
    return np.argsort(-ahead, kind="stable")
