"""From a recipe to a trained run: precision, optimizers, resuming, many processes."""

from nearsight.training.interruption import Interrupted
from nearsight.training.keeping import keep
from nearsight.training.material import Material, SilentTiles
from nearsight.training.training_run import total_steps, train
from nearsight.training.tuning import fine_tuning

__all__ = [
    "Interrupted",
    "Material",
    "SilentTiles",
    "fine_tuning",
    "keep",
    "total_steps",
    "train",
]
