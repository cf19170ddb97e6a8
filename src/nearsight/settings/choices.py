"""What is chosen from a few, and how much is done unless something else is asked for."""

from typing import Literal

# What is held equal between the arms of a study.
Budget = Literal["steps", "pixels"]

# Tiles at multiples of the stride, or one more row and column flush with the far edges.
GridKind = Literal["aligned", "covering"]

# On how many images a diagnosis checks its maps.
FAITHFULNESS_IMAGES = 32
