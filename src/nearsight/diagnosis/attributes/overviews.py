"""Finding what distinguishes images that are too large to be held by their overviews: tones and colours."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.find import Found
from nearsight.diagnosis.attributes.kinds import NAMES
from nearsight.diagnosis.attributes.measuring import measure_all
from nearsight.diagnosis.candidates import Candidate, Examined

# What is the same in an image and in the means of its squares. Noise, detail and compression are not.
OF_ANY_SIZE = frozenset(
    {
        *("warm edges", "green edges", "dark corners", "light corners", "brightness", "contrast", "midtones"),
        *("light from the left", "light from above", "warm", "green", "saturation"),
    }
)


def find_looks_of_overviews(examined: Examined) -> Iterator[Candidate]:
    """Yield the tones and colours that distinguish some images of a class, as `find_whole_image_attributes` does.

    They are measured in the overviews of `examined.parted`. To add or remove one would change every tile of an image,
    so they have no edits.
    """
    found = Found(examined, _measured(examined))
    yield from map(found.without_edits, found.named)


def _measured(examined: Examined) -> NDArray[np.float32]:
    """Measure all overviews, of several processes each its share; what depends on the size of images is 0."""
    assert examined.parted is not None
    pictures, processes = examined.parted.pictures, examined.decision.processes
    own, done = processes.share(len(examined.images)), 0

    def step() -> None:
        nonlocal done
        done += 1
        examined.progress.count("measuring colours and sharpness of large images", done, len(own))

    values = np.concatenate(processes.each(lambda: measure_all(map(pictures.overview, own), step)))
    return np.where([name in OF_ANY_SIZE for name in NAMES], values, np.float32(0))
