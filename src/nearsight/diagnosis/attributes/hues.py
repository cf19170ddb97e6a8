"""What people call a cast: the hue towards which it moves colours."""

import numpy as np
from numpy.typing import NDArray

from nearsight.diagnosis.attributes.curves import CurvesOfClass
from nearsight.diagnosis.attributes.edits import HUES
from nearsight.diagnosis.attributes.kinds import Attribute

Numbers = NDArray[np.float64]

# The direction of red, green and blue that each attribute measures, where it has more of it.
_WARM, _GREEN = np.array([1.0, 0.0, -1.0]), np.array([-0.5, 1.0, -0.5])
MEASURED = {
    "warm edges": _WARM,
    "green edges": _GREEN,
    "warm everywhere": _WARM,
    "cold everywhere": -_WARM,
    "green everywhere": _GREEN,
    "purple everywhere": -_GREEN,
}


def words_with(attribute: Attribute, curves: CurvesOfClass, *, much: bool) -> str:
    """Return `words_of` an attribute; pictures are looked at only where the shift of colours has a say.

    >>> words_with(attribute, curves, much=True)  # doctest: +SKIP
    'yellowish cast'
    """
    return words_of(attribute, curves.shift if attribute.name in MEASURED else None, much=much)


def words_of(attribute: Attribute, shift: Numbers | None, *, much: bool = True) -> str:
    """Return what people call much or little of an attribute; of a cast, by the shift of colours that comes with it.

    >>> from nearsight.diagnosis.attributes.kinds import ATTRIBUTES, NAMES
    >>> edges = ATTRIBUTES[NAMES.index("warm edges")]
    >>> words_of(edges, np.array([0.0, 0.0, -0.7])), words_of(edges, np.array([0.5, 0.0, 0.0])), words_of(edges, None)
    ('yellowish cast', 'reddish cast', 'reddish cast')

    `shift` is float64 (3,), by how much red, green and blue are brighter than without it (log2); None if that is not
    known. Each attribute measures one direction alone: more red than blue may be a red, or a yellow that lacks blue.
    Of the hues that lie in this direction it is the one nearest to the shift.
    """
    words = str(attribute.much if much else attribute.little)
    direction = MEASURED.get(attribute.name)
    if direction is None or shift is None:
        return words
    coloured = shift - shift.mean()
    towards = direction if much else -direction
    if not coloured @ towards > 0:
        return words
    able = {hue: np.array(axis) for hue, axis in HUES.items() if np.array(axis) @ towards > 0}
    hue = max(able, key=lambda one: float(able[one] @ coloured))
    return " ".join([hue, *words.split()[1:]])
