"""From a recipe to a trained run: precision, optimizers, resuming, many processes."""

from nearsight.training.interruption import Interrupted
from nearsight.training.training_run import total_steps, train

__all__ = [
    "Interrupted",
    "total_steps",
    "train",
]
