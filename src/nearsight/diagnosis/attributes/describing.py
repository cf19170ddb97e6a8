"""What tells any group of images from others, as a whole."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.kinds import ATTRIBUTES
from nearsight.diagnosis.attributes.measuring import Values
from nearsight.statistics import Estimate
from nearsight.statistics.means import wilson_interval

# Chance of naming anything where nothing differs.
LEVEL = 0.05
# Of attributes that tell them apart as well but for so much, the one with the fewest causes is named.
AS_WELL = 0.02


@dataclass(frozen=True)
class Described:
    """The attribute that tells a group of images best from others, and what to call it.

    `effect` is how often an image of the group has more of it than another (the area under the ROC curve; less of it,
    where the words say so), `probability` the one of as much by chance, over all attributes.
    """

    attribute: str
    words: str
    effect: Estimate
    probability: float


def describe(
    values: Values, inside: NDArray[np.bool_], rest: NDArray[np.bool_] | None = None
) -> Described | None:
    """Return what tells the images `inside` best from the `rest`; None where nothing does beyond chance.

    >>> values = np.zeros((40, len(ATTRIBUTES)), dtype=np.float32)
    >>> values[:20, 0] = 1
    >>> found = describe(values, np.arange(40) < 20)
    >>> found.words, found.effect.value
    ('compressed: 8-pixel blocks', 1.0)

    `values` is float32 (n, attributes) as `measure_all` returns it, `inside` and `rest` bool (n,); without `rest`
    it is all others. Tested by Mann and Whitney's test at 5 %, Bonferroni's correction for all attributes and
    both directions. The effect's interval is Wilson's, as if every image of the smaller group were one answer,
    which is never too narrow for a share between 0 and 1 of that many images.
    """
    from scipy.stats import mannwhitneyu

    known = ~np.isnan(values).any(1)
    ours = values[inside & known]
    theirs = values[(~inside if rest is None else rest & ~inside) & known]
    if not len(ours) or not len(theirs):
        return None
    tested = mannwhitneyu(ours, theirs, axis=0, method="asymptotic")
    above = np.asarray(tested.statistic) / (len(ours) * len(theirs))
    chance = np.minimum(1.0, np.nan_to_num(np.asarray(tested.pvalue), nan=1.0) * len(ATTRIBUTES))
    found = [
        (max(above[k], 1 - above[k]), k)
        for k, attribute in enumerate(ATTRIBUTES)
        if chance[k] <= LEVEL and (attribute.much if above[k] > 0.5 else attribute.little)
    ]
    if not found:
        return None
    most = max(effect for effect, _ in found)
    effect, column = next((effect, k) for effect, k in found if effect >= most - AS_WELL)
    attribute, count = ATTRIBUTES[column], min(len(ours), len(theirs))
    return Described(
        attribute=attribute.name,
        words=str(attribute.much if above[column] > 0.5 else attribute.little),
        effect=Estimate(float(effect), *wilson_interval(float(effect), count), n=count, chance=0.5),
        probability=float(chance[column]),
    )
