"""All edits by which photographs are commonly changed, with what people call the result.

They are what Pillow's ImageOps and benchmarks of robustness have (Hendrycks and Dietterich, "Benchmarking neural
network robustness to common corruptions and perturbations", ICLR 2019; Mintun, Kirillov and Xie, "On interaction
between augmentations and corruptions", NeurIPS 2021), what libraries of augmentations (albumentations, imgaug) and
programs for photographs have, and what the shortcut study's first eight sets of withheld kinds showed to be missing,
as far as no other edit does the same.
"""

from dataclasses import replace

from nearsight.data import ImageSet
from nearsight.diagnosis.attributes.likeness import Likeness
from nearsight.diagnosis.attributes.photo.colours import COLOURS
from nearsight.diagnosis.attributes.photo.detail import DETAILS
from nearsight.diagnosis.attributes.photo.geometry import GEOMETRIES
from nearsight.diagnosis.attributes.photo.laid_over import OVERLAYS
from nearsight.diagnosis.attributes.photo.light import PHOTO_LIGHTS
from nearsight.diagnosis.attributes.photo.materials import MATERIALS
from nearsight.diagnosis.attributes.photo.redrawn import REDRAWINGS
from nearsight.diagnosis.attributes.photo.reducing import on_small_pictures

# If images have more pixels than this in the mean, all of them take more than ten seconds of an image.
MOST_PIXELS = 2**21

PHOTO_EDITS = tuple(
    replace(one, way=on_small_pictures(one.way))
    for one in (*COLOURS, *DETAILS, *GEOMETRIES, *PHOTO_LIGHTS, *OVERLAYS, *REDRAWINGS, *MATERIALS)
)


def photo_edits(images: ImageSet) -> tuple[Likeness, ...]:
    """Return them for images of a set, or none if images are so large in the mean that it would take too long.

    >>> len(photo_edits(sets["test"]))  # doctest: +SKIP
    152
    """
    return PHOTO_EDITS if images.sizes.prod(1).mean() <= MOST_PIXELS else ()
