"""Everything that the steps of one run need, together."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from nearsight.data import ImageSets
from nearsight.models import Classifier
from nearsight.progress import Progress
from nearsight.settings import Machine, Recipe
from nearsight.settings.tile_schedule import TileSizes
from nearsight.training.checkpoint import TrainingState
from nearsight.training.material import Material
from nearsight.training.precision import PrecisionChoice

if TYPE_CHECKING:
    from lightning_fabric import Fabric


@dataclass(frozen=True)
class Job:
    """Everything that the steps of one run need; it is validated on `sets`, and trained on the `material`."""

    recipe: Recipe
    sets: ImageSets
    material: Material
    sizes: TileSizes
    steps: int
    classifier: Classifier
    state: TrainingState
    choice: PrecisionChoice
    out: Path
    machine: Machine
    fabric: "Fabric"
    progress: Progress
