"""From a recipe to a trained run: precision, optimizers, resuming, many processes."""

from nearsight.training.interruption import Interrupted
from nearsight.training.reporter import Reporter, Silent, Tick
from nearsight.training.train import total_steps, train

__all__ = [
    "Interrupted",
    "Reporter",
    "Silent",
    "Tick",
    "total_steps",
    "train",
]
