"""How small a difference of accuracy is significant, given the number of images."""

import numpy as np
from scipy.stats import hypergeom

# The assumed share of the images with a shortcut, and the required power of the test.
SHARE = 1 / 3
POWER = 0.8
DRAWS = 400
STEP = 0.05


def smallest_difference(images: int, accuracy: float, level: float, *, seed: int = 0) -> float | None:
    """Return the smallest difference of accuracy that is significant in four of five draws; None if none is.

    >>> smallest_difference(125, 0.6, 0.05), smallest_difference(4, 0.6, 0.05)
    (0.25, None)

    `images` of the class test, and a third of them have it; `accuracy` is that of the images without it; `level`
    is the probability by chance at which one candidate is believed. The result is found by drawing, in steps of 5
    points, with Fisher's exact test, one-sided.
    """
    random = np.random.default_rng(seed)
    having = round(images * SHARE)
    if not 0 < having < images:
        return None
    for step in range(1, round(1 / STEP) + 1):
        difference = step * STEP
        if accuracy + difference > 1 + 1e-9:
            return None
        right_with = random.binomial(having, min(1.0, accuracy + difference), DRAWS)
        right_without = random.binomial(images - having, accuracy, DRAWS)
        p = hypergeom.sf(right_with - 1, images, right_with + right_without, having)
        if (p <= level).mean() >= POWER:
            return round(difference, 2)
    return None


def fewest_images(classes: int, level: float) -> int:
    """Return how many images of a class must test until something that a third of them have can be believed.

    >>> fewest_images(3, 0.05), fewest_images(3, 0.005), fewest_images(10, 0.005)
    (8, 14, 8)

    As many images of each of so many `classes` test, and none of the others has it; `level` is the probability by
    chance at which one candidate is believed. By Fisher's exact test, one-sided: with fewer images something is not
    believed to go with its class, whatever an intervention shows.
    """
    images = 1
    while True:
        having = round(images * SHARE)
        if having and hypergeom.sf(having - 1, classes * images, having, images) <= level:
            return images
        images += 1
