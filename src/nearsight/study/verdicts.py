"""What a paired interval shows, in words."""

from nearsight.statistics import Estimate
from nearsight.statistics.pairs import IMAGES
from nearsight.statistics.writing import points


def verdict(arm: str, reference: str, difference: Estimate) -> str:
    """Say which of two arms is better, or that no difference is shown, with the 95 % interval in points.

    >>> tile, full, both = "tile 16 (mean-logit, stride 4)", "full (full-pass)", "images and seeds"
    >>> print(verdict(tile, full, Estimate(0.011, 0.006, 0.016, covers=both)))
    tile 16 (mean-logit, stride 4) is better than full (full-pass) by 1.1 points (0.6 to 1.6)
    >>> print(verdict(tile, full, Estimate(-0.002, -0.007, 0.003, covers=both)))
    tile 16 (mean-logit, stride 4) against full (full-pass), no difference shown: −0.2 (−0.7 to 0.3)
    >>> print(verdict(tile, full, Estimate(0.011, 0.006, 0.016)))
    of these two networks, tile 16 (mean-logit, stride 4) is better than full (full-pass) by 1.1 points \
(0.6 to 1.6); one seed does not tell which way of training is

    `arm` and `reference` name the arms and how they were scored. `difference` is the accuracy of `arm` minus that
    of `reference`. A difference is shown if the interval excludes zero. An interval that covers images alone,
    with one seed, is about two networks and not about two ways of training, and the sentence says so. If an end
    would be rounded to zero although it is not zero, a second decimal is written.
    """
    estimate, low, high = difference.numbers
    decimals = 2 if any(0 < abs(end) < 0.0005 for end in (low, high)) else 1
    one_seed = difference.covers == IMAGES
    of_two = "of these two networks, " if one_seed else ""
    if low <= 0 <= high:
        return (
            f"{of_two}{arm} against {reference}, no difference shown: {points(estimate, decimals)} "
            f"({points(low, decimals)} to {points(high, decimals)})"
        )
    word = "better"
    if high < 0:
        word, estimate, low, high = "worse", -estimate, -high, -low
    said = (
        f"{of_two}{arm} is {word} than {reference} by {points(estimate, decimals)} points "
        f"({points(low, decimals)} to {points(high, decimals)})"
    )
    return f"{said}; one seed does not tell which way of training is" if one_seed else said
