"""What is measured of pictures on one scale, so that measures of different units can be compared."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Values = NDArray[np.float32]

# Values are clipped to this many times their spread, so that none decides alone.
FARTHEST = 6.0


@dataclass(frozen=True, eq=False)
class Scale:
    """Scales measures by their median and spread in pictures, float64 (n, measures).

    >>> scale = Scale.of(np.array([[0], [1], [2]], dtype=np.float32))
    >>> scale(np.array([[1], [100]], dtype=np.float32)).tolist()
    [[0.0], [6.0]]

    What could not be measured counts as 0.
    """

    middle: Values
    spread: Values

    @staticmethod
    def of(values: Values) -> "Scale":
        """Return the scale of some pictures; the spread is half of what lies between 16 and 84 % of them."""
        low, middle, high = np.percentile(values, (16, 50, 84), axis=0)
        return Scale(middle, np.maximum((high - low) / 2, 1e-3))

    def __call__(self, values: Values) -> NDArray[np.float64]:
        away = (np.nan_to_num(values) - self.middle) / self.spread
        return np.asarray(np.clip(away, -FARTHEST, FARTHEST), dtype=np.float64)
